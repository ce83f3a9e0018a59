// The operations of this page, as functions.
import { ask, isRefused, keep, refreshToken, type Session, TOKENS } from "./session";

export interface UserSession {
  id: string;
  lastUsedAt: string;
  userAgent: string | null;
  current: boolean;
}

export interface Passkey {
  id: string;
  nickname: string;
  createdAt: string;
  lastUsedAt: string | null;
  backedUp: boolean;
}

export type FactorType = "TOTP" | "PASSKEY" | "RECOVERY_CODE";

export interface User {
  email: string;
  emailVerified: boolean;
  newEmail: string | null;
  hasPassword: boolean;
  activeMfaType: string | null;
  factors: FactorType[];
  passkeys: Passkey[];
  recoveryCodesLeft: number;
  sessions: { edges: { node: UserSession }[] };
}

export interface Enrolment {
  imageUrl: string;
  totpSecret: string;
  otpauthUrl: string;
}

/** A sign-in that waits for a second factor. After a link in a mail, the factors are not known. */
export interface Ticket {
  ticket: string;
  factors?: FactorType[];
  /** What the user may set up with it, who has no second factor and needs one. */
  enrolment?: FactorType[] | null;
}

type SignInResult =
  | ({ __typename: "Session" } & Session)
  | ({ __typename: "MfaTicket" } & Ticket);

export interface MfaChange {
  recoveryCodes: string[];
  session: Session;
}

const USER = `email emailVerified newEmail hasPassword activeMfaType factors recoveryCodesLeft
  passkeys { id nickname createdAt lastUsedAt backedUp }
  sessions(first: 100) { edges { node { id lastUsedAt userAgent current } } }`;
const SIGN_IN_RESULT = `{
    __typename
    ... on Session { ${TOKENS} }
    ... on MfaTicket { ticket factors enrolment }
  }`;
const MFA_CHANGE = `recoveryCodes session { ${TOKENS} }`;

/** Use the new tokens of the session. Returns the new recovery codes, if there are any. */
export function keepMfaChange(change: MfaChange): string[] {
  keep(change.session);
  return change.recoveryCodes;
}

/** Sign up. Returns null: the user is signed in; or a ticket, if a second factor has to be set up. */
export async function signUp(email: string, password: string): Promise<Ticket | null> {
  const query = `mutation ($email: String!, $password: String!) {
    signUpEmailPassword(email: $email, password: $password) { ${TOKENS} }
  }`;
  try {
    keep(await ask<Session>(query, { email, password }));
    return null;
  } catch (error) {
    if (!isRefused(error, "SECOND_FACTOR_REQUIRED")) throw error;
    return await signIn(email, password); // the account is made
  }
}

/** Keep the session. Returns the ticket if a second factor is needed, or null. */
function admitted(answer: SignInResult): Ticket | null {
  if (answer.__typename === "MfaTicket") return answer;
  keep(answer);
  return null;
}

/** Sign in. Returns the ticket if a code is needed, or null if the user is now signed in. */
export async function signIn(email: string, password: string): Promise<Ticket | null> {
  const query = `mutation ($email: String!, $password: String!) {
    signInEmailPassword(email: $email, password: $password) ${SIGN_IN_RESULT}
  }`;
  return admitted(await ask<SignInResult>(query, { email, password }));
}

/** Sign in with a code that was sent by mail. Returns what `signIn` does. */
export async function signInWithCode(email: string, otp: string): Promise<Ticket | null> {
  const query = `mutation ($email: String!, $otp: String!) {
    verifySignInOTPEmail(email: $email, otp: $otp) ${SIGN_IN_RESULT}
  }`;
  return admitted(await ask<SignInResult>(query, { email, otp }));
}

const sends = (field: string) => (email: string) =>
  ask<boolean>(`mutation ($email: String!) { ${field}(email: $email) }`, { email });

export const sendResetLink = sends("sendPasswordResetEmail");
export const sendVerificationLink = sends("sendVerificationEmail");
export const sendSignInCode = sends("signInOTPEmail");

