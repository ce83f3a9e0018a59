import { graphql } from "./gql/index.js";

export const SignUp = graphql(`
  mutation SignUp($email: String!, $password: String!) {
    signUpEmailPassword(email: $email, password: $password) {
      ...Tokens
    }
  }

  fragment Tokens on Session {
    accessToken
    refreshToken
  }
`);

export const SignIn = graphql(`
  mutation SignIn($email: String!, $password: String!) {
    signInEmailPassword(email: $email, password: $password) {
      __typename
      ... on Session {
        ...Tokens
      }
      ... on MfaTicket {
        ticket
        expiresIn
      }
    }
  }
`);

export const Verify = graphql(`
  mutation Verify($ticket: String!, $otp: String!) {
    verifySignInMfaTotp(ticket: $ticket, otp: $otp) {
      ...Tokens
    }
  }
`);

export const Enrol = graphql(`
  mutation Enrol {
    changeUserMfa {
      totpSecret
      imageUrl
    }
  }
`);

export const Activate = graphql(`
  mutation Activate($code: String!) {
    verifyChangeUserMfa(activeMfaType: "totp", code: $code) {
      user {
        activeMfaType
      }
      recoveryCodes
    }
  }
`);

export const Refresh = graphql(`
  mutation Refresh($refreshToken: String!) {
    refreshSession(refreshToken: $refreshToken) {
      ...Tokens
    }
  }
`);

export const Events = graphql(`
  query Events($first: Int!) {
    me {
      email
      createdAt
      securityEvents(first: $first) {
        edges {
          node {
            type
            createdAt
          }
        }
      }
    }
  }
`);
