// What goes over the wire, made of the portal's OpenAPI document.
// Times are RFC 3339 in UTC, durations are seconds.

export interface AcceptTerms {
  /** The person accepts the terms in force; nothing but true goes on. */
  acceptTerms: true;
}

export interface AccountEvent {
  /** Opaque, never used again. */
  id: string;
  /** When. */
  happenedAt: string;
  /** What; see the audit log for all kinds. */
  kind: string;
  /** `done`, or `refused` where it was tried only. */
  outcome: string;
  /** Who did it. */
  actor: "person" | "operator" | "portal";
  /** The session it happened in, or to. */
  sessionId: string | null;
  /** The app it was for. */
  clientId: string | null;
  /** The name of that app. */
  clientName: string | null;
  /** Browser and system in words; null where nothing is known. */
  device: string | null;
  /** From where, roughly; null where nothing is known. */
  network: string | null;
  /** The place of that network, where the portal knows places; else null. */
  place: string | null;
  /** What more there is to say, by the kind. */
  facts: Record<string, unknown>;
}

export interface Activity {
  /** The newest first, 50 at most. */
  events: AccountEvent[];
  /** `before` of the page behind this one; null on the last. */
  next: string | null;
}

export interface AddEmail {
  /** The address. */
  email: string;
  /** The language of the letter or text; without it, that of the answer. */
  locale?: string | null;
}

export interface AddPhone {
  /** The number in E.164, or as people write it in its country. */
  phoneNumber: string;
  /** The country (ISO 3166) of a number without a country code; without it, the portal's own. */
  region?: string | null;
  /** The language of the letter or text; without it, that of the answer. */
  locale?: string | null;
}

export interface CompleteRegistration {
  /** The first name, as the person writes it. */
  firstName: string;
  /** The last name, as the person writes it. */
  lastName: string;
  /** The person accepts the terms; nothing but true goes on. */
  acceptTerms: true;
  /** The language of the person's letters; without it, that of the answer. */
  locale?: string | null;
  /** The portal's own registration fields, by their names. */
  fields?: FieldsGiven | null;
}

export interface EmailCodeSent {
  /** The address, in the form that is stored and mailed to. */
  email: string;
  /** Send it back with the code: then the code works from whatever network the caller is on by then. */
  challengeId: string;
  /** For how many digits to show a field; not always the same. */
  codeLength: number;
  /** When the code stops working. */
  expiresAt: string;
  /** When the same caller may ask again. */
  resendAt: string;
  /** The code itself: in the development environment, and there only. */
  code?: string;
}

export interface Ended {
  /** How many sessions were ended. */
  ended: number;
}

export interface EraseAt {
  /** When everything will be erased; until then it can be taken back. */
  eraseAt: string;
}

export interface Export {
  /** The number of this format; new members may come without a new number. */
  format: number;
  /** The portal's address. */
  issuer: string;
  /** When it was made. */
  exportedAt: string;
  profile: ExportedProfile;
  terms: ExportedTerms;
  deletion: ExportedDeletion;
  addresses: ExportedAddresses[];
  addressChanges: ExportedAddressChanges[];
  registrations: ExportedRegistrations[];
  codes: ExportedCodes[];
  sessions: ExportedSessions[];
  grants: ExportedGrants[];
  refreshTokens: ExportedRefreshTokens[];
  knownBrowsers: ExportedKnownBrowsers[];
  consents: ExportedConsents[];
  pairwiseSubjects: ExportedPairwiseSubjects[];
  authorizationCodes: ExportedAuthorizationCodes[];
  deviceCodes: ExportedDeviceCodes[];
  appRequests: ExportedAppRequests[];
  logoutNotices: ExportedLogoutNotices[];
  events: ExportedEvents[];
  /** The names of all apps that occur, by their `clientId`. */
  apps: Record<string, string>;
}

export interface ExportedAddressChanges {
  channel: string;
  former: string;
  current: string | null;
  formerVerifiedAt: string;
  changedAt: string;
  undoUntil: string;
  undoneAt: string | null;
}

export interface ExportedAddresses {
  channel: string;
  value: string;
  rank: number;
  verifiedAt: string;
}

