// openid-client 5 as a relying party: the same task and the same lines as relying_party.mjs, by a library that was
// written before Web Crypto and shares no code with its successor.
import { createInterface } from 'node:readline';
import { Issuer, generators } from 'openid-client-5';

const task = JSON.parse(process.argv[2]);
const say = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const issuer = await Issuer.discover(task.issuer);
const client = new issuer.Client({
  client_id: task.clientId, client_secret: task.secret, redirect_uris: [task.redirectUri], response_types: ['code'],
});
const [verifier, state, nonce] = [generators.codeVerifier(), generators.state(), generators.nonce()];
say({
  open: client.authorizationUrl({
    scope: task.scope,
    state,
    nonce,
    code_challenge: generators.codeChallenge(verifier),
    code_challenge_method: 'S256',
    ...task.parameters,
  }),
});
const answer = client.callbackParams((await lines.next()).value);
const tokens = await client.callback(task.redirectUri, answer, { code_verifier: verifier, state, nonce, response_type: 'code' });
const person = await client.userinfo(tokens);
const refreshed = await client.refresh(tokens);
const live = await client.introspect(refreshed.refresh_token);
await client.revoke(refreshed.refresh_token);
say({
  claims: tokens.claims(),
  person,
  refreshed: refreshed.claims(),
  live,
  revoked: await client.introspect(refreshed.access_token),
  signOut: client.endSessionUrl({ id_token_hint: tokens, post_logout_redirect_uri: task.goodbye, state: 'bye' }),
});
process.exit(0);