/** The link leads back to this page, if the operator allows it: see takeFromUrl in landing.ts. */
export const sendSignInLink = (email: string) =>
  ask<boolean>(
    `mutation ($email: String!, $redirectTo: String) {
      signInPasswordlessEmail(email: $email, redirectTo: $redirectTo)
    }`,
    { email, redirectTo: location.origin + location.pathname },
  );

const VERIFY = {
  app: ["verifySignInMfaTotp", "otp"],
  recovery: ["verifySignInMfaRecoveryCode", "recoveryCode"],
};
export type CodeFrom = keyof typeof VERIFY;

/** Redeem a ticket with a one-time code, or with a recovery code. */
export async function verify(from: CodeFrom, ticket: string, code: string): Promise<void> {
  const [field, argument] = VERIFY[from];
  const query = `mutation ($ticket: String!, $code: String!) {
    ${field}(ticket: $ticket, ${argument}: $code) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { ticket, code }));
}

export const me = () => ask<User | null>(`query { me { ${USER} } }`);

/** Confirm the user: with the password, or with a code if the second factor is on. */
export async function elevate(proof: { password?: string; code?: string }): Promise<void> {
  const query = `mutation ($password: String, $code: String) {
    elevate(password: $password, code: $code) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, proof));
}

/** A user without a password sets a first one, and has no current one. */
export async function changePassword(newPassword: string, currentPassword?: string): Promise<void> {
  const query = `mutation ($newPassword: String!, $currentPassword: String) {
    changeUserPassword(newPassword: $newPassword, currentPassword: $currentPassword) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { newPassword, currentPassword }));
}

export const changeEmail = (newEmail: string) =>
  ask<boolean>("mutation ($newEmail: String!) { changeUserEmail(newEmail: $newEmail) }", { newEmail });

export const enrol = () =>
  ask<Enrolment>("mutation { changeUserMfa { imageUrl totpSecret otpauthUrl } }");

/** Begin to set up an authenticator app with the ticket of a sign-in. */
export const enrolWithTicket = (ticket: string) =>
  ask<Enrolment>(
    "mutation ($ticket: String!) { enrolMfaTotp(ticket: $ticket) { imageUrl totpSecret otpauthUrl } }",
    { ticket },
  );

/** Turn the app on, and sign in by that; returns the recovery codes. */
export async function activateWithTicket(ticket: string, code: string): Promise<string[]> {
  const query = `mutation ($ticket: String!, $code: String!) {
    activateMfaTotp(ticket: $ticket, code: $code) { ${MFA_CHANGE} }
  }`;
  return keepMfaChange(await ask<MfaChange>(query, { ticket, code }));
}

/** Turn the factor on or off; returns the recovery codes, if it is on. */
export async function changeFactor(type: "totp" | "", code: string): Promise<string[]> {
  const query = `mutation ($type: String!, $code: String!) {
    verifyChangeUserMfa(activeMfaType: $type, code: $code) { ${MFA_CHANGE} }
  }`;
  return keepMfaChange(await ask<MfaChange>(query, { type, code }));
}

/** Replace the recovery codes: with a code of the app, if the user has one. */
export async function newRecoveryCodes(code?: string): Promise<string[]> {
  const query = `mutation ($code: String) { regenerateRecoveryCodes(code: $code) { ${MFA_CHANGE} } }`;
  return keepMfaChange(await ask<MfaChange>(query, { code }));
}

export const revoke = (id: string) =>
  ask<boolean>("mutation ($id: ID!) { revokeSession(id: $id) }", { id });

export async function signOut(): Promise<void> {
  const query = "mutation ($token: String) { signOut(refreshToken: $token) }";
  try {
    await ask<boolean>(query, { token: refreshToken() });
  } catch (error) {
    // A user who may not sign in has no session to end.
    if (!isRefused(error, "DISABLED_USER", "UNVERIFIED_USER")) throw error;
  }
  keep(null);
}
