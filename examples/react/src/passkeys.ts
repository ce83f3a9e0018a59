// Passkeys: each ceremony is an operation that answers options, a call of the browser, and an operation that
// takes the browser's answer.
import { keepMfaChange, type MfaChange } from "./api";
import { ask, isRefused, keep, type Session, TOKENS } from "./session";

/** Whether this browser has passkeys, and takes the options of the server as they are. */
export const available =
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/** The user has closed the dialog of the browser, or the device could not answer. */
export class Cancelled extends Error {}

/** The browser allows no passkeys on this page: a fault of the page, or of the server's settings. */
export class NotHere extends Error {}

/** This device has a passkey of the user already. */
export class AlreadyThere extends Error {}

/** Options are good for five minutes; ask for new ones before that. */
const LIFE = 4 * 60 * 1000;

interface Options {
  optionsJson: string;
}

/** The browser has one request at a time: the next one ends the one before. */
let running = new AbortController();

async function answered(
  ask: (signal: AbortSignal) => Promise<Credential | null>,
  stop?: AbortSignal,
): Promise<string> {
  running.abort();
  running = new AbortController();
  const signal = stop ? AbortSignal.any([running.signal, stop]) : running.signal;
  try {
    return JSON.stringify(await ask(signal));
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "InvalidStateError") throw new AlreadyThere();
    if (name === "SecurityError" || name === "NotSupportedError") throw new NotHere();
    if (error instanceof DOMException) throw new Cancelled(name);
    throw error;
  }
}

const create = ({ optionsJson }: Options) =>
  answered((signal) =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(optionsJson)),
      signal,
    }),
  );

const get = ({ optionsJson }: Options, mediation?: "conditional", stop?: AbortSignal) =>
  answered(
    (signal) =>
      navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(optionsJson)),
        signal,
        ...(mediation && { mediation }),
      }),
    stop,
  );

const startSignIn = () => ask<Options>("mutation { startSignInPasskey { optionsJson } }");

let offer: Promise<boolean> | null = null;

/** Whether this browser has passkeys, and the operator has switched them on. */
export const isOffered = () =>
  (offer ??= available
    ? startSignIn().then(
        () => true,
        (error) => !isRefused(error, "DISABLED_ENDPOINT"),
      )
    : Promise.resolve(false));

const finishSignIn = async (credential: string) =>
  keep(
    await ask<Session>(
      `mutation ($credential: String!) {
        verifySignInPasskey(credentialJson: $credential) { ${TOKENS} }
      }`,
      { credential },
    ),
  );

/** Sign in with a passkey that the user picks in a dialog of the browser. */
export async function signIn(): Promise<void> {
  running.abort(); // the offer in the autofill
  await finishSignIn(await get(await startSignIn()));
}

/**
 * Offer passkeys in the autofill of the form, until one is picked or `stop` is aborted. Returns whether the
 * user is signed in. Calls `enabled` once the server has answered; throws Refused (DISABLED_ENDPOINT) if the
 * operator has switched passkeys off.
 */
export async function signInFromAutofill(stop: AbortSignal, enabled: () => void): Promise<boolean> {
  for (;;) {
    const options = await startSignIn();
    enabled();
    if (stop.aborted || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return false;
    const end = AbortSignal.any([stop, AbortSignal.timeout(LIFE)]);
    try {
      await finishSignIn(await get(options, "conditional", end));
      return true;
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      if (stop.aborted || error.message !== "TimeoutError") return false;
    }
  }
}

/** Redeem a sign-in ticket with a passkey. */
export async function redeem(ticket: string): Promise<void> {
  const start = "mutation ($ticket: String!) { startSignInMfaPasskey(ticket: $ticket) { optionsJson } }";
  const credential = await get(await ask<Options>(start, { ticket }));
  const query = `mutation ($ticket: String!, $credential: String!) {
    verifySignInMfaPasskey(ticket: $ticket, credentialJson: $credential) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { ticket, credential }));
}

/** Confirm that it is the user. */
export async function elevate(): Promise<void> {
  const credential = await get(
    await ask<Options>("mutation { startElevatePasskey { optionsJson } }"),
  );
  const query = `mutation ($credential: String!) {
    verifyElevatePasskey(credentialJson: $credential) { ${TOKENS} }
  }`;
  keep(await ask<Session>(query, { credential }));
}

/** Make an account without a password. Returns its recovery codes. */
export async function signUp(email: string): Promise<string[]> {
  const start = "mutation ($email: String!) { signUpPasskey(email: $email) { optionsJson } }";
  const credential = await create(await ask<Options>(start, { email }));
  const query = `mutation ($credential: String!, $nickname: String) {
    verifySignUpPasskey(credentialJson: $credential, nickname: $nickname) {
      recoveryCodes session { ${TOKENS} }
    }
  }`;
  return keepMfaChange(await ask<MfaChange>(query, { credential, nickname: thisDevice() }));
}

/** Add a passkey. Returns recovery codes if it is the first factor. */
export async function add(): Promise<string[]> {
  const credential = await create(await ask<Options>("mutation { addPasskey { optionsJson } }"));
  const query = `mutation ($credential: String!, $nickname: String) {
    verifyAddPasskey(credentialJson: $credential, nickname: $nickname) {
      recoveryCodes session { ${TOKENS} }
    }
  }`;
  return keepMfaChange(await ask<MfaChange>(query, { credential, nickname: thisDevice() }));
}

/** Make the passkey that the operator requires, and sign in by that. Returns the recovery codes. */
export async function addWithTicket(ticket: string): Promise<string[]> {
  const start = "mutation ($ticket: String!) { enrolMfaPasskey(ticket: $ticket) { optionsJson } }";
  const credential = await create(await ask<Options>(start, { ticket }));
  const query = `mutation ($ticket: String!, $credential: String!, $nickname: String) {
    activateMfaPasskey(ticket: $ticket, credentialJson: $credential, nickname: $nickname) {
      recoveryCodes session { ${TOKENS} }
    }
  }`;
  const given = { ticket, credential, nickname: thisDevice() };
  return keepMfaChange(await ask<MfaChange>(query, given));
}

export const rename = (id: string, nickname: string) =>
  ask<{ id: string }>(
    "mutation ($id: ID!, $nickname: String!) { renamePasskey(id: $id, nickname: $nickname) { id } }",
    { id, nickname },
  );

export async function remove(id: string): Promise<void> {
  const query = `mutation ($id: ID!) {
    removePasskey(id: $id) { recoveryCodes session { ${TOKENS} } user { acceptedPasskeysJson } }
  }`;
  const change = await ask<MfaChange & { user: { acceptedPasskeysJson: string } }>(query, { id });
  keepMfaChange(change);
  await signalAccepted(change.user.acceptedPasskeysJson);
}

/** Tell authenticators which passkeys are left, where the browser can do that. */
async function signalAccepted(json: string): Promise<void> {
  const signal = PublicKeyCredential as unknown as {
    signalAllAcceptedCredentials?: (accepted: unknown) => Promise<void>;
  };
  await signal.signalAllAcceptedCredentials?.(JSON.parse(json));
}

/** A first name for a new passkey, which the user can change. */
const thisDevice = () =>
  ["iPhone", "iPad", "Android", "Windows", "Mac", "Linux"].find((each) =>
    navigator.userAgent.includes(each),
  );
