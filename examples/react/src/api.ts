// The operations of this page, and the session, which lives in memory: no other script's storage
// holds it, and closing the page forgets it.

export interface Session {
  accessToken: string;
  refreshToken: string;
}

export interface UserSession {
  id: string;
  createdAt: string;
  lastUsedAt: string;
  userAgent: string | null;
  current: boolean;
}

export interface User {
  email: string;
  displayName: string;
  activeMfaType: string | null;
  recoveryCodesLeft: number;
  sessions: { edges: { node: UserSession }[] };
}

export type SignInResult =
  | ({ __typename: "Session" } & Session)
  | { __typename: "MfaTicket"; ticket: string };

export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly extensions: { attemptsLeft?: number; retryAfter?: number },
  ) {
    super(message);
  }
}

const TOKENS = "accessToken refreshToken";
const USER = `email displayName activeMfaType recoveryCodesLeft
  sessions(first: 50) { edges { node { id createdAt lastUsedAt userAgent current } } }`;

let session: Session | null = null;
let refreshing: Promise<void> | null = null;

async function send(query: string, variables: object): Promise<Record<string, unknown>> {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(session && { authorization: `Bearer ${session.accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  const refused = errors?.[0];
  if (refused) throw new Refused(refused.message, refused.extensions.code, refused.extensions);
  return data;
}

async function refresh(): Promise<void> {
  const token = (session as Session).refreshToken;
  const query = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${TOKENS} } }`;
  try {
    session = (await send(query, { token })).refreshSession as Session;
  } catch (error) {
    session = null; // it is over
    throw error;
  }
}

/** Ask; where the access token has expired, refresh the session, once for all, and ask again. */
async function ask<T>(query: string, variables: object = {}): Promise<T> {
  await refreshing;
  const sentWith = session;
  try {
    return Object.values(await send(query, variables))[0] as T;
  } catch (error) {
    if (!sentWith || !(error instanceof Refused) || error.code !== "UNAUTHENTICATED") throw error;
    if (session === sentWith) refreshing ??= refresh().finally(() => (refreshing = null));
    await refreshing; // null where another request has refreshed before this refusal came
    return Object.values(await send(query, variables))[0] as T;
  }
}

export async function signUp(email: string, password: string): Promise<void> {
  session = await ask<Session>(
    `mutation ($email: String!, $password: String!) {
      signUpEmailPassword(email: $email, password: $password) { ${TOKENS} }
    }`,
    { email, password },
  );
}

/** The ticket, where a code is asked for; null where the user is signed in already. */
export async function signIn(email: string, password: string): Promise<string | null> {
  const answer = await ask<SignInResult>(
    `mutation ($email: String!, $password: String!) {
      signInEmailPassword(email: $email, password: $password) {
        __typename
        ... on Session { ${TOKENS} }
        ... on MfaTicket { ticket }
      }
    }`,
    { email, password },
  );
  if (answer.__typename === "MfaTicket") return answer.ticket;
  session = answer;
  return null;
}

const VERIFY = {
  code: ["verifySignInMfaTotp", "otp"],
  recovery: ["verifySignInMfaRecoveryCode", "recoveryCode"],
};

/** Redeem a ticket with a one-time code, or with a recovery code. */
export async function verify(by: keyof typeof VERIFY, ticket: string, code: string): Promise<void> {
  const [field, argument] = VERIFY[by];
  session = await ask<Session>(
    `mutation ($ticket: String!, $code: String!) {
      ${field}(ticket: $ticket, ${argument}: $code) { ${TOKENS} }
    }`,
    { ticket, code },
  );
}

export const me = () => ask<User | null>(`query { me { ${USER} } }`);

export const enrol = () =>
  ask<{ imageUrl: string; totpSecret: string }>(
    "mutation { changeUserMfa { imageUrl totpSecret } }",
  );

/** Turn the factor on or off. The session's older refresh tokens are dead: keep the new ones. */
export async function changeFactor(type: "totp" | "", code: string): Promise<string[]> {
  const change = await ask<{ recoveryCodes: string[]; session: Session }>(
    `mutation ($type: String!, $code: String!) {
      verifyChangeUserMfa(activeMfaType: $type, code: $code) {
        recoveryCodes
        session { ${TOKENS} }
      }
    }`,
    { type, code },
  );
  session = change.session;
  return change.recoveryCodes;
}

export const revoke = (id: string) =>
  ask<boolean>("mutation ($id: ID!) { revokeSession(id: $id) }", { id });

export async function signOut(): Promise<void> {
  const refreshToken = session?.refreshToken;
  await ask<boolean>("mutation ($token: String) { signOut(refreshToken: $token) }", {
    token: refreshToken,
  });
  session = null;
}