export interface ExportedAppRequests {
  kind: string;
  clientId: string | null;
  createdAt: string;
  chosenAt: string | null;
  consentedAt: string | null;
  finishedAt: string | null;
  expiresAt: string;
}

export interface ExportedAuthorizationCodes {
  clientId: string;
  sessionId: string;
  scope: string;
  authenticatedAt: string;
  expiresAt: string;
  consumedAt: string | null;
}

export interface ExportedCodes {
  channel: string;
  destination: string;
  network: string;
  device: string;
  codeLength: number;
  attempts: number;
  foreignAttempts: number;
  sendCount: number;
  createdAt: string;
  sentAt: string;
  expiresAt: string;
  guessedAt: string | null;
  approvedAt: string | null;
  consumedAt: string | null;
}

export interface ExportedConsents {
  clientId: string;
  scope: string;
  grantedAt: string;
}

export interface ExportedDeletion {
  eraseAt: string | null;
}

export interface ExportedDeviceCodes {
  clientId: string;
  scope: string;
  parameters: unknown;
  state: string;
  authenticatedAt: string | null;
  createdAt: string;
  expiresAt: string;
}

export interface ExportedEvents {
  happenedAt: string;
  kind: string;
  outcome: string;
  actor: string;
  sessionId: string | null;
  clientId: string | null;
  network: string;
  device: string;
  facts: unknown;
}

export interface ExportedGrants {
  id: string;
  clientId: string;
  parentId: string | null;
  scope: string | null;
  parameters: unknown;
  isOffline: boolean;
  device: string;
  createdAt: string | null;
  authenticatedAt: string;
  lastSeenAt: string;
  expiresAt: string;
  endedAt: string | null;
}

export interface ExportedKnownBrowsers {
  createdAt: string;
  expiresAt: string;
}

export interface ExportedLogoutNotices {
  clientId: string;
  sessionId: string;
  createdAt: string;
  dueAt: string;
  tries: number;
}

export interface ExportedPairwiseSubjects {
  sector: string;
  subject: string;
}

export interface ExportedProfile {
  id: string;
  firstName: string;
  lastName: string;
  locale: string;
  fields: unknown;
  createdAt: string;
  updatedAt: string | null;
  suspendedAt: string | null;
}

export interface ExportedRefreshTokens {
  sessionId: string;
  createdAt: string;
  usedAt: string | null;
}

export interface ExportedRegistrations {
  channel: string;
  destination: string;
  draft: unknown;
  createdAt: string;
  provenAt: string | null;
  expiresAt: string;
  completedAt: string | null;
}

export interface ExportedSessions {
  id: string;
  device: string;
  network: string;
  channel: string;
  createdAt: string | null;
  authenticatedAt: string;
  lastSeenAt: string;
  expiresAt: string;
  endedAt: string | null;
}

export interface ExportedTerms {
  termsVersion: string;
  termsAcceptedAt: string;
}

export interface LoggedIn {
  /** A JWT (RFC 9068) for `Authorization: Bearer`; anyone can verify it with the portal's keys. */
  accessToken: string;
  /** How to send the access token. */
  tokenType: "Bearer";
  /** Seconds that the access token lives. */
  expiresIn: number;
  /** Brings the next tokens, once. Keep it secret. */
  refreshToken: string;
  /** Seconds until the session ends for good; it ends sooner when nothing uses it. */
  refreshExpiresIn: number;
  /** False: the person is signed in. */
  registrationRequired: false;
  /** Who signed in. */
  user: User;
}

export interface Me {
  /** The subject (`sub`): opaque, stable, never reused. Know people by it, not by their address. */
  id: string;
  /** The main address; null for somebody who registered by phone. */
  email: string | null;
  /** The main number in E.164; null without one. */
  phoneNumber: string | null;
  /** The first name. */
  firstName: string;
  /** The last name. */
  lastName: string;
  /** The language of the person's letters. */
  locale: string;
  /** When the person registered. */
  createdAt: string;
  /** The portal's own registration fields; null where one is not filled in. */
  fields: Fields;
  /** Own fields that are required and not filled in by now. This only tells: the tokens stay good. */
  missingFields: string[];
  /** False while newer terms wait for an answer. This, too, only tells. */
  termsAccepted: boolean;
  /** All addresses, the main one first; two at most. */
  emails: Proven[];
  /** All numbers, the main one first; two at most. */
  phoneNumbers: Proven[];
}

