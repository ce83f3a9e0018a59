import { ErrorCode } from "./gql/enums.js";

export interface Refusal {
  message: string;
  extensions?: { code?: ErrorCode; retryAfter?: number; attemptsLeft?: number };
}

export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }

  get code(): ErrorCode {
    return this.refusal.extensions?.code ?? ErrorCode.InternalServerError;
  }
}

/** What a sign-in page does next. The compiler reports an error if a code is missing here. */
export function whatNext(code: ErrorCode): string {
  switch (code) {
    case ErrorCode.InvalidEmailPassword:
    case ErrorCode.InvalidPassword:
    case ErrorCode.PasswordTooShort:
    case ErrorCode.PasswordTooCommon:
    case ErrorCode.PasskeyAlreadyAdded:
    case ErrorCode.EmailAlreadyInUse:
    case ErrorCode.EmailNotAllowed:
    case ErrorCode.LocaleNotAllowed:
    case ErrorCode.RoleNotAllowed:
    case ErrorCode.DefaultRoleMustBeInAllowedRoles:
    case ErrorCode.RedirectToNotAllowed:
    case ErrorCode.InvalidRequest:
      return "show the message beside the form";
    case ErrorCode.InvalidTotp:
    case ErrorCode.InvalidRecoveryCode:
      return "ask for another code, while attempts are left";
    case ErrorCode.InvalidOtp:
      return "ask for another code, or send a new one by mail";
    case ErrorCode.InvalidTicket:
    case ErrorCode.InvalidRefreshToken:
    case ErrorCode.DisabledMfaTotp:
      return "go back to e-mail and password";
    case ErrorCode.SecondFactorRequired:
      return "sign in, and set up the factor with the ticket";
    case ErrorCode.Unauthenticated:
      return "refresh the session, once, and repeat";
    case ErrorCode.ElevatedClaimRequired:
      return "ask for a credential with elevate, and repeat";
    case ErrorCode.NoPassword:
      return "sign in by mail once more, and repeat";
    case ErrorCode.InvalidPasskey:
      return "ask for the passkey again, with new options";
    case ErrorCode.PasskeyWithoutVerification:
      return "offer the password: the passkey is a second factor only";
    case ErrorCode.NoPasskey:
    case ErrorCode.NoTotpSecret:
    case ErrorCode.TotpAlreadyActive:
      return "load the state of the second factor anew";
    case ErrorCode.TooManyRequests:
    case ErrorCode.ServiceUnavailable:
      return "wait, and try again";
    case ErrorCode.UnverifiedUser:
      return "offer to send the mail again, with sendVerificationEmail";
    case ErrorCode.DisabledUser:
    case ErrorCode.DisabledEndpoint:
    case ErrorCode.SignupDisabled:
    case ErrorCode.MailNotConfigured:
      return "say so: only the operator can help";
    case ErrorCode.InternalServerError:
      return "show the id of the error";
  }
}
