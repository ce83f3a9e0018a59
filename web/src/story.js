// The tabs that GraphiQL opens with: a user's whole story, in order. session.js fills in empty variables
// that earlier results have.
const PASSWORD = "correct horse battery staple";
const SESSION = `{
    accessToken
    accessTokenExpiresIn
    refreshToken
    user {
      email
      activeMfaType
    }
  }`;
const INNER_SESSION = SESSION.replaceAll("\n", "\n  ");
const SIGN_IN_RESULT = `{
    __typename
    ... on Session ${INNER_SESSION}
    ... on MfaTicket {
      ticket
      expiresIn
    }
  }`;
const SIGN_IN = `signInEmailPassword(
    email: $email
    password: $password
  ) ${SIGN_IN_RESULT}`;

/** An operation whose arguments are variables: `parameters` declares them, as GraphQL writes them. */
const operation = (kind, name, parameters, body) =>
  `${kind} ${name}${parameters && `(\n  ${parameters.join("\n  ")}\n)`} {\n  ${body}\n}\n`;
const mutation = (name, parameters, body) => operation("mutation", name, parameters, body);
const query = (name, body) => operation("query", name, "", body);

/** A tab whose operation sends a mail to the user; `field` is the operation's. */
const sends = (name, field, says) => ({
  name,
  says,
  sendsMail: true,
  variables: { email: "" },
  query: mutation(name, ["$email: String!"], `${field}(email: $email)`),
});

/** A tab that takes the ticket of a mail; `field` is the operation's. */
const takesTicket = (name, field, says) => ({
  name,
  says: `${says} Copy the ticket from the mailbox.`,
  variables: { ticket: "" },
  query: mutation(name, ["$ticket: String!"], `${field}(ticket: $ticket)`),
});

const EMAIL_AND_PASSWORD = ["$email: String!", "$password: String!"];