export type Nothing = Record<string, never>;

export interface OpenSession {
  /** Opaque, never used again. */
  id: string;
  /** Browser and system in words; null where nothing is known. */
  device: string | null;
  /** Where it was last used, roughly; null where nothing is known. */
  network: string | null;
  /** The place of that network, where the portal knows places; else null. */
  place: string | null;
  /** When the person signed in there. */
  createdAt: string;
  /** When it was last used. */
  lastSeenAt: string;
  /** The latest end. */
  expiresAt: string;
  /** Whether it is the session of this call. */
  isCurrent: boolean;
}

export interface OwnEmail {
  /** The address. */
  email: string;
  /** Also sign out everywhere else. */
  endOtherSessions?: boolean;
}

export interface OwnPhone {
  /** The number in E.164, or as people write it in its country. */
  phoneNumber: string;
  /** The country (ISO 3166) of a number without a country code; without it, the portal's own. */
  region?: string | null;
  /** Also sign out everywhere else. */
  endOtherSessions?: boolean;
}

export interface PhoneCodeSent {
  /** The number in E.164. */
  phoneNumber: string;
  /** Send it back with the code: then the code works from whatever network the caller is on by then. */
  challengeId: string;
  /** For how many digits to show a field; not always the same. */
  codeLength: number;
  /** When the code stops working. */
  expiresAt: string;
  /** When the same caller may ask again. */
  resendAt: string;
  /** The code itself: in the development environment, and there only. */
  code?: string;
}

export interface ProveEmail {
  /** The address. */
  email: string;
  /** Also sign out everywhere else. */
  endOtherSessions?: boolean;
  /** The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are understood. */
  code: string;
  /** What the call that sent the code answered. Without it the code is looked for by the caller's network. */
  challengeId?: string | null;
  /** Add it beside the main one, instead of in its place. */
  keepFormer?: boolean;
}

export interface ProvePhone {
  /** The number in E.164, or as people write it in its country. */
  phoneNumber: string;
  /** The country (ISO 3166) of a number without a country code; without it, the portal's own. */
  region?: string | null;
  /** Also sign out everywhere else. */
  endOtherSessions?: boolean;
  /** The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are understood. */
  code: string;
  /** What the call that sent the code answered. Without it the code is looked for by the caller's network. */
  challengeId?: string | null;
  /** Add it beside the main one, instead of in its place. */
  keepFormer?: boolean;
}

export interface Proven {
  /** The address or number. */
  value: string;
  /** Whether it is the main one of its kind. */
  isMain: boolean;
  /** When a code proved it. */
  verifiedAt: string;
}

export interface RefreshTokens {
  /** The newest one that the portal gave. */
  refreshToken: string;
}

export interface RegistrationRequired {
  /** True: go on with complete-registration. */
  registrationRequired: true;
  /** A JWT that opens complete-registration, once, and nothing else. */
  registrationToken: string;
  /** Seconds that the registration may take. */
  expiresIn: number;
  /** Null: nobody is signed in yet. */
  accessToken: null;
  /** Null: nobody is signed in yet. */
  refreshToken: null;
  /** Null: nobody is signed in yet. */
  user: null;
}

export interface SendEmailCode {
  /** The address. */
  email: string;
  /** A registered app, in whose name the letter then speaks. */
  clientId?: string | null;
  /** The language of the letter or text; without it, that of the answer. */
  locale?: string | null;
}

export interface SendPhoneCode {
  /** The number in E.164, or as people write it in its country. */
  phoneNumber: string;
  /** The country (ISO 3166) of a number without a country code; without it, the portal's own. */
  region?: string | null;
  /** A registered app, in whose name the letter then speaks. */
  clientId?: string | null;
  /** The language of the letter or text; without it, that of the answer. */
  locale?: string | null;
}

export interface SessionList {
  /** The last used first. */
  sessions: OpenSession[];
}

