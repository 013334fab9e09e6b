// Authorization code with PKCE for a page without a server (RFC 7636), without a library.
// Tokens stay in this variable: whoever reloads the page is sent through the portal once more, which remembers them.
import { apiUrl, clientId, portalUrl } from './config.js';

const find = (id) => document.getElementById(id);
const here = `${location.origin}${location.pathname}`;
let tokens;

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async (text) => base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
const claimsOf = (token) => JSON.parse(new TextDecoder().decode(
  Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)),
));

const portal = await fetch(`${portalUrl}/.well-known/openid-configuration`).then((answer) => answer.json());

const signIn = async () => {
  const [state, nonce, verifier] = [random(), random(), random()];
  // Kept until the way back, in this tab only; used once.
  sessionStorage.setItem('sign-in', JSON.stringify({ state, nonce, verifier }));
  const address = new URL(portal.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: here,
    response_type: 'code',
    scope: 'openid profile',
    resource: apiUrl,
    state,
    nonce,
    code_challenge: await sha256(verifier),
    code_challenge_method: 'S256',
  });
  location.assign(address);
};

// Back from the portal: this must be the answer to our own request, from our own portal (RFC 9207).
const finish = async (answer) => {
  history.replaceState(null, '', here);
  const begun = JSON.parse(sessionStorage.getItem('sign-in') ?? '{}');
  sessionStorage.removeItem('sign-in');
  if (!begun.state || answer.get('state') !== begun.state || answer.get('iss') !== portal.issuer) throw Error('This is not the answer to our question.');
  if (answer.has('error')) throw Error(answer.get('error'));
  const response = await fetch(portal.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: here,
      code: answer.get('code'),
      code_verifier: begun.verifier,
    }),
  });
  const body = await response.json();
  if (!response.ok) throw Error(body.error);
  // It comes straight from the token endpoint over TLS, so its signature need not be checked here (Core 3.1.3.7).
  const claims = claimsOf(body.id_token);
  if (claims.nonce !== begun.nonce || claims.aud !== clientId || claims.iss !== portal.issuer) throw Error('The ID token is not ours.');
  tokens = body;
};

const show = async () => {
  for (const id of ['call', 'sign-out']) find(id).hidden = !tokens;
  find('sign-in').hidden = Boolean(tokens);
  find('status').textContent = 'You are not signed in.';
  if (!tokens) return;
  const person = await fetch(portal.userinfo_endpoint, { headers: { Authorization: `Bearer ${tokens.access_token}` } })
    .then((answer) => answer.json());
  find('status').textContent = `You are signed in as ${person.name}.`;
};

find('sign-in').addEventListener('click', signIn);
find('sign-out').addEventListener('click', () => {
  const address = new URL(portal.end_session_endpoint);
  address.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: here });
  location.assign(address);
});
find('call').addEventListener('click', async () => {
  const answer = await fetch(`${apiUrl}/orders`, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
  find('answer').textContent = `${answer.status} ${await answer.text()}`;
});

try {
  const answer = new URLSearchParams(location.search);
  if (answer.has('code') || answer.has('error')) await finish(answer);
  await show();
} catch (error) {
  await show();
  find('status').textContent = `That did not work: ${error.message}`;
}
