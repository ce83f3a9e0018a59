/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What a user may have to sign in with after the first factor. */
export const FactorType = {
  /** A passkey: call `startSignInMfaPasskey`, then the browser, then `verifySignInMfaPasskey`. */
  Passkey: 'PASSKEY',
  /** A set of recovery codes: ask for one and call `verifySignInMfaRecoveryCode`. Offer it where the user has lost the other factors. */
  RecoveryCode: 'RECOVERY_CODE',
  /** An authenticator app: ask for its six digits and call `verifySignInMfaTotp`. */
  Totp: 'TOTP'
} as const;

export type FactorType = typeof FactorType[keyof typeof FactorType];
export type SessionPartsFragment = { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } };

export type SignInMutationVariables = Exact<{
  email: string;
  password: string;
}>;


export type SignInMutation = { signInEmailPassword:
    | { __typename: 'MfaTicket', ticket: string, factors: Array<FactorType>, enrolment: Array<FactorType> | null }
    | { __typename: 'Session', accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } }
   };

export type RedeemWithCodeMutationVariables = Exact<{
  ticket: string;
  code: string;
}>;


export type RedeemWithCodeMutation = { verifySignInMfaTotp: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type RedeemWithRecoveryCodeMutationVariables = Exact<{
  ticket: string;
  code: string;
}>;


export type RedeemWithRecoveryCodeMutation = { verifySignInMfaRecoveryCode: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type StartRedeemWithPasskeyMutationVariables = Exact<{
  ticket: string;
}>;


export type StartRedeemWithPasskeyMutation = { startSignInMfaPasskey: { optionsJson: string } };

export type RedeemWithPasskeyMutationVariables = Exact<{
  ticket: string;
  credentialJson: string;
}>;


export type RedeemWithPasskeyMutation = { verifySignInMfaPasskey: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type StartPasskeyMutationVariables = Exact<{ [key: string]: never; }>;


export type StartPasskeyMutation = { startSignInPasskey: { optionsJson: string } };

export type SignInWithPasskeyMutationVariables = Exact<{
  credentialJson: string;
}>;


export type SignInWithPasskeyMutation = { verifySignInPasskey: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type RefreshMutationVariables = Exact<{
  refreshToken: string;
}>;


export type RefreshMutation = { refreshSession: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type SignOutMutationVariables = Exact<{
  refreshToken: string;
}>;


export type SignOutMutation = { signOut: boolean };

export type ElevateMutationVariables = Exact<{
  code: string;
}>;


export type ElevateMutation = { elevate: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type StartElevateWithPasskeyMutationVariables = Exact<{ [key: string]: never; }>;


export type StartElevateWithPasskeyMutation = { startElevatePasskey: { optionsJson: string } };

export type ElevateWithPasskeyMutationVariables = Exact<{
  credentialJson: string;
}>;


export type ElevateWithPasskeyMutation = { verifyElevatePasskey: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } };

export type BeginEnrolmentMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginEnrolmentMutation = { changeUserMfa: { imageUrl: string, totpSecret: string, otpauthUrl: string } };

export type FinishEnrolmentMutationVariables = Exact<{
  code: string;
}>;


export type FinishEnrolmentMutation = { verifyChangeUserMfa: { recoveryCodes: Array<string>, session: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } } };

export type StartAddPasskeyMutationVariables = Exact<{ [key: string]: never; }>;


export type StartAddPasskeyMutation = { addPasskey: { optionsJson: string } };

export type AddPasskeyMutationVariables = Exact<{
  credentialJson: string;
}>;


export type AddPasskeyMutation = { verifyAddPasskey: { recoveryCodes: Array<string>, session: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } } };

export type BeginEnrolmentByTicketMutationVariables = Exact<{
  ticket: string;
}>;


export type BeginEnrolmentByTicketMutation = { enrolMfaTotp: { imageUrl: string, totpSecret: string, otpauthUrl: string } };

export type FinishEnrolmentByTicketMutationVariables = Exact<{
  ticket: string;
  code: string;
}>;


export type FinishEnrolmentByTicketMutation = { activateMfaTotp: { recoveryCodes: Array<string>, session: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } } };

export type StartAddPasskeyByTicketMutationVariables = Exact<{
  ticket: string;
}>;


export type StartAddPasskeyByTicketMutation = { enrolMfaPasskey: { optionsJson: string } };

export type AddPasskeyByTicketMutationVariables = Exact<{
  ticket: string;
  credentialJson: string;
}>;


export type AddPasskeyByTicketMutation = { activateMfaPasskey: { recoveryCodes: Array<string>, session: { accessToken: string, accessTokenExpiresIn: number, refreshToken: string, user: { email: string, displayName: string, factors: Array<FactorType>, hasPassword: boolean } } } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const SessionPartsFragmentDoc = new TypedDocumentString(`
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}
    `, {"fragmentName":"SessionParts"}) as unknown as TypedDocumentString<SessionPartsFragment, unknown>;
export const SignInDocument = new TypedDocumentString(`
    mutation SignIn($email: String!, $password: String!) {
  signInEmailPassword(email: $email, password: $password) {
    __typename
    ... on Session {
      ...SessionParts
    }
    ... on MfaTicket {
      ticket
      factors
      enrolment
    }
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<SignInMutation, SignInMutationVariables>;
export const RedeemWithCodeDocument = new TypedDocumentString(`
    mutation RedeemWithCode($ticket: String!, $code: String!) {
  verifySignInMfaTotp(ticket: $ticket, otp: $code) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<RedeemWithCodeMutation, RedeemWithCodeMutationVariables>;
export const RedeemWithRecoveryCodeDocument = new TypedDocumentString(`
    mutation RedeemWithRecoveryCode($ticket: String!, $code: String!) {
  verifySignInMfaRecoveryCode(ticket: $ticket, recoveryCode: $code) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<RedeemWithRecoveryCodeMutation, RedeemWithRecoveryCodeMutationVariables>;
export const StartRedeemWithPasskeyDocument = new TypedDocumentString(`
    mutation StartRedeemWithPasskey($ticket: String!) {
  startSignInMfaPasskey(ticket: $ticket) {
    optionsJson
  }
}
    `) as unknown as TypedDocumentString<StartRedeemWithPasskeyMutation, StartRedeemWithPasskeyMutationVariables>;
export const RedeemWithPasskeyDocument = new TypedDocumentString(`
    mutation RedeemWithPasskey($ticket: String!, $credentialJson: String!) {
  verifySignInMfaPasskey(ticket: $ticket, credentialJson: $credentialJson) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<RedeemWithPasskeyMutation, RedeemWithPasskeyMutationVariables>;
export const StartPasskeyDocument = new TypedDocumentString(`
    mutation StartPasskey {
  startSignInPasskey {
    optionsJson
  }
}
    `) as unknown as TypedDocumentString<StartPasskeyMutation, StartPasskeyMutationVariables>;
export const SignInWithPasskeyDocument = new TypedDocumentString(`
    mutation SignInWithPasskey($credentialJson: String!) {
  verifySignInPasskey(credentialJson: $credentialJson) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<SignInWithPasskeyMutation, SignInWithPasskeyMutationVariables>;
export const RefreshDocument = new TypedDocumentString(`
    mutation Refresh($refreshToken: String!) {
  refreshSession(refreshToken: $refreshToken) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<RefreshMutation, RefreshMutationVariables>;
export const SignOutDocument = new TypedDocumentString(`
    mutation SignOut($refreshToken: String!) {
  signOut(refreshToken: $refreshToken)
}
    `) as unknown as TypedDocumentString<SignOutMutation, SignOutMutationVariables>;
export const ElevateDocument = new TypedDocumentString(`
    mutation Elevate($code: String!) {
  elevate(code: $code) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<ElevateMutation, ElevateMutationVariables>;
export const StartElevateWithPasskeyDocument = new TypedDocumentString(`
    mutation StartElevateWithPasskey {
  startElevatePasskey {
    optionsJson
  }
}
    `) as unknown as TypedDocumentString<StartElevateWithPasskeyMutation, StartElevateWithPasskeyMutationVariables>;
export const ElevateWithPasskeyDocument = new TypedDocumentString(`
    mutation ElevateWithPasskey($credentialJson: String!) {
  verifyElevatePasskey(credentialJson: $credentialJson) {
    ...SessionParts
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<ElevateWithPasskeyMutation, ElevateWithPasskeyMutationVariables>;
export const BeginEnrolmentDocument = new TypedDocumentString(`
    mutation BeginEnrolment {
  changeUserMfa {
    imageUrl
    totpSecret
    otpauthUrl
  }
}
    `) as unknown as TypedDocumentString<BeginEnrolmentMutation, BeginEnrolmentMutationVariables>;
export const FinishEnrolmentDocument = new TypedDocumentString(`
    mutation FinishEnrolment($code: String!) {
  verifyChangeUserMfa(activeMfaType: "totp", code: $code) {
    recoveryCodes
    session {
      ...SessionParts
    }
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<FinishEnrolmentMutation, FinishEnrolmentMutationVariables>;
export const StartAddPasskeyDocument = new TypedDocumentString(`
    mutation StartAddPasskey {
  addPasskey {
    optionsJson
  }
}
    `) as unknown as TypedDocumentString<StartAddPasskeyMutation, StartAddPasskeyMutationVariables>;
export const AddPasskeyDocument = new TypedDocumentString(`
    mutation AddPasskey($credentialJson: String!) {
  verifyAddPasskey(credentialJson: $credentialJson) {
    recoveryCodes
    session {
      ...SessionParts
    }
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<AddPasskeyMutation, AddPasskeyMutationVariables>;
export const BeginEnrolmentByTicketDocument = new TypedDocumentString(`
    mutation BeginEnrolmentByTicket($ticket: String!) {
  enrolMfaTotp(ticket: $ticket) {
    imageUrl
    totpSecret
    otpauthUrl
  }
}
    `) as unknown as TypedDocumentString<BeginEnrolmentByTicketMutation, BeginEnrolmentByTicketMutationVariables>;
export const FinishEnrolmentByTicketDocument = new TypedDocumentString(`
    mutation FinishEnrolmentByTicket($ticket: String!, $code: String!) {
  activateMfaTotp(ticket: $ticket, code: $code) {
    recoveryCodes
    session {
      ...SessionParts
    }
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<FinishEnrolmentByTicketMutation, FinishEnrolmentByTicketMutationVariables>;
export const StartAddPasskeyByTicketDocument = new TypedDocumentString(`
    mutation StartAddPasskeyByTicket($ticket: String!) {
  enrolMfaPasskey(ticket: $ticket) {
    optionsJson
  }
}
    `) as unknown as TypedDocumentString<StartAddPasskeyByTicketMutation, StartAddPasskeyByTicketMutationVariables>;
export const AddPasskeyByTicketDocument = new TypedDocumentString(`
    mutation AddPasskeyByTicket($ticket: String!, $credentialJson: String!) {
  activateMfaPasskey(ticket: $ticket, credentialJson: $credentialJson) {
    recoveryCodes
    session {
      ...SessionParts
    }
  }
}
    fragment SessionParts on Session {
  accessToken
  accessTokenExpiresIn
  refreshToken
  user {
    email
    displayName
    factors
    hasPassword
  }
}`) as unknown as TypedDocumentString<AddPasskeyByTicketMutation, AddPasskeyByTicketMutationVariables>;