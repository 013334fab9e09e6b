export { PortalError } from './errors.js';
export { AuthPortal, type AuthPortalOptions } from './portal.js';
export type { TokenStorage } from './tokens.js';
export type * from './types.js';
