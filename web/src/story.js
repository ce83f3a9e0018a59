// The tabs that GraphiQL opens with: a user's whole story, in order.
const USER = { email: "joe@example.com", password: "correct horse battery staple" };
const SESSION = `accessToken
    accessTokenExpiresIn
    refreshToken
    user {
      email
      activeMfaType
    }`;
const SIGN_IN = `signInEmailPassword(
    email: $email
    password: $password
  ) {
    __typename
    ... on Session {
      accessToken
      accessTokenExpiresIn
      refreshToken
      user {
        email
        activeMfaType
      }
    }
    ... on MfaTicket {
      ticket
      expiresIn
    }
  }`;

export const STORY = [
  {
    name: "SignUp",
    says: "Make an account. Whoever signs up is signed in.",
    variables: USER,
    query: `mutation SignUp(
  $email: String!
  $password: String!
) {
  signUpEmailPassword(
    email: $email
    password: $password
  ) {
    ${SESSION}
  }
}
`,
  },
  {
    name: "SignIn",
    says: "Sign in with the password alone: the answer is a Session.",
    variables: USER,
    query: `mutation SignIn(
  $email: String!
  $password: String!
) {
  ${SIGN_IN}
}
`,
  },
  {
    name: "Enrol",
    says: "Get a secret for an authenticator app. Its QR code is shown here.",
    variables: {},
    query: `mutation Enrol {
  changeUserMfa {
    imageUrl
    totpSecret
    otpauthUrl
  }
}
`,
  },
  {
    name: "Activate",
    says: "Turn the second factor on with the first code of the app. Keep the recovery codes.",
    variables: { code: "" },
    query: `mutation Activate($code: String!) {
  verifyChangeUserMfa(
    activeMfaType: "totp"
    code: $code
  ) {
    user {
      activeMfaType
    }
    recoveryCodes
  }
}
`,
  },
  {
    name: "SignInAgain",
    says: "Sign in once more: now the answer is an MfaTicket.",
    variables: USER,
    query: `mutation SignInAgain(
  $email: String!
  $password: String!
) {
  ${SIGN_IN}
}
`,
  },
  {
    name: "Verify",
    says: "Redeem the ticket with the next code. An empty ticket is filled in for you.",
    variables: { ticket: "", otp: "" },
    query: `mutation Verify($ticket: String!, $otp: String!) {
  verifySignInMfaTotp(ticket: $ticket, otp: $otp) {
    ${SESSION}
  }
}
`,
  },
];
