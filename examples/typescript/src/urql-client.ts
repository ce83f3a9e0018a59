import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { ErrorCode } from "./gql/enums.js";
import { Refresh } from "./operations.js";

export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/**
 * A client that refreshes its session when it is told UNAUTHENTICATED, and repeats what was refused.
 * However many requests are refused, and however late some of the refusals come, it refreshes once.
 */
export function signedIn(url: string, tokens: Tokens, fetch = globalThis.fetch): Client {
  let refused = "";
  return new Client({
    url,
    fetch,
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges: [
      authExchange(async (utils) => ({
        addAuthToOperation: (operation) =>
          utils.appendHeaders(operation, { authorization: `Bearer ${tokens.accessToken}` }),
        didAuthError: ({ graphQLErrors }, { context }) => {
          refused = new Headers((context.fetchOptions as RequestInit).headers).get("authorization")!;
          return graphQLErrors.some(
            ({ extensions }) => extensions.code === ErrorCode.Unauthenticated,
          );
        },
        refreshAuth: async () => {
          // A refusal of the token before is late: there is a new one, and only repeating is left.
          if (refused !== `Bearer ${tokens.accessToken}`) return;
          const { refreshToken } = tokens;
          const { data } = await utils.mutate(Refresh, { refreshToken });
          if (data) tokens = data.refreshSession;
        },
      })),
      fetchExchange,
    ],
  });
}