export interface UpdateProfile {
  /** The first name. */
  firstName?: string | null;
  /** The last name. */
  lastName?: string | null;
  /** The language of the person's letters. */
  locale?: "tr" | "en" | "de" | "fr" | "es" | "ar" | null;
  /** The portal's own registration fields, by their names; null empties one. */
  fields?: FieldsChanged | null;
}

export interface User {
  /** The subject (`sub`): opaque, stable, never reused. Know people by it, not by their address. */
  id: string;
  /** The main address; null for somebody who registered by phone. */
  email: string | null;
  /** The main number in E.164; null without one. */
  phoneNumber: string | null;
  /** The first name. */
  firstName: string;
  /** The last name. */
  lastName: string;
  /** The language of the person's letters. */
  locale: string;
  /** When the person registered. */
  createdAt: string;
  /** The portal's own registration fields; null where one is not filled in. */
  fields: Fields;
  /** Own fields that are required and not filled in by now. This only tells: the tokens stay good. */
  missingFields: string[];
  /** False while newer terms wait for an answer. This, too, only tells. */
  termsAccepted: boolean;
}

export interface VerifyEmailCode {
  /** The address. */
  email: string;
  /** The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are understood. */
  code: string;
  /** What the call that sent the code answered. Without it the code is looked for by the caller's network. */
  challengeId?: string | null;
}

export interface VerifyPhoneCode {
  /** The number in E.164, or as people write it in its country. */
  phoneNumber: string;
  /** The country (ISO 3166) of a number without a country code; without it, the portal's own. */
  region?: string | null;
  /** The digits, as many as `codeLength` said. Spaces, hyphens and digits of other scripts are understood. */
  code: string;
  /** What the call that sent the code answered. Without it the code is looked for by the caller's network. */
  challengeId?: string | null;
}

export type Fields = Record<string, unknown>;

export type FieldsGiven = Record<string, unknown>;

export type FieldsChanged = Record<string, unknown>;

/** The envelope of a refusal. */
export interface Failure {
  isSuccess: false;
  /** Equals the HTTP status. */
  statusCode: number;
  data: null;
  /** The first says what it is, further ones what is wrong with which field. */
  errors: string[];
  timestamp: string;
}

/** A refusal for callers that accept `application/problem+json` (RFC 9457). */
export interface Problem {
  /** Names the kind of problem, and explains it. */
  type: string;
  /** What it is, in English. */
  title: string;
  /** Equals the HTTP status. */
  status: number;
  /** What it is, in the caller's language. */
  detail: string;
  /** Names this very occurrence. */
  instance: string;
  /** The same as X-Error-Code. */
  code: string;
  /** What is wrong with which member of the body. */
  errors?: { detail: string; /** Where it is in the body (RFC 6901). */
  pointer?: string; /** Which parameter of the address it is. */
  parameter?: string; }[];
  /** The limits that are reached, as RateLimit names them. */
  "violated-policies"?: string[];
}

/** Every successful answer. */
export interface Envelope<Data> {
  isSuccess: true;
  statusCode: number;
  data: Data;
  errors: [];
  timestamp: string;
}

/** The values of the header X-Error-Code. */
export type ErrorCode =
  | "account_suspended"
  | "addresses_full"
  | "already_registered"
  | "bad_request"
  | "client_unknown"
  | "code_invalid"
  | "content_too_large"
  | "deletion_pending"
  | "delivery_failed"
  | "insufficient_scope"
  | "internal_error"
  | "last_address"
  | "method_not_allowed"
  | "not_found"
  | "reauthentication_required"
  | "resend_too_soon"
  | "service_unavailable"
  | "too_many_requests"
  | "unauthorized"
  | "unsupported_media_type"
  | "validation_failed";

