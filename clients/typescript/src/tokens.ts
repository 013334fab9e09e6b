import { isDead, signedOut } from './errors.js';
import type { LoggedIn } from './types.js';

/**
 * Where the tokens are kept, as one text; null takes them away. Whoever can read it is signed in as this person.
 * Clients that are given the same object, and tabs whose storages have the same content, share a sign-in.
 */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(text: string | null): void | Promise<void>;
}

export interface Kept {
  /** Which sign-in they belong to; a refresh does not change it. */
  signInId: string;
  accessToken: string;
  refreshToken: string;
  /** When to refresh, and when the access token is over: milliseconds of this machine's clock. */
  renewAt: number;
  overAt: number;
}

type Refresh = (refreshToken: string) => Promise<LoggedIn>;

/** How long before its end an access token is renewed: half a minute, or a fifth of a short life. */
const MARGIN_S = 30;

const queues = new WeakMap<TokenStorage, Promise<unknown>>();

/** The tokens of a sign-in: kept, renewed by one refresh at a time, and forgotten. */
export class Tokens {
  readonly #storage: TokenStorage;
  readonly #lock: string | null;
  readonly #refresh: Refresh;
  readonly #onSignedOut: () => void;
  #flight: Promise<Kept> | null = null;
  #isSignedIn = false;

  constructor(storage: TokenStorage | undefined, portal: string, refresh: Refresh, onSignedOut: () => void) {
    this.#storage = storage ?? memory();
    this.#lock = storage === undefined ? null : `auth-portal-client ${portal}`;
    this.#refresh = refresh;
    this.#onSignedOut = onSignedOut;
  }

  /** Keep the tokens of a sign-in that was asked for at this moment. */
  keep(answer: LoggedIn, askedAt: number): Promise<void> {
    return this.#exclusively(async () => void (await this.#write(answer, askedAt, newId())));
  }

  /** Forget them; the app that does so is not told. */
  forget(): Promise<void> {
    return this.#exclusively(async () => {
      this.#isSignedIn = false;
      await this.#storage.set(null);
    });
  }

  /** Whether there are tokens. Their session may be over nevertheless: only the portal knows. */
  async areKept(): Promise<boolean> {
    return (await this.#read()) !== null;
  }

  /** Tokens whose access token is good for a while; refreshes where it must. Throws PortalError. */
  async good(): Promise<Kept> {
    const kept = await this.#mustRead();
    if (Date.now() < kept.renewAt) return kept;
    try {
      const another = await this.another(kept);
      if (another.signInId === kept.signInId) return another;
    } catch (error) {
      // The portal is away for a moment. What is still good is used until its end.
      if (isDead(error) || Date.now() >= kept.overAt) throw error;
      return kept;
    }
    throw signedOut();
  }

  /**
   * Other tokens than these, whose access token was refused or is over. They may be those of another sign-in: who has
   * a request of the former one compares. Callers at the same time share a refresh.
   */
  async another(stale: Kept): Promise<Kept> {
    this.#flight ??= this.#exclusively(() => this.#replace(stale)).finally(() => {
      this.#flight = null;
    });
    return this.#flight;
  }

  /** Refresh now, needed or not. Throws PortalError. */
  async rotate(): Promise<LoggedIn> {
    return this.#exclusively(async () => (await this.#renew(await this.#mustRead()))[1]);
  }

  async #replace(stale: Kept): Promise<Kept> {
    const kept = await this.#mustRead();
    if (kept.accessToken !== stale.accessToken) return kept;
    try {
      return (await this.#renew(kept))[0];
    } catch (error) {
      const others = isDead(error) ? await this.#read() : null;
      if (others === null) throw error;
      return others;
    }
  }

  async #renew(kept: Kept): Promise<[Kept, LoggedIn]> {
    const askedAt = Date.now();
    try {
      const answer = await this.#refresh(kept.refreshToken);
      return [await this.#write(answer, askedAt, kept.signInId), answer];
    } catch (error) {
      // Where there are no Web Locks, another tab may have signed in meanwhile: its tokens stay.
      if (isDead(error) && (await this.#read())?.refreshToken === kept.refreshToken) {
        await this.#storage.set(null);
        await this.#read();
      }
      throw error;
    }
  }

  async #write(answer: LoggedIn, askedAt: number, signInId: string): Promise<Kept> {
    const { accessToken, refreshToken, expiresIn } = answer;
    const margin = Math.min(MARGIN_S, expiresIn / 5);
    const overAt = askedAt + expiresIn * 1000;
    const kept = { signInId, accessToken, refreshToken, renewAt: overAt - margin * 1000, overAt };
    this.#isSignedIn = true;
    await this.#storage.set(JSON.stringify(kept));
    return kept;
  }

  async #mustRead(): Promise<Kept> {
    const kept = await this.#read();
    if (kept === null) throw signedOut();
    return kept;
  }

  /** Whoever finds the tokens gone tells the app, once, whoever took them away. */
  async #read(): Promise<Kept | null> {
    const kept = parsed(await this.#storage.get());
    const wasSignedIn = this.#isSignedIn;
    this.#isSignedIn = kept !== null;
    if (kept === null && wasSignedIn) this.#onSignedOut();
    return kept;
  }

  /** One after the other: all clients of this storage here, and all tabs of it where there are Web Locks. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const locks = this.#lock === null ? undefined : globalThis.navigator?.locks;
    const run = async (): Promise<T> => (locks && this.#lock ? await locks.request(this.#lock, work) : await work());
    const before = queues.get(this.#storage) ?? Promise.resolve();
    const turn = before.then(run);
    queues.set(
      this.#storage,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

/** No secret: it only tells sign-ins apart. `crypto` is not in every page and runtime. */
function newId(): string {
  return `${Date.now()}-${Math.random()}`;
}

function memory(): TokenStorage {
  let kept: string | null = null;
  return {
    get: () => kept,
    set: (text) => {
      kept = text;
    },
  };
}

/** What is no record of ours is none: then nobody is signed in. */
function parsed(text: string | null | undefined): Kept | null {
  if (!text) return null;
  try {
    const kept = JSON.parse(text) as Partial<Kept> | null;
    const isWhole =
      typeof kept?.signInId === 'string' &&
      typeof kept.accessToken === 'string' &&
      typeof kept.refreshToken === 'string' &&
      typeof kept.renewAt === 'number' &&
      typeof kept.overAt === 'number';
    return isWhole ? (kept as Kept) : null;
  } catch {
    return null;
  }
}
