// Sends typed operations to the two GraphQL endpoints. It knows no tokens but those handed in.
import type { TypedDocumentString } from "./generated/admin";

export type Document<Result, Variables> = Pick<
  TypedDocumentString<Result, Variables>,
  "__apiType" | "toString"
>;

// Relative to the page, so that they also hold below a proxy's path prefix.
export const PUBLIC = "graphql";
export const ADMIN = "admin/graphql";

/** The operators' interface does not exist for this browser (404). */
export const CLOSED = "CLOSED";
/** No answer arrived, or one that is not GraphQL's. */
export const UNREACHABLE = "UNREACHABLE";

/** A refusal: `code` is for the program, the message for the reader. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly extensions: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

interface Answer<Result> {
  data?: Result | null;
  errors?: { message: string; extensions?: { code?: string } & Record<string, unknown> }[];
}

/** Return the data of an operation. Throws ApiError. */
export async function send<Result, Variables>(
  endpoint: string,
  document: Document<Result, Variables>,
  variables: Variables,
  accessToken?: string,
): Promise<Result> {
  const answer = await parsed<Result>(await asked(endpoint, document, variables, accessToken));
  const refused = answer.errors?.[0];
  if (refused) {
    const { code = "INTERNAL_SERVER_ERROR", ...extensions } = refused.extensions ?? {};
    throw new ApiError(code, refused.message, extensions);
  }
  if (!answer.data) throw unreachable();
  return answer.data;
}

async function asked<Result, Variables>(
  endpoint: string,
  document: Document<Result, Variables>,
  variables: Variables,
  accessToken?: string,
): Promise<Response> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json",
  };
  if (accessToken) headers.authorization = `Bearer ${accessToken}`;
  const body = JSON.stringify({ query: document.toString(), variables });
  try {
    return await fetch(endpoint, { method: "POST", headers, body, credentials: "omit" });
  } catch {
    throw unreachable();
  }
}

async function parsed<Result>(response: Response): Promise<Answer<Result>> {
  if (response.status === 404) {
    throw new ApiError(CLOSED, "The operators' interface is closed.");
  }
  try {
    return (await response.json()) as Answer<Result>;
  } catch {
    throw unreachable();
  }
}

function unreachable(): ApiError {
  return new ApiError(
    UNREACHABLE,
    "The server does not answer. Check the connection, and try again.",
  );
}

/** Return the code and the sentence of whatever was thrown. */
export function refusal(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError("UNEXPECTED", error instanceof Error ? error.message : String(error));
}
