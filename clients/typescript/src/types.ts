/** What goes over the wire, as docs/api.md describes it. Times are RFC 3339 in UTC, durations are seconds. */

/** Body of `send-otp-email`. */
export interface SendEmailCode {
  email: string;
  clientId?: string;
  locale?: string;
}

/** Body of `login-otp-email`. */
export interface VerifyEmailCode {
  email: string;
  code: string;
  challengeId?: string;
}

/** Body of `send-otp`. `region` is the country of a national number. */
export interface SendPhoneCode {
  phoneNumber: string;
  region?: string;
  clientId?: string;
  locale?: string;
}

/** Body of `login-otp`. */
export interface VerifyPhoneCode {
  phoneNumber: string;
  region?: string;
  code: string;
  challengeId?: string;
}

/** Body of `complete-registration`. */
export interface CompleteRegistration {
  firstName: string;
  lastName: string;
  acceptTerms: boolean;
  locale?: string;
  fields?: Record<string, unknown>;
}

/** Body of `refresh-token`. */
export interface RefreshTokens {
  refreshToken: string;
}

/** Body of `PATCH me`; what is not given stays as it is. */
export interface UpdateProfile {
  firstName?: string;
  lastName?: string;
  locale?: string;
  fields?: Record<string, unknown>;
}

/** Body of `me/terms`. */
export interface AcceptTerms {
  acceptTerms: boolean;
}

/** Body of `me/email`. */
export interface AddEmail {
  email: string;
  locale?: string;
}

/** Body of `me/phone`. */
export interface AddPhone {
  phoneNumber: string;
  region?: string;
  locale?: string;
}

/** Body of `me/email/verify`. */
export interface ProveEmail {
  email: string;
  code: string;
  challengeId?: string;
  keepFormer?: boolean;
  endOtherSessions?: boolean;
}

/** Body of `me/phone/verify`. */
export interface ProvePhone {
  phoneNumber: string;
  region?: string;
  code: string;
  challengeId?: string;
  keepFormer?: boolean;
  endOtherSessions?: boolean;
}

/** Body of `me/email/main` and `me/email/remove`. */
export interface OwnEmail {
  email: string;
  endOtherSessions?: boolean;
}

/** Body of `me/phone/main` and `me/phone/remove`: the number as the profile says it. */
export interface OwnPhone {
  phoneNumber: string;
  endOtherSessions?: boolean;
}

/** A code is on its way to an address. `code` is there in development only. */
export interface EmailCodeSent {
  email: string;
  challengeId: string;
  codeLength: number;
  expiresAt: string;
  resendAt: string;
  code?: string;
}

/** A code is on its way to a phone. `code` is there in development only. */
export interface PhoneCodeSent {
  phoneNumber: string;
  challengeId: string;
  codeLength: number;
  expiresAt: string;
  resendAt: string;
  code?: string;
}

/** A person. */
export interface User {
  id: string;
  email: string | null;
  phoneNumber: string | null;
  firstName: string;
  lastName: string;
  locale: string;
  createdAt: string;
  fields: Record<string, unknown>;
  missingFields: string[];
  termsAccepted: boolean;
}

/** Somebody is signed in. */
export interface LoggedIn {
  accessToken: string;
  tokenType: 'Bearer';
  expiresIn: number;
  refreshToken: string;
  refreshExpiresIn: number;
  registrationRequired: false;
  user: User;
}

/** The code was right, and its person is new. */
export interface RegistrationRequired {
  registrationRequired: true;
  registrationToken: string;
  expiresIn: number;
  accessToken: null;
  refreshToken: null;
  user: null;
}

/** An address or number that its person has proven. */
export interface Proven {
  value: string;
  isMain: boolean;
  verifiedAt: string;
}

/** The signed-in person, with everything that they have proven. */
export type Me = User & {
  emails: Proven[];
  phoneNumbers: Proven[];
};

/** Something that happened to the account. */
export interface AccountEvent {
  id: string;
  happenedAt: string;
  kind: string;
  outcome: string;
  actor: string;
  sessionId: string | null;
  clientId: string | null;
  clientName: string | null;
  device: string | null;
  network: string | null;
  place: string | null;
  facts: Record<string, unknown>;
}

/** A page of events, the newest first; `next` is `before` of the page behind it. */
export interface Activity {
  events: AccountEvent[];
  next: string | null;
}

/** Something that the person is signed in with. */
export interface OpenSession {
  id: string;
  device: string | null;
  network: string | null;
  place: string | null;
  createdAt: string;
  lastSeenAt: string;
  expiresAt: string;
  isCurrent: boolean;
}

/** All of them, the last used first. */
export interface SessionList {
  sessions: OpenSession[];
}

/** How many sessions were ended. */
export interface Ended {
  ended: number;
}

/** When the account will be erased. */
export interface EraseAt {
  eraseAt: string;
}

/** Everything that is kept about the person; docs/accounts.md lists the members. */
export interface Export {
  format: number;
  issuer: string;
  exportedAt: string;
  [member: string]: unknown;
}

/** An answer that says nothing but that it is done. */
export type Nothing = Record<string, never>;

/** Why a call was refused: the header `X-Error-Code`. */
export type ErrorCode =
  | 'account_suspended'
  | 'addresses_full'
  | 'already_registered'
  | 'bad_request'
  | 'client_unknown'
  | 'code_invalid'
  | 'content_too_large'
  | 'deletion_pending'
  | 'delivery_failed'
  | 'insufficient_scope'
  | 'internal_error'
  | 'last_address'
  | 'method_not_allowed'
  | 'not_found'
  | 'reauthentication_required'
  | 'resend_too_soon'
  | 'service_unavailable'
  | 'too_many_requests'
  | 'unauthorized'
  | 'unsupported_media_type'
  | 'validation_failed';
