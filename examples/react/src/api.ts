// The operations of this page, as functions.
import { ask, isRefused, keep, refreshToken, type Session, TOKENS } from "./session";

export interface UserSession {
  id: string;
  lastUsedAt: string;
  userAgent: string | null;
  current: boolean;
}

export interface User {
  email: string;
  activeMfaType: string | null;
  recoveryCodesLeft: number;
  sessions: { edges: { node: UserSession }[] };
}

export interface Enrolment {
  imageUrl: string;
  totpSecret: string;
  otpauthUrl: string;
}

type SignInResult =
  | ({ __typename: "Session" } & Session)
  | { __typename: "MfaTicket"; ticket: string };

interface MfaChange {
  recoveryCodes: string[];
  session: Session;
}

const USER = `email activeMfaType recoveryCodesLeft
  sessions(first: 100) { edges { node { id lastUsedAt userAgent current } } }`;
const MFA_CHANGE = `recoveryCodes session { ${TOKENS} }`;

export async function signUp(email: string, password: string): Promise<void> {
  const query = `mutation ($email: String!, $password: String!) {
    signUpEmailPassword(email: $email, password: $password) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { email, password }));
}

/** Sign in. Returns the ticket if a code is needed, or null if the user is now signed in. */
export async function signIn(email: string, password: string): Promise<string | null> {
  const query = `mutation ($email: String!, $password: String!) {
    signInEmailPassword(email: $email, password: $password) {
      __typename
      ... on Session { ${TOKENS} }
      ... on MfaTicket { ticket }
    }
  }`;
  const answer = await ask<SignInResult>(query, { email, password });
  if (answer.__typename === "MfaTicket") return answer.ticket;
  keep(answer);
  return null;
}

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

export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  const query = `mutation ($currentPassword: String!, $newPassword: String!) {
    changeUserPassword(currentPassword: $currentPassword, newPassword: $newPassword) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { currentPassword, newPassword }));
}

export const enrol = () =>
  ask<Enrolment>("mutation { changeUserMfa { imageUrl totpSecret otpauthUrl } }");

/** Turn the factor on or off; returns the recovery codes, if it is on. */
export async function changeFactor(type: "totp" | "", code: string): Promise<string[]> {
  const query = `mutation ($type: String!, $code: String!) {
    verifyChangeUserMfa(activeMfaType: $type, code: $code) { ${MFA_CHANGE} }
  }`;
  const change = await ask<MfaChange>(query, { type, code });
  keep(change.session);
  return change.recoveryCodes;
}

export async function newRecoveryCodes(code: string): Promise<string[]> {
  const query = `mutation ($code: String!) { regenerateRecoveryCodes(code: $code) { ${MFA_CHANGE} } }`;
  const change = await ask<MfaChange>(query, { code });
  keep(change.session);
  return change.recoveryCodes;
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
