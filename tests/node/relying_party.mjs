// openid-client (npm) as a relying party: reads its task as JSON from the first argument, prints JSON lines, and is
// handed the address to which the person came back through stdin.
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';

// Node 18 has them, but not as globals.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
const oidc = await import('openid-client');

const task = JSON.parse(process.argv[2]);
const say = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => (await lines.next()).value;

const authentication = async () => {
  if (!task.privateKey) return task.post ? oidc.ClientSecretPost(task.secret) : oidc.ClientSecretBasic(task.secret);
  const key = await crypto.subtle.importKey('jwk', task.privateKey, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return oidc.PrivateKeyJwt({ key, kid: task.privateKey.kid });
};
const config = await oidc.discovery(
  new URL(task.issuer), task.clientId, undefined, await authentication(), { execute: [oidc.allowInsecureRequests] },
);

const tasks = {
  async code() {
    const verifier = oidc.randomPKCECodeVerifier();
    const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
    const parameters = {
      redirect_uri: task.redirectUri,
      scope: task.scope,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...task.parameters,
    };
    const address = task.isPushed
      ? await oidc.buildAuthorizationUrlWithPAR(config, parameters)
      : oidc.buildAuthorizationUrl(config, parameters);
    say({ open: address.href });
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    if (task.parameters?.max_age) checks.maxAge = Number(task.parameters.max_age);
    const tokens = await oidc.authorizationCodeGrant(config, new URL(await hear()), checks);
    const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    const told = { claims: tokens.claims(), person };
    if (tokens.refresh_token) {
      const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      told.refreshed = refreshed.claims();
      told.live = await oidc.tokenIntrospection(config, refreshed.refresh_token);
      await oidc.tokenRevocation(config, refreshed.refresh_token);
      told.revoked = await oidc.tokenIntrospection(config, refreshed.access_token);
    }
    told.signOut = oidc.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: task.goodbye, state: 'bye',
    }).href;
    say(told);
  },
  async device() {
    const codes = await oidc.initiateDeviceAuthorization(config, { scope: 'openid email' });
    say({ open: codes.verification_uri_complete, userCode: codes.user_code });
    await hear();
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, codes);
    say({ claims: tokens.claims(), person: await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub) });
  },
  async own() {
    const tokens = await oidc.clientCredentialsGrant(config, { scope: task.scope });
    say({ scope: tokens.scope, about: await oidc.tokenIntrospection(config, tokens.access_token) });
  },
};
await tasks[task.kind]();
process.exit(0);
