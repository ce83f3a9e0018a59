import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { Refused, type Refusal } from "./errors.js";

type Answer<T> = { data?: T | null; errors?: Refusal[] };

/** A minimal client: one function, typed by its document. */
export async function ask<T, V>(
  url: string,
  document: TypedDocumentNode<T, V>,
  variables: V,
  accessToken?: string,
): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = (await response.json()) as Answer<T>;
  if (errors?.[0]) throw new Refused(errors[0]);
  return data as T;
}
