import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { ErrorCode } from "./gql/enums.js";
import { Refresh } from "./operations.js";

export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/**
 * A client that refreshes its session after UNAUTHENTICATED, and repeats the refused operation. It
 * refreshes once, however many requests are refused, and however late some of the refusals arrive.
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
          // A late refusal of the previous token: there is a new token already, so only repeat.
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
