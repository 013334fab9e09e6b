import type { ErrorCode } from './types.js';

/** The portal refused a call. A network that fails is no refusal: then `fetch`'s own error is thrown. */
export class PortalError extends Error {
  override readonly name = 'PortalError';
  /** The HTTP status. */
  readonly status: number;
  /** The header `X-Error-Code`; a newer portal may have codes that this version does not know. Null: none came. */
  readonly code: ErrorCode | (string & {}) | null;
  /** The first says what happened, further ones what is wrong with which field. */
  readonly messages: readonly string[];
  /** Seconds to wait before the next try, where the portal says so. */
  readonly retryAfter: number | null;

  constructor(status: number, code: string | null, messages: readonly string[], retryAfter: number | null = null) {
    super(messages.join(' | ') || `Status ${status}`);
    this.status = status;
    this.code = code;
    this.messages = messages;
    this.retryAfter = retryAfter;
  }
}

/** Nobody is signed in, or the session is over. */
export function signedOut(): PortalError {
  return new PortalError(401, 'unauthorized', ['Unauthorized']);
}

/** Whether the portal said that a token is dead. A proxy's 401, without the portal's code, does not. */
export function isDead(error: unknown): boolean {
  return error instanceof PortalError && error.status === 401 && error.code === 'unauthorized';
}

/** The `data` of an answer. Throws PortalError for a refusal, and for what is no answer of a portal. */
export async function dataOf(response: Response): Promise<unknown> {
  const envelope = parsed(await response.text());
  if (response.ok && envelope?.['isSuccess'] === true) return envelope['data'];
  const errors = envelope?.['errors'];
  const messages = Array.isArray(errors) && errors.length > 0 ? errors.map(String) : ['Not an answer of the portal'];
  throw new PortalError(response.status, response.headers.get('X-Error-Code'), messages, waitOf(response));
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function waitOf(response: Response): number | null {
  const text = response.headers.get('Retry-After');
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}
