// Nhost's own SDK with Postern: the snippets of Nhost's documentation, unchanged.
//
//     npm ci && npm start -- http://127.0.0.1:4000/v1
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createClient } from "@nhost/nhost-js";
import { FetchError } from "@nhost/nhost-js/fetch";
import { Secret, TOTP } from "otpauth";

const nhost = createClient({ authUrl: process.argv[2] ?? "http://127.0.0.1:4000/v1" });
const email = `${randomUUID()}@example.com`;
const password = "secret-password";

const signedUp = await nhost.auth.signUpEmailPassword({
  email,
  password,
  options: { displayName: "Joe", locale: "en", metadata: { team: "red" } },
});
assert.equal(signedUp.body.session?.user?.email, email);
assert.equal(nhost.getUserSession()?.user?.displayName, "Joe");
console.log("signed up, and the SDK keeps the session");

// Step 1: Generate TOTP Secret
const enrolment = await (async () => {
  const response = await nhost.auth.changeUserMfa();
  // Display the QR code image for the user to scan
  const imageUrl = response.body.imageUrl;
  // Or show the totpSecret for manual entry
  const totpSecret = response.body.totpSecret;
  return { imageUrl, totpSecret };
})();
assert.match(enrolment.imageUrl, /^data:image\/png;base64,/);
const app = new TOTP({ secret: Secret.fromBase32(enrolment.totpSecret) });
const nextCode = () => app.generate({ timestamp: Date.now() + 30_000 });

// Step 2: Verify and Activate
await nhost.auth.verifyChangeUserMfa({
  activeMfaType: "totp",
  code: app.generate(),
});
console.log("second factor on:", (await nhost.auth.getUser()).body.activeMfaType);
await nhost.auth.signOut({ refreshToken: nhost.getUserSession().refreshToken });
assert.equal(nhost.getUserSession(), null);

// Signing In with MFA, step 1
const response = await nhost.auth.signInEmailPassword({
  email,
  password,
});
assert(response.body?.mfa, "MFA is required");
const ticket = response.body.mfa.ticket;
assert.equal("session" in response.body, false);
console.log("signed in to a ticket:", ticket.replace(/:.*/, ":…"));

// What the SDK raises for a wrong code. The ticket is still valid, unlike in Nhost Auth.
await assert.rejects(nhost.auth.verifySignInMfaTotp({ ticket, otp: "000000" }), (error) => {
  assert(error instanceof FetchError);
  assert.equal(error.status, 401);
  assert.equal(error.body.error, "invalid-totp");
  console.log(`FetchError ${error.status} ${error.body.error}: ${error.message}`);
  return true;
});

// Step 2: Verify TOTP Code
const verified = await nhost.auth.verifySignInMfaTotp({
  ticket: ticket, // from step 1
  otp: nextCode(), // 6-digit code from authenticator app
});
// response.body.session contains the access + refresh tokens
assert.equal(verified.body.session.user.activeMfaType, "totp");
console.log("signed in with both factors");

const before = nhost.getUserSession();
const refreshed = await nhost.refreshSession(0);
assert.notEqual(refreshed.refreshToken, before.refreshToken);
await nhost.auth.verifyToken({ token: refreshed.accessToken });
console.log("refreshed");

// The claims for Hasura
const { decodedToken } = nhost.getUserSession();
const claims = decodedToken["https://hasura.io/jwt/claims"];
assert.equal(claims["x-hasura-default-role"], "user");
assert.equal(claims["x-hasura-user-id"], refreshed.user.id);

await nhost.auth.changeUserPassword({ newPassword: "another-secret-password" });

// Disabling MFA: a code is good once, so the user waits for the next one.
const used = nextCode();
while (app.generate() === used || nextCode() === used) {
  await new Promise((resolve) => setTimeout(resolve, 500));
}
await nhost.auth.verifyChangeUserMfa({
  activeMfaType: "", // empty string disables MFA
  code: nextCode(), // current 6-digit code from authenticator app
});
assert.equal((await nhost.auth.getUser()).body.activeMfaType, null);
console.log("second factor off");

await nhost.auth.signOut({ all: true });
await assert.rejects(
  nhost.auth.refreshToken({ refreshToken: refreshed.refreshToken }),
  (error) => error instanceof FetchError && error.status === 401,
);
console.log("signed out everywhere");
