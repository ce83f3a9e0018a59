// Passkeys by Nhost's own SDK, with an authenticator in software in place of the browser.
//
//     npm ci && npm run passkeys -- http://127.0.0.1:4000/v1 http://localhost:5173
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto";
import { createClient } from "@nhost/nhost-js";
import { FetchError } from "@nhost/nhost-js/fetch";

const [authUrl = "http://127.0.0.1:4000/v1", origin = "http://localhost:5173"] =
  process.argv.slice(2);
const email = `${randomUUID()}@example.com`;

/** One passkey. A browser has `navigator.credentials`, and `credential.toJSON()`. */
function authenticator() {
  const id = randomBytes(16).toString("base64url");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const cose = Buffer.concat([
    Buffer.from("a5010203262001215820", "hex"),
    Buffer.from(x, "base64url"),
    Buffer.from("225820", "hex"),
    Buffer.from(y, "base64url"),
  ]);
  const sha256 = (data) => createHash("sha256").update(data).digest();
  const clientData = (type, challenge) => Buffer.from(JSON.stringify({ type, challenge, origin }));
  const data = (rpId, flags, rest = Buffer.alloc(0)) =>
    Buffer.concat([sha256(rpId), Buffer.from([flags, 0, 0, 0, 0]), rest]);
  const credential = (response) => ({
    id,
    rawId: id,
    type: "public-key",
    clientExtensionResults: {},
    response: Object.fromEntries(
      Object.entries(response).map(([name, value]) => [name, value.toString("base64url")]),
    ),
  });
  let userHandle;
  return {
    create({ rp, user, challenge }) {
      userHandle = Buffer.from(user.id, "base64url");
      const rawId = Buffer.from(id, "base64url");
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, rawId.length]), rawId, cose]);
      const authData = data(rp.id, 0x45, attested); // present, verified, with a new passkey
      return credential({
        clientDataJSON: clientData("webauthn.create", challenge),
        attestationObject: Buffer.concat([
          Buffer.from("a363666d74646e6f6e656761747453746d74a068617574684461746158", "hex"),
          Buffer.from([authData.length]),
          authData,
        ]),
      });
    },
    get({ rpId, challenge }) {
      const clientDataJSON = clientData("webauthn.get", challenge);
      const authenticatorData = data(rpId, 0x05); // present, verified
      const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
      const signature = sign("sha256", signed, privateKey);
      return credential({ clientDataJSON, authenticatorData, signature, userHandle });
    },
  };
}

const nhost = createClient({ authUrl });
const phone = authenticator();

const forSignUp = await nhost.auth.signUpWebauthn({ email, options: { displayName: "Joe" } });
const signedUp = await nhost.auth.verifySignUpWebauthn({
  credential: phone.create(forSignUp.body),
  nickname: "Phone",
});
assert.equal(signedUp.body.session.user.email, email);
console.log("signed up without a password");

const forElevation = await nhost.auth.elevateWebauthn();
await nhost.auth.verifyElevateWebauthn({ credential: phone.get(forElevation.body) });
console.log("confirmed by passkey");

const toAdd = await nhost.auth.addSecurityKey();
const added = await nhost.auth.verifyAddSecurityKey({
  credential: authenticator().create(toAdd.body),
  nickname: "Key",
});
assert.equal(added.body.nickname, "Key");
console.log("added another one");

nhost.clearSession();
const forSignIn = await nhost.auth.signInWebauthn();
const signedIn = await nhost.auth.verifySignInWebauthn({ credential: phone.get(forSignIn.body) });
assert.equal(signedIn.body.session.user.displayName, "Joe");
console.log("signed in");

// A challenge is good once, unlike in Nhost Auth.
const again = { credential: phone.get(forSignIn.body) };
await assert.rejects(nhost.auth.verifySignInWebauthn(again), (error) => {
  assert(error instanceof FetchError);
  console.log(`FetchError ${error.status} ${error.body.error}: ${error.message}`);
  return true;
});
