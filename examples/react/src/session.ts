// The session, and sending operations to the server. The tokens are kept in memory: they are in no storage
// that other scripts can read, and closing the page deletes them.

export interface Session {
  accessToken: string;
  refreshToken: string;
}

interface Details {
  attemptsLeft?: number;
  retryAfter?: number;
  id?: string;
}

/** The server has refused the operation. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly details: Details = {},
  ) {
    super(message);
  }
}

/** There is no response, or not from Postern: offline, or a proxy's error page. */
export class Unreachable extends Error {}

export const isRefused = (error: unknown, ...codes: string[]): error is Refused =>
  error instanceof Refused && codes.includes(error.code);

export const TOKENS = "accessToken refreshToken";

let session: Session | null = null;
let refreshing: Promise<void> | null = null;
const listeners = new Set<(error: Refused) => void>();

export const refreshToken = () => session?.refreshToken;

/** Use these tokens from now on, or none. Older refresh tokens of the session may be revoked. */
export function keep(fresh: Session | null): void {
  session = fresh;
}

/** Call a function when the session ends without a sign-out; returns a function that stops this. */
export function onSessionEnd(listener: (error: Refused) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

async function send<T>(query: string, variables: object): Promise<T> {
  const headers = new Headers({ "content-type": "application/json" });
  if (session) headers.set("authorization", `Bearer ${session.accessToken}`);
  const body = JSON.stringify({ query, variables });
  let answer;
  try {
    answer = await (await fetch("/graphql", { method: "POST", headers, body })).json();
  } catch {
    throw new Unreachable();
  }
  const error = answer?.errors?.[0];
  if (error) throw new Refused(error.message, error.extensions?.code ?? "", error.extensions);
  if (!answer?.data) throw new Unreachable();
  return Object.values(answer.data)[0] as T;
}

/** Only INVALID_REFRESH_TOKEN ends the session. After any other error it can be refreshed later. */
async function refresh(before: Session): Promise<void> {
  const query = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${TOKENS} } }`;
  try {
    const fresh = await send<Session>(query, { token: before.refreshToken });
    if (session === before) session = fresh; // otherwise a later change has set newer tokens
  } catch (error) {
    if (isRefused(error, "INVALID_REFRESH_TOKEN") && session === before) {
      session = null;
      for (const listener of listeners) listener(error);
    }
    throw error;
  }
}

/**
 * Send an operation and return its only field. If the access token has expired, refresh the session,
 * once for all waiting requests, and send the operation again. Throws Refused and Unreachable.
 */
export async function ask<T>(query: string, variables: object = {}): Promise<T> {
  await refreshing;
  const sentWith = session;
  try {
    return await send<T>(query, variables);
  } catch (error) {
    if (!sentWith || !isRefused(error, "UNAUTHENTICATED")) throw error;
    if (session === sentWith) refreshing ??= refresh(sentWith).finally(() => (refreshing = null));
    await refreshing; // null if another request has refreshed before this refusal arrived
    return await send<T>(query, variables);
  }
}
