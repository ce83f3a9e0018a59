// The browser's half of a WebAuthn ceremony.
import { useEffect, useState } from "react";
import { ApiError, PUBLIC, send } from "./api";
import { StartPasskeyDocument } from "./generated/public";

export const HAS_PASSKEYS =
  "PublicKeyCredential" in window &&
  "parseRequestOptionsFromJSON" in PublicKeyCredential &&
  "parseCreationOptionsFromJSON" in PublicKeyCredential;

/** Whether both the browser and the server have passkeys; false until the server has answered. */
export function useHasPasskeys(): boolean {
  const [available, setAvailable] = useState(false);
  useEffect(() => {
    if (!HAS_PASSKEYS) return;
    send(PUBLIC, StartPasskeyDocument, {}).then(
      () => setAvailable(true),
      () => setAvailable(false),
    );
  }, []);
  return available;
}

/** Let the user show a passkey; return the answer as JSON. Throws ApiError if they do not. */
export async function usePasskey(optionsJson: string): Promise<string> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(optionsJson));
  return answered(() => navigator.credentials.get({ publicKey }));
}

/** Let the user make a passkey; return the answer as JSON. Throws ApiError if they do not. */
export async function makePasskey(optionsJson: string): Promise<string> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(optionsJson));
  return answered(() => navigator.credentials.create({ publicKey }));
}

async function answered(ceremony: () => Promise<Credential | null>): Promise<string> {
  try {
    const credential = await ceremony();
    if (credential) return JSON.stringify(credential);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  throw new ApiError("NO_ANSWER", "The browser gave no passkey. Try again, or use another factor.");
}
