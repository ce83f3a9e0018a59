import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { TOTP, Secret } from "otpauth";
import { Refused, whatNext } from "./errors.js";
import { ask } from "./fetch-client.js";
import { Activate, Enrol, Events, SignIn, SignUp, Verify } from "./operations.js";
import { signedIn, type Tokens } from "./urql-client.js";

const url = process.argv[2] ?? "http://127.0.0.1:4000/graphql";
const user = { email: `${randomUUID()}@example.com`, password: "correct horse battery staple" };

const { signUpEmailPassword } = await ask(url, SignUp, user);
console.log("signed up:", user.email);

await assert.rejects(ask(url, SignIn, { ...user, password: "wrong" }), (error) => {
  assert(error instanceof Refused);
  console.log(`${error.code}: ${whatNext(error.code)}`);
  return true;
});

const { changeUserMfa } = await ask(url, Enrol, {}, signUpEmailPassword.accessToken);
const app = new TOTP({ secret: Secret.fromBase32(changeUserMfa.totpSecret) });
const code = { code: app.generate() };
const { verifyChangeUserMfa } = await ask(url, Activate, code, signUpEmailPassword.accessToken);
console.log("second factor:", verifyChangeUserMfa.user.activeMfaType);

async function signIn(): Promise<Tokens> {
  const { signInEmailPassword: answer } = await ask(url, SignIn, user);
  switch (answer.__typename) {
    case "Session":
      return answer;
    case "MfaTicket": {
      console.log("signed in to a ticket, good for", answer.expiresIn, "seconds");
      // The current code is used up. The next one follows within half a minute, and is already accepted.
      const otp = app.generate({ timestamp: Date.now() + 30_000 });
      return (await ask(url, Verify, { ticket: answer.ticket, otp })).verifySignInMfaTotp;
    }
  }
}

const tokens = await signIn();
console.log("signed in with both factors");

// Ten simultaneous requests with an invalid token: one refresh, ten results.
const sent = { refused: 0, refreshes: 0, repeated: 0 };
const counting: typeof fetch = async (input, init) => {
  const kind = String(init?.body).includes("refreshSession")
    ? "refreshes"
    : new Headers(init?.headers).get("authorization") === "Bearer expired"
      ? "refused"
      : "repeated";
  const number = ++sent[kind];
  const response = await fetch(input, init);
  // One of the refusals is late: it arrives when the others already have a new token.
  if (kind === "refused" && number === 10) await new Promise((done) => setTimeout(done, 500));
  return response;
};
const client = signedIn(url, { ...tokens, accessToken: "expired" }, counting);
const asked = Array.from({ length: 10 }, (_, n) => client.query(Events, { first: n + 1 }).toPromise());
const answers = await Promise.all(asked);
assert.deepEqual(
  answers.map(({ data }) => data?.me?.email),
  Array(10).fill(user.email),
);
assert.deepEqual(sent, { refused: 10, refreshes: 1, repeated: 10 });
console.log(`${answers.length} answers after ${sent.refreshes} refresh`);