export const STORY = [
  {
    name: "SignUp",
    says: "Make an account and be signed in. An empty address becomes a new one each time.",
    variables: { email: "", password: PASSWORD },
    query: mutation(
      "SignUp",
      EMAIL_AND_PASSWORD,
      `signUpEmailPassword(\n    email: $email\n    password: $password\n  ) ${SESSION}`,
    ),
  },
  {
    name: "SignIn",
    says: "Sign in with the password alone: the answer is a Session.",
    variables: { email: "", password: "" },
    query: mutation("SignIn", EMAIL_AND_PASSWORD, SIGN_IN),
  },
  {
    name: "Me",
    says: "Who is signed in.",
    variables: {},
    query: query(
      "Me",
      "me {\n    id\n    email\n    emailVerified\n    newEmail\n    hasPassword\n    activeMfaType\n    recoveryCodesLeft\n  }",
    ),
  },
  {
    name: "Enrol",
    says: "Get a secret for an authenticator app. Its QR code is shown here.",
    variables: {},
    query: mutation("Enrol", "", "changeUserMfa {\n    imageUrl\n    totpSecret\n    otpauthUrl\n  }"),
  },
  {
    name: "Activate",
    says: "Turn the second factor on with the first code of the app. Keep the recovery codes.",
    variables: { code: "" },
    query: mutation(
      "Activate",
      ["$code: String!"],
      `verifyChangeUserMfa(
    activeMfaType: "totp"
    code: $code
  ) {
    user {
      activeMfaType
    }
    recoveryCodes
    session ${INNER_SESSION}
  }`,
    ),
  },
  {
    name: "SignInAgain",
    says: "Sign in once more: now the answer is an MfaTicket.",
    variables: { email: "", password: "" },
    query: mutation("SignInAgain", EMAIL_AND_PASSWORD, SIGN_IN),
  },
  {
    name: "Verify",
    says: "Redeem the ticket with the next code.",
    variables: { ticket: "", otp: "" },
    query: mutation(
      "Verify",
      ["$ticket: String!", "$otp: String!"],
      `verifySignInMfaTotp(\n    ticket: $ticket\n    otp: $otp\n  ) ${SESSION}`,
    ),
  },
  {
    name: "RecoveryCode",
    says: "Without the phone: run SignInAgain, then redeem its ticket with a recovery code.",
    variables: { ticket: "", recoveryCode: "" },
    query: mutation(
      "RecoveryCode",
      ["$ticket: String!", "$recoveryCode: String!"],
      `verifySignInMfaRecoveryCode(
    ticket: $ticket
    recoveryCode: $recoveryCode
  ) ${SESSION}`,
    ),
  },
  {
    name: "Refresh",
    says: "Exchange the refresh token for a fresh session.",
    variables: { refreshToken: "" },
    query: mutation(
      "Refresh",
      ["$refreshToken: String!"],
      `refreshSession(refreshToken: $refreshToken) ${SESSION}`,
    ),
  },
  {
    name: "Sessions",
    says: "Where the user is signed in.",
    variables: {},
    query: query(
      "Sessions",
      `me {
    sessions(first: 20) {
      edges {
        node {
          id
          current
          userAgent
          lastUsedAt
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }`,
    ),
  },
  {
    name: "Revoke",
    says: "End another of these sessions.",
    variables: { id: "" },
    query: mutation("Revoke", ["$id: ID!"], "revokeSession(id: $id)"),
  },
  {
    name: "Elevate",
    says: "Confirm that it is the user, before a change that matters: with a code, if the factor is on.",
    variables: { password: "", code: "" },
    query: mutation(
      "Elevate",
      ["$password: String", "$code: String"],
      `elevate(\n    password: $password\n    code: $code\n  ) ${SESSION}`,
    ),
  },
  {
    name: "ChangePassword",
    says: "Replace the password. Every other session ends.",
    variables: { currentPassword: "", newPassword: "another horse, another battery" },
    query: mutation(
      "ChangePassword",
      ["$currentPassword: String!", "$newPassword: String!"],
      `changeUserPassword(
    currentPassword: $currentPassword
    newPassword: $newPassword
  ) ${SESSION}`,
    ),
  },
  {
    name: "ChangeUser",
    says: "Change what is shown of the user.",
    variables: { displayName: "Joe" },
    query: mutation(
      "ChangeUser",
      ["$displayName: String"],
      "changeUser(displayName: $displayName) {\n    displayName\n    locale\n  }",
    ),
  },
  {
    name: "NewRecoveryCodes",
    says: "Replace the recovery codes, with the next code of the app.",
    variables: { code: "" },
    query: mutation(
      "NewRecoveryCodes",
      ["$code: String!"],
      `regenerateRecoveryCodes(code: $code) {
    recoveryCodes
    session ${INNER_SESSION}
  }`,
    ),
  },
  {
    name: "TurnOff",
    says: "Turn the second factor off, with a code of the app or a recovery code.",
    variables: { code: "" },
    query: mutation(
      "TurnOff",
      ["$code: String!"],
      `verifyChangeUserMfa(
    activeMfaType: ""
    code: $code
  ) {
    user {
      activeMfaType
    }
    session ${INNER_SESSION}
  }`,
    ),
  },
  {
    name: "Events",
    says: "What has happened to the account.",
    variables: {},
    query: query(
      "Events",
      `me {
    securityEvents(first: 20) {
      edges {
        node {
          type
          createdAt
          address
          userAgent
        }
      }
    }
  }`,
    ),
  },
  {
    name: "SignOut",
    says: "End the session.",
    variables: { refreshToken: "" },
    query: mutation("SignOut", ["$refreshToken: String"], "signOut(refreshToken: $refreshToken)"),
  },
  sends("ForgotPassword", "sendPasswordResetEmail", "Send a link for a new password."),
  {
    name: "ResetPassword",
    says: "Set a new password with the ticket of that mail, from the mailbox. All sessions end.",
    variables: { ticket: "", newPassword: "one more horse, one more battery" },
    query: mutation(
      "ResetPassword",
      ["$ticket: String!", "$newPassword: String!"],
      "resetPassword(\n    ticket: $ticket\n    newPassword: $newPassword\n  )",
    ),
  },
  sends("SendVerification", "sendVerificationEmail", "Send a link that verifies the address."),
  takesTicket("VerifyEmail", "verifyEmail", "Verify the address with the ticket of that mail."),
  {
    name: "ChangeEmail",
    says: "Move the account to another address: the new and the old address get a mail each.",
    sendsMail: true,
    variables: { newEmail: "joe@new.example.com" },
    query: mutation("ChangeEmail", ["$newEmail: String!"], "changeUserEmail(newEmail: $newEmail)"),
  },
  takesTicket("ConfirmEmail", "verifyChangeUserEmail", "Confirm the new address."),
  takesTicket("UndoEmail", "undoChangeUserEmail", "Give the account its old address back, with the ticket of the other mail."),
  sends("SendCode", "signInOTPEmail", "Send a code to sign in with, if AUTH_OTP_EMAIL_ENABLED is set."),
  {
    name: "SignInWithCode",
    says: "Sign in with the six digits of that mail, from the mailbox.",
    variables: { email: "", otp: "" },
    query: mutation(
      "SignInWithCode",
      ["$email: String!", "$otp: String!"],
      `verifySignInOTPEmail(\n    email: $email\n    otp: $otp\n  ) ${SIGN_IN_RESULT}`,
    ),
  },
  sends("SendLink", "signInPasswordlessEmail", "Send a link to sign in with, if AUTH_EMAIL_PASSWORDLESS_ENABLED is set."),
  {
    name: "SignInWithLink",
    says: "Sign in with the ticket of that mail, from the mailbox.",
    variables: { ticket: "" },
    query: mutation(
      "SignInWithLink",
      ["$ticket: String!"],
      `verifySignInPasswordlessEmail(ticket: $ticket) ${SIGN_IN_RESULT}`,
    ),
  },
];
