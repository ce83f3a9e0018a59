// The session, and how operations reach the server. The tokens live in memory: no other script's
// storage holds them, and closing the page forgets them.

export interface Session {
  accessToken: string;
  refreshToken: string;
}

interface Details {
  attemptsLeft?: number;
  retryAfter?: number;
  id?: string;
}

/** The server has answered, and its answer is no. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly details: Details = {},
  ) {
    super(message);
  }
}

/** No answer has come, or one of something else: offline, or a proxy's page of an error. */
export class Unreachable extends Error {}

export const isRefused = (error: unknown, ...codes: string[]): error is Refused =>
  error instanceof Refused && codes.includes(error.code);

export const TOKENS = "accessToken refreshToken";

let session: Session | null = null;
let refreshing: Promise<void> | null = null;
const listeners = new Set<(error: Refused) => void>();

export const refreshToken = () => session?.refreshToken;

/** Go on with these tokens, or with none. Older refresh tokens of the session may be dead. */
export function keep(fresh: Session | null): void {
  session = fresh;
}

/** Be told when the session has ended without a sign-out; returns how to stop that. */
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
    if (session === before) session = fresh; // else a later change has brought newer tokens
  } catch (error) {
    if (isRefused(error, "INVALID_REFRESH_TOKEN") && session === before) {
      session = null;
      for (const listener of listeners) listener(error);
    }
    throw error;
  }
}

/**
 * Send an operation and return its one field. Where the access token has expired, refresh the
 * session, once for all requests that wait, and send it again. Throws Refused and Unreachable.
 */
export async function ask<T>(query: string, variables: object = {}): Promise<T> {
  await refreshing;
  const sentWith = session;
  try {
    return await send<T>(query, variables);
  } catch (error) {
    if (!sentWith || !isRefused(error, "UNAUTHENTICATED")) throw error;
    if (session === sentWith) refreshing ??= refresh(sentWith).finally(() => (refreshing = null));
    await refreshing; // null where another request has refreshed before this refusal came
    return await send<T>(query, variables);
  }
}