/** Every operation: how to call it, what it takes, and the `data` of its answer. */
export interface Operations {
  /** Send a code by email */
  sendOtpEmail: {
    method: "POST";
    path: "/api/v1/auth/send-otp-email";
    body: SendEmailCode;
    data: EmailCodeSent;
  };
  /** Sign in with a code from an email */
  loginOtpEmail: {
    method: "POST";
    path: "/api/v1/auth/login-otp-email";
    body: VerifyEmailCode;
    data: LoggedIn | RegistrationRequired;
  };
  /** Send a code by text message */
  sendOtp: {
    method: "POST";
    path: "/api/v1/auth/send-otp";
    body: SendPhoneCode;
    data: PhoneCodeSent;
  };
  /** Sign in with a code from a text message */
  loginOtp: {
    method: "POST";
    path: "/api/v1/auth/login-otp";
    body: VerifyPhoneCode;
    data: LoggedIn | RegistrationRequired;
  };
  /** Complete a registration */
  completeRegistration: {
    method: "POST";
    path: "/api/v1/auth/complete-registration";
    body: CompleteRegistration;
    data: LoggedIn;
  };
  /** Refresh tokens */
  refreshToken: {
    method: "POST";
    path: "/api/v1/auth/refresh-token";
    body: RefreshTokens;
    data: LoggedIn;
  };
  /** Sign out */
  logout: {
    method: "POST";
    path: "/api/v1/auth/logout";
    body: undefined;
    data: Nothing;
  };
  /** Read your profile */
  getMe: {
    method: "GET";
    path: "/api/v1/auth/me";
    body: undefined;
    data: Me;
  };
  /** Change your profile */
  updateMe: {
    method: "PATCH";
    path: "/api/v1/auth/me";
    body: UpdateProfile;
    data: Me;
  };
  /** Delete your account */
  deleteMe: {
    method: "DELETE";
    path: "/api/v1/auth/me";
    body: undefined;
    data: EraseAt;
  };
  /** Accept the terms */
  acceptTerms: {
    method: "POST";
    path: "/api/v1/auth/me/terms";
    body: AcceptTerms;
    data: Me;
  };
  /** List account activity */
  listActivity: {
    method: "GET";
    path: "/api/v1/auth/me/activity";
    body: undefined;
    data: Activity;
  };
  /** List sessions */
  listSessions: {
    method: "GET";
    path: "/api/v1/auth/sessions";
    body: undefined;
    data: SessionList;
  };
  /** End a session */
  endSession: {
    method: "DELETE";
    path: "/api/v1/auth/sessions/{session_id}";
    body: undefined;
    data: Nothing;
  };
  /** Sign out everywhere else */
  logoutOthers: {
    method: "POST";
    path: "/api/v1/auth/logout-others";
    body: undefined;
    data: Ended;
  };
  /** Sign out everywhere */
  logoutAll: {
    method: "POST";
    path: "/api/v1/auth/logout-all";
    body: undefined;
    data: Ended;
  };
  /** Add an email address */
  addEmail: {
    method: "POST";
    path: "/api/v1/auth/me/email";
    body: AddEmail;
    data: EmailCodeSent;
  };
  /** Prove a new email address */
  proveEmail: {
    method: "POST";
    path: "/api/v1/auth/me/email/verify";
    body: ProveEmail;
    data: Me;
  };
  /** Choose the main email address */
  chooseMainEmail: {
    method: "POST";
    path: "/api/v1/auth/me/email/main";
    body: OwnEmail;
    data: Me;
  };
  /** Remove an email address */
  removeEmail: {
    method: "POST";
    path: "/api/v1/auth/me/email/remove";
    body: OwnEmail;
    data: Me;
  };
  /** Add a phone number */
  addPhone: {
    method: "POST";
    path: "/api/v1/auth/me/phone";
    body: AddPhone;
    data: PhoneCodeSent;
  };
  /** Prove a new phone number */
  provePhone: {
    method: "POST";
    path: "/api/v1/auth/me/phone/verify";
    body: ProvePhone;
    data: Me;
  };
  /** Choose the main phone number */
  chooseMainPhone: {
    method: "POST";
    path: "/api/v1/auth/me/phone/main";
    body: OwnPhone;
    data: Me;
  };
  /** Remove a phone number */
  removePhone: {
    method: "POST";
    path: "/api/v1/auth/me/phone/remove";
    body: OwnPhone;
    data: Me;
  };
  /** Export everything about you */
  exportMe: {
    method: "GET";
    path: "/api/v1/auth/me/export";
    body: undefined;
    data: Export;
  };
}
