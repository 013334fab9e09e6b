import { dataOf, isDead } from './errors.js';
import { type Kept, Tokens, type TokenStorage } from './tokens.js';
import type * as wire from './types.js';

export interface AuthPortalOptions {
  /** Where the portal is: its `PUBLIC_URL`. */
  url: string;
  /** Further origins that `fetch` may send the access token to. The portal's own is always one. */
  origins?: readonly string[];
  /** Where the tokens are kept; in memory unless you give one. Read about its risks first. */
  storage?: TokenStorage;
  /** What is called in the place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** The language of refusals, `tr` or `en`; else the browser's. */
  language?: string;
  /** Called once when the session turns out to be over. Not called where this client signs out itself. */
  onSignedOut?: () => void;
  /** How long one of the portal's own operations may take: 30 seconds. */
  timeoutMs?: number;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A sign-in at an auth-portal. Refusals throw PortalError. */
export class AuthPortal {
  readonly #base: string;
  readonly #origins: ReadonlySet<string>;
  readonly #fetch: typeof globalThis.fetch;
  readonly #language: string | undefined;
  readonly #timeoutMs: number;
  readonly #tokens: Tokens;

  constructor(options: AuthPortalOptions) {
    if (/[?#]/.test(options.url)) throw new TypeError("The portal's address has no query and no fragment");
    const url = new URL(options.url);
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, '')}/api/v1/auth/`;
    this.#origins = new Set([options.url, ...(options.origins ?? [])].map(originOf));
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#language = options.language;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    const refresh = (refreshToken: string) => this.#open<wire.LoggedIn>('refresh-token', { refreshToken });
    this.#tokens = new Tokens(options.storage, url.origin, refresh, () => options.onSignedOut?.());
  }

  /** Whether there are tokens. Only a call tells whether their session still lives. */
  isSignedIn(): Promise<boolean> {
    return this.#tokens.areKept();
  }

  /** An access token that is good for a while yet, for what cannot go through `fetch`. */
  async accessToken(): Promise<string> {
    return (await this.#tokens.good()).accessToken;
  }

  /**
   * `fetch` with the access token, for the portal's origin and those of `origins`; TypeError for any other. It is
   * renewed shortly before its end, and once after a 401; then the request is repeated, unless its body is a stream
   * or somebody signed in meanwhile.
   * A redirect is an error, and never followed; `redirect: 'manual'` gives it to you.
   */
  async fetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
    const target = input instanceof Request ? input : new URL(input, globalThis.location?.href);
    const origin = new URL(target instanceof Request ? target.url : target).origin;
    if (!this.#origins.has(origin)) throw new TypeError(`${origin} is not one of the origins that may see the token`);
    const send = ({ accessToken }: Kept, to: Request | URL) => this.#fetch(to, authorized(to, init, accessToken));
    const kept = await this.#tokens.good();
    const response = await send(kept, target instanceof Request ? target.clone() : target);
    if (!isAboutTheToken(response)) return response;
    if (!isRepeatable(init.body)) {
      // For the next call. Where it fails, that call tells.
      await this.#tokens.another(kept).catch(() => undefined);
      return response;
    }
    const another = await this.#tokens.another(kept);
    if (another.signInId !== kept.signInId) return response;
    await response.body?.cancel();
    return send(another, target);
  }

  /** Send a code to an address. */
  sendOtpEmail(body: wire.SendEmailCode): Promise<wire.EmailCodeSent> {
    return this.#open('send-otp-email', body);
  }

  /** Sign in with a mailed code; a new person is to be registered first. */
  loginOtpEmail(body: wire.VerifyEmailCode): Promise<wire.LoggedIn | wire.RegistrationRequired> {
    return this.#login('login-otp-email', body);
  }

  /** Send a code to a phone. */
  sendOtp(body: wire.SendPhoneCode): Promise<wire.PhoneCodeSent> {
    return this.#open('send-otp', body);
  }

  /** Sign in with a code that came to a phone; a new person is to be registered first. */
  loginOtp(body: wire.VerifyPhoneCode): Promise<wire.LoggedIn | wire.RegistrationRequired> {
    return this.#login('login-otp', body);
  }

  /** Register the person behind a registration token, and sign in. */
  completeRegistration(registrationToken: string, body: wire.CompleteRegistration): Promise<wire.LoggedIn> {
    return this.#login('complete-registration', body, registrationToken);
  }

  /** Renew the tokens now. The client does so by itself; this is for the user that comes along. */
  refresh(): Promise<wire.LoggedIn> {
    return this.#tokens.rotate();
  }

  /** End this session. The tokens are forgotten even where the portal cannot be told; then that error is thrown. */
  async logout(): Promise<wire.Nothing> {
    try {
      return await this.#call<wire.Nothing>('POST', 'logout');
    } catch (error) {
      if (isDead(error)) return {};
      throw error;
    } finally {
      await this.#tokens.forget();
    }
  }

  /** End all sessions of the person but this one. */
  logoutOthers(): Promise<wire.Ended> {
    return this.#call('POST', 'logout-others');
  }

  /** End all sessions of the person, this one too. */
  logoutAll(): Promise<wire.Ended> {
    return this.#last('POST', 'logout-all');
  }

  /** The signed-in person. */
  getMe(): Promise<wire.Me> {
    return this.#call('GET', 'me');
  }

  /** Change names, language or fields; what is not given stays. */
  updateMe(body: wire.UpdateProfile): Promise<wire.Me> {
    return this.#call('PATCH', 'me', body);
  }

  /** Delete the account, after a time in which that can be taken back. Ends all sessions. */
  deleteMe(): Promise<wire.EraseAt> {
    return this.#last('DELETE', 'me');
  }

  /** Everything that is kept about the person. */
  exportMe(): Promise<wire.Export> {
    return this.#call('GET', 'me/export');
  }

  /** Accept the terms that are in force. */
  acceptTerms(body: wire.AcceptTerms): Promise<wire.Me> {
    return this.#call('POST', 'me/terms', body);
  }

  /** What happened to the account, the newest first; `before` is the `next` of the page before. */
  listActivity(page: { before?: string } = {}): Promise<wire.Activity> {
    const query = page.before === undefined ? '' : `?${new URLSearchParams({ before: page.before }).toString()}`;
    return this.#call('GET', `me/activity${query}`);
  }

  /** What the person is signed in with, the last used first. */
  listSessions(): Promise<wire.SessionList> {
    return this.#call('GET', 'sessions');
  }

  /** End one of them. */
  endSession(id: string): Promise<wire.Nothing> {
    return this.#call('DELETE', `sessions/${encodeURIComponent(id)}`);
  }

  /** Send a code to an address that the person wants to have. */
  addEmail(body: wire.AddEmail): Promise<wire.EmailCodeSent> {
    return this.#call('POST', 'me/email', body);
  }

  /** Take the address that a code proves, in place of the main one or beside it. */
  proveEmail(body: wire.ProveEmail): Promise<wire.Me> {
    return this.#call('POST', 'me/email/verify', body);
  }

  /** Make the second address the main one. */
  chooseMainEmail(body: wire.OwnEmail): Promise<wire.Me> {
    return this.#call('POST', 'me/email/main', body);
  }

  /** Give an address up. */
  removeEmail(body: wire.OwnEmail): Promise<wire.Me> {
    return this.#call('POST', 'me/email/remove', body);
  }

  /** Send a code to a number that the person wants to have. */
  addPhone(body: wire.AddPhone): Promise<wire.PhoneCodeSent> {
    return this.#call('POST', 'me/phone', body);
  }

  /** Take the number that a code proves, in place of the main one or beside it. */
  provePhone(body: wire.ProvePhone): Promise<wire.Me> {
    return this.#call('POST', 'me/phone/verify', body);
  }

  /** Make the second number the main one. */
  chooseMainPhone(body: wire.OwnPhone): Promise<wire.Me> {
    return this.#call('POST', 'me/phone/main', body);
  }

  /** Give a number up. */
  removePhone(body: wire.OwnPhone): Promise<wire.Me> {
    return this.#call('POST', 'me/phone/remove', body);
  }

  async #login<T extends wire.LoggedIn | wire.RegistrationRequired>(
    path: string,
    body: object,
    token?: string,
  ): Promise<T> {
    const askedAt = Date.now();
    const answer = await this.#open<T>(path, body, token);
    if (!answer.registrationRequired) await this.#tokens.keep(answer, askedAt);
    return answer;
  }

  /** A call whose success ends this session. */
  async #last<T>(method: Method, path: string): Promise<T> {
    const answer = await this.#call<T>(method, path);
    await this.#tokens.forget();
    return answer;
  }

  async #call<T>(method: Method, path: string, body?: object): Promise<T> {
    return (await dataOf(await this.fetch(this.#base + path, this.#request(method, body)))) as T;
  }

  /** A call that needs no access token. */
  async #open<T>(path: string, body: object, token?: string): Promise<T> {
    const init = this.#request('POST', body);
    const headers = { ...init.headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) };
    return (await dataOf(await this.#fetch(this.#base + path, { ...init, headers }))) as T;
  }

  #request(method: Method, body?: object): RequestInit & { headers: Record<string, string> } {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (this.#language !== undefined) headers['Accept-Language'] = this.#language;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    return {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(this.#timeoutMs),
    };
  }
}

function originOf(address: string): string {
  const { origin } = new URL(address);
  if (origin === 'null') throw new TypeError('An origin begins with http:// or https:// and a host');
  return origin;
}

/** Node.js 18.0 and older browsers take the header along to another origin by a redirect: so none is followed. */
function authorized(target: Request | URL, init: RequestInit, token: string): RequestInit {
  const from = target instanceof Request ? target : undefined;
  const headers = new Headers(init.headers ?? from?.headers);
  headers.set('Authorization', `Bearer ${token}`);
  const isManual = (init.redirect ?? from?.redirect) === 'manual';
  return { ...init, headers, redirect: isManual ? 'manual' : 'error' };
}

/** A wrong code is a 401, too, and must not be sent twice. */
function isAboutTheToken(response: Response): boolean {
  return response.status === 401 && (response.headers.get('X-Error-Code') ?? 'unauthorized') === 'unauthorized';
}

function isRepeatable(body: RequestInit['body']): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

