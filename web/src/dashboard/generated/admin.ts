/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Narrows a search of events; what is left out or null does not. */
export type EventFilter = {
  /** Only events from this network address. */
  address?: string | null | undefined;
  /** Only events from this time on. */
  since?: string | null | undefined;
  /** Only events of these types. */
  types?: Array<SecurityEventType> | null | undefined;
  /** Only events before this time. */
  until?: string | null | undefined;
  /** Only events of this user. */
  userId?: string | null | undefined;
};

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
/** What can happen to an account, or to the server. */
export const SecurityEventType = {
  /** A wrong admin secret came, or a right one that is switched off. */
  AdminSecretRefused: 'ADMIN_SECRET_REFUSED',
  /** The operators' interface was used with the admin secret. */
  AdminSecretUsed: 'ADMIN_SECRET_USED',
  /** All sessions were signed out or revoked. */
  AllSessionsEnded: 'ALL_SESSIONS_ENDED',
  /** The last wrong code that a ticket takes: that sign-in is over. */
  AttemptsExhausted: 'ATTEMPTS_EXHAUSTED',
  /** Too many attempts failed, so the next ones have to wait: of passwords or of codes. */
  AttemptsHeldBack: 'ATTEMPTS_HELD_BACK',
  /** A browser is not trusted any more. */
  DeviceForgotten: 'DEVICE_FORGOTTEN',
  /** A browser that has shown the second factor is trusted for a while. */
  DeviceTrusted: 'DEVICE_TRUSTED',
  /** A credential was shown again, to change something that matters. */
  Elevated: 'ELEVATED',
  /** The e-mail address was changed, confirmed from the new one. */
  EmailChanged: 'EMAIL_CHANGED',
  /** A new e-mail address was asked for; it has to be confirmed from there. */
  EmailChangeAsked: 'EMAIL_CHANGE_ASKED',
  /** The e-mail address was changed back, with a link sent to the old one; that removed the password. */
  EmailChangeUndone: 'EMAIL_CHANGE_UNDONE',
  /** The e-mail address was verified, with a link that was sent there or by the operator. */
  EmailVerified: 'EMAIL_VERIFIED',
  /** The second factor was turned off with a code. */
  FactorOff: 'FACTOR_OFF',
  /** The second factor was turned on. */
  FactorOn: 'FACTOR_ON',
  /** The operator deleted the second factor. */
  FactorReset: 'FACTOR_RESET',
  /** An operator made a new key that signs access tokens. */
  KeysRotated: 'KEYS_ROTATED',
  /** A mail to the user could not be sent, and will not be tried again. */
  MailNotSent: 'MAIL_NOT_SENT',
  /** An operator had a mail sent again that had been given up. */
  MailRetried: 'MAIL_RETRIED',
  /** The operator changed the metadata. */
  MetadataChanged: 'METADATA_CHANGED',
  /** A session was opened from a network and client that the user had not used before. */
  NewSignIn: 'NEW_SIGN_IN',
  /** A passkey was added. */
  PasskeyAdded: 'PASSKEY_ADDED',
  /** A passkey was used whose signature counter went back: there may be a copy of it. */
  PasskeyCounterWentBack: 'PASSKEY_COUNTER_WENT_BACK',
  /** A passkey was removed. */
  PasskeyRemoved: 'PASSKEY_REMOVED',
  /** A passkey was given another name. */
  PasskeyRenamed: 'PASSKEY_RENAMED',
  /** The password was changed. */
  PasswordChanged: 'PASSWORD_CHANGED',
  /** The password, set before the address was verified, was removed by a sign-in by mail. */
  PasswordRemoved: 'PASSWORD_REMOVED',
  /** The password was replaced with a link that was sent to the user. */
  PasswordReset: 'PASSWORD_RESET',
  /** The operator set a new password. */
  PasswordSet: 'PASSWORD_SET',
  /** A new set of recovery codes replaced the old one. */
  RecoveryCodesReplaced: 'RECOVERY_CODES_REPLACED',
  /** A recovery code was used. */
  RecoveryCodeUsed: 'RECOVERY_CODE_USED',
  /** A refresh token that was replaced came again; its session ended. */
  RefreshTokenReused: 'REFRESH_TOKEN_REUSED',
  /** The operator made a link for a new password, for the user. */
  ResetSent: 'RESET_SENT',
  /** The operator changed the roles. */
  RolesChanged: 'ROLES_CHANGED',
  /** The oldest session was ended by a new one, as the user had as many as are allowed. */
  SessionDisplaced: 'SESSION_DISPLACED',
  /** A session was signed out or revoked. */
  SessionEnded: 'SESSION_ENDED',
  /** An operator changed a setting of the server. */
  SettingChanged: 'SETTING_CHANGED',
  /** A session was opened, all factors seen. */
  SignedIn: 'SIGNED_IN',
  /** The account was made. */
  SignedUp: 'SIGNED_UP',
  /** A wrong password, mailed code or passkey was given, or a right one for an account that may not sign in. */
  SignInFailed: 'SIGN_IN_FAILED',
  /** The operator cleared the failed attempts, so that nobody has to wait. */
  ThrottleLifted: 'THROTTLE_LIFTED',
  /** The first factor was right, and the second factor was asked for. */
  TicketIssued: 'TICKET_ISSUED',
  /** The operator deleted an account, and its events with it. */
  UserDeleted: 'USER_DELETED',
  /** The operator disabled the account. */
  UserDisabled: 'USER_DISABLED',
  /** The operator enabled the account. */
  UserEnabled: 'USER_ENABLED',
  /** A second factor was wrong or used before: a one-time code, a recovery code or a passkey. */
  WrongCode: 'WRONG_CODE'
} as const;

export type SecurityEventType = typeof SecurityEventType[keyof typeof SecurityEventType];
/** A new value of a setting. */
export type SettingInput = {
  /** The setting's name in the environment. */
  name: string;
  /** The value, in the form that the environment would have; null removes the operators' value, so that the file's or the default applies. */
  value?: string | null | undefined;
};

/** How a setting is edited. */
export const SettingKind = {
  /** One of `choices`. */
  Choice: 'CHOICE',
  /** Seconds, or a text such as `90s`, `5m` or `1h30m`. */
  Duration: 'DURATION',
  /** Entries, separated by commas. */
  List: 'LIST',
  /** A whole number. */
  Number: 'NUMBER',
  /** `true` or `false`. */
  Switch: 'SWITCH',
  /** A text. */
  Text: 'TEXT'
} as const;

export type SettingKind = typeof SettingKind[keyof typeof SettingKind];
/** Where a setting's value comes from: the first of these that has one. */
export const SettingSource = {
  /** An operator has set it while the server ran. */
  Dashboard: 'DASHBOARD',
  /** Postern's own default. */
  Default: 'DEFAULT',
  /** The environment of the server's process. No operator can change it. */
  Environment: 'ENVIRONMENT',
  /** The configuration file, nhost.toml. */
  File: 'FILE'
} as const;

export type SettingSource = typeof SettingSource[keyof typeof SettingSource];
/** Narrows a search of users; what is left out or null does not. */
export type UserFilter = {
  /** Only those who are disabled, or only the others. */
  disabled?: boolean | null | undefined;
  /** The whole e-mail address, in any spelling. */
  email?: string | null | undefined;
  /** Only those with a verified address, or only the others. */
  emailVerified?: boolean | null | undefined;
  /** Only those with a second factor, or only the others. */
  hasSecondFactor?: boolean | null | undefined;
  /** Only those with this role. */
  role?: string | null | undefined;
  /** A part of the e-mail address, the display name or the id. */
  text?: string | null | undefined;
};

/** In which order users are listed. */
export const UserOrder = {
  /** By e-mail address. */
  Email: 'EMAIL',
  /** The latest accounts first. */
  Newest: 'NEWEST',
  /** The first accounts first. */
  Oldest: 'OLDEST'
} as const;

export type UserOrder = typeof UserOrder[keyof typeof UserOrder];
export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { me: { id: string | null, name: string } };

export type FiguresQueryVariables = Exact<{ [key: string]: never; }>;


export type FiguresQuery = { figures: { countedAt: string | null, users: number, withFactor: number, withPasskeys: number, disabled: number, unverified: number, withoutFactor: Array<{ role: string, count: number }>, activity: { hours: Array<string>, signUps: Array<number>, signIns: Array<number>, failures: Array<number> } } };

export type WithoutFactorQueryVariables = Exact<{
  role?: string | null | undefined;
}>;


export type WithoutFactorQuery = { users: { totalCount: number }, figures: { countedAt: string | null, enabledWithoutFactor: number, withoutFactor: Array<{ role: string, count: number }> } };

export type SettingListPartsFragment = { version: number, all: Array<{ name: string, tomlKey: string | null, value: string, fallback: string, default: string, source: SettingSource, meaning: string, accepts: string, kind: SettingKind, choices: Array<string>, isSecret: boolean, lockedBecause: string | null }> };

export type SettingsQueryVariables = Exact<{ [key: string]: never; }>;


export type SettingsQuery = { settings: { version: number, all: Array<{ name: string, tomlKey: string | null, value: string, fallback: string, default: string, source: SettingSource, meaning: string, accepts: string, kind: SettingKind, choices: Array<string>, isSecret: boolean, lockedBecause: string | null }> } };

export type PolicyQueryVariables = Exact<{ [key: string]: never; }>;


export type PolicyQuery = { settings: { all: Array<{ name: string, value: string }> } };

export type ChangeSettingsMutationVariables = Exact<{
  changes: Array<SettingInput> | SettingInput;
  reason: string;
  version?: number | null | undefined;
}>;


export type ChangeSettingsMutation = { changeSettings: { version: number, all: Array<{ name: string, tomlKey: string | null, value: string, fallback: string, default: string, source: SettingSource, meaning: string, accepts: string, kind: SettingKind, choices: Array<string>, isSecret: boolean, lockedBecause: string | null }> } };

export type SettingChangesQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type SettingChangesQuery = { settingChanges: { edges: Array<{ node: { id: string, version: number, name: string, value: string | null, previous: string | null, createdAt: string, operator: string, reason: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type UndoSettingChangeMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type UndoSettingChangeMutation = { undoSettingChange: { version: number } };

export type UsersQueryVariables = Exact<{
  filter?: UserFilter | null | undefined;
  order: UserOrder;
  after?: string | null | undefined;
}>;


export type UsersQuery = { users: { totalCount: number, edges: Array<{ node: { id: string, email: string, displayName: string, emailVerified: boolean, disabled: boolean, factors: Array<FactorType>, roles: Array<string>, createdAt: string, lastSignedInAt: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type UserWithEmailQueryVariables = Exact<{
  email: string;
}>;


export type UserWithEmailQuery = { users: { edges: Array<{ node: { id: string } }> } };

export type UserFactsFragment = { id: string, email: string, newEmail: string | null, emailVerified: boolean, displayName: string, locale: string, roles: Array<string>, defaultRole: string, disabled: boolean, hasPassword: boolean, factors: Array<FactorType>, metadataJson: string, createdAt: string, lastSignedInAt: string | null, recoveryCodesLeft: number, sessions: Array<{ id: string, createdAt: string, lastUsedAt: string, expiresAt: string, methods: Array<string>, address: string | null, userAgent: string | null }>, trustedDevices: Array<{ id: string, createdAt: string, expiresAt: string, lastUsedAt: string | null, address: string | null, userAgent: string | null }>, passkeys: Array<{ id: string, nickname: string, createdAt: string, lastUsedAt: string | null, backedUp: boolean }>, throttles: Array<{ what: string, until: string }> };

export type UserQueryVariables = Exact<{
  id: string;
}>;


export type UserQuery = { user: { id: string, email: string, newEmail: string | null, emailVerified: boolean, displayName: string, locale: string, roles: Array<string>, defaultRole: string, disabled: boolean, hasPassword: boolean, factors: Array<FactorType>, metadataJson: string, createdAt: string, lastSignedInAt: string | null, recoveryCodesLeft: number, sessions: Array<{ id: string, createdAt: string, lastUsedAt: string, expiresAt: string, methods: Array<string>, address: string | null, userAgent: string | null }>, trustedDevices: Array<{ id: string, createdAt: string, expiresAt: string, lastUsedAt: string | null, address: string | null, userAgent: string | null }>, passkeys: Array<{ id: string, nickname: string, createdAt: string, lastUsedAt: string | null, backedUp: boolean }>, throttles: Array<{ what: string, until: string }> } };

export type EventPartsFragment = { id: string, type: SecurityEventType, createdAt: string, userId: string | null, email: string | null, address: string | null, userAgent: string | null, operatorId: string | null, operator: string | null, reason: string | null, detail: string | null };

export type EventsQueryVariables = Exact<{
  filter?: EventFilter | null | undefined;
  after?: string | null | undefined;
}>;


export type EventsQuery = { securityEvents: { edges: Array<{ node: { id: string, type: SecurityEventType, createdAt: string, userId: string | null, email: string | null, address: string | null, userAgent: string | null, operatorId: string | null, operator: string | null, reason: string | null, detail: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CreateUserMutationVariables = Exact<{
  email: string;
  displayName?: string | null | undefined;
  reason: string;
}>;


export type CreateUserMutation = { createUser: { id: string } };

export type DisableUserMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type DisableUserMutation = { disableUser: { id: string } };

export type EnableUserMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type EnableUserMutation = { enableUser: { id: string } };

export type EndSessionsMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type EndSessionsMutation = { endSessions: { id: string } };

export type EndSessionMutationVariables = Exact<{
  id: string;
  sessionId: string;
  reason: string;
}>;


export type EndSessionMutation = { endSession: { id: string } };

export type ResetFactorsMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type ResetFactorsMutation = { resetFactors: { id: string } };

export type SendPasswordResetMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type SendPasswordResetMutation = { sendPasswordReset: { id: string } };

export type VerifyUserMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type VerifyUserMutation = { verifyUser: { id: string } };

export type LiftThrottleMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type LiftThrottleMutation = { liftThrottle: { id: string } };

export type SetRolesMutationVariables = Exact<{
  id: string;
  roles: Array<string> | string;
  defaultRole: string;
  reason: string;
}>;


export type SetRolesMutation = { setRoles: { id: string } };

export type SetMetadataMutationVariables = Exact<{
  id: string;
  metadataJson: string;
  reason: string;
}>;


export type SetMetadataMutation = { setMetadata: { id: string } };

export type DeleteUserMutationVariables = Exact<{
  id: string;
  email: string;
  reason: string;
}>;


export type DeleteUserMutation = { deleteUser: boolean };

export type MailsQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type MailsQuery = { mails: { delivery: string, waiting: number, dead: { edges: Array<{ node: { id: string, kind: string, recipient: string, createdAt: string, attempts: number } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type RetryMailMutationVariables = Exact<{
  id: string;
  reason: string;
}>;


export type RetryMailMutation = { retryMail: boolean };

export type KeysQueryVariables = Exact<{ [key: string]: never; }>;


export type KeysQuery = { keys: { encryption: Array<string>, canRotate: boolean, signing: Array<{ kid: string | null, algorithm: string, madeAt: string | null, signs: boolean }> } };

export type RotateKeysMutationVariables = Exact<{
  revoke: boolean;
  reason: string;
}>;


export type RotateKeysMutation = { rotateKeys: Array<{ kid: string | null }> };

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
export const SettingListPartsFragmentDoc = new TypedDocumentString(`
    fragment SettingListParts on SettingList {
  version
  all {
    name
    tomlKey
    value
    fallback
    default
    source
    meaning
    accepts
    kind
    choices
    isSecret
    lockedBecause
  }
}
    `, {"fragmentName":"SettingListParts"}) as unknown as TypedDocumentString<SettingListPartsFragment, unknown>;
export const UserFactsFragmentDoc = new TypedDocumentString(`
    fragment UserFacts on User {
  id
  email
  newEmail
  emailVerified
  displayName
  locale
  roles
  defaultRole
  disabled
  hasPassword
  factors
  metadataJson
  createdAt
  lastSignedInAt
  recoveryCodesLeft
  sessions {
    id
    createdAt
    lastUsedAt
    expiresAt
    methods
    address
    userAgent
  }
  trustedDevices {
    id
    createdAt
    expiresAt
    lastUsedAt
    address
    userAgent
  }
  passkeys {
    id
    nickname
    createdAt
    lastUsedAt
    backedUp
  }
  throttles {
    what
    until
  }
}
    `, {"fragmentName":"UserFacts"}) as unknown as TypedDocumentString<UserFactsFragment, unknown>;
export const EventPartsFragmentDoc = new TypedDocumentString(`
    fragment EventParts on SecurityEvent {
  id
  type
  createdAt
  userId
  email
  address
  userAgent
  operatorId
  operator
  reason
  detail
}
    `, {"fragmentName":"EventParts"}) as unknown as TypedDocumentString<EventPartsFragment, unknown>;
export const MeDocument = new TypedDocumentString(`
    query Me {
  me {
    id
    name
  }
}
    `) as unknown as TypedDocumentString<MeQuery, MeQueryVariables>;
export const FiguresDocument = new TypedDocumentString(`
    query Figures {
  figures {
    countedAt
    users
    withFactor
    withPasskeys
    disabled
    unverified
    withoutFactor {
      role
      count
    }
    activity {
      hours
      signUps
      signIns
      failures
    }
  }
}
    `) as unknown as TypedDocumentString<FiguresQuery, FiguresQueryVariables>;
export const WithoutFactorDocument = new TypedDocumentString(`
    query WithoutFactor($role: String) {
  users(filter: {disabled: false, hasSecondFactor: false, role: $role}, first: 1) {
    totalCount
  }
  figures {
    countedAt
    enabledWithoutFactor
    withoutFactor {
      role
      count
    }
  }
}
    `) as unknown as TypedDocumentString<WithoutFactorQuery, WithoutFactorQueryVariables>;
export const SettingsDocument = new TypedDocumentString(`
    query Settings {
  settings {
    ...SettingListParts
  }
}
    fragment SettingListParts on SettingList {
  version
  all {
    name
    tomlKey
    value
    fallback
    default
    source
    meaning
    accepts
    kind
    choices
    isSecret
    lockedBecause
  }
}`) as unknown as TypedDocumentString<SettingsQuery, SettingsQueryVariables>;
export const PolicyDocument = new TypedDocumentString(`
    query Policy {
  settings {
    all {
      name
      value
    }
  }
}
    `) as unknown as TypedDocumentString<PolicyQuery, PolicyQueryVariables>;
export const ChangeSettingsDocument = new TypedDocumentString(`
    mutation ChangeSettings($changes: [SettingInput!]!, $reason: String!, $version: Int) {
  changeSettings(changes: $changes, reason: $reason, version: $version) {
    ...SettingListParts
  }
}
    fragment SettingListParts on SettingList {
  version
  all {
    name
    tomlKey
    value
    fallback
    default
    source
    meaning
    accepts
    kind
    choices
    isSecret
    lockedBecause
  }
}`) as unknown as TypedDocumentString<ChangeSettingsMutation, ChangeSettingsMutationVariables>;
export const SettingChangesDocument = new TypedDocumentString(`
    query SettingChanges($after: String) {
  settingChanges(first: 25, after: $after) {
    edges {
      node {
        id
        version
        name
        value
        previous
        createdAt
        operator
        reason
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<SettingChangesQuery, SettingChangesQueryVariables>;
export const UndoSettingChangeDocument = new TypedDocumentString(`
    mutation UndoSettingChange($id: ID!, $reason: String!) {
  undoSettingChange(id: $id, reason: $reason) {
    version
  }
}
    `) as unknown as TypedDocumentString<UndoSettingChangeMutation, UndoSettingChangeMutationVariables>;
export const UsersDocument = new TypedDocumentString(`
    query Users($filter: UserFilter, $order: UserOrder!, $after: String) {
  users(filter: $filter, order: $order, first: 25, after: $after) {
    edges {
      node {
        id
        email
        displayName
        emailVerified
        disabled
        factors
        roles
        createdAt
        lastSignedInAt
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    `) as unknown as TypedDocumentString<UsersQuery, UsersQueryVariables>;
export const UserWithEmailDocument = new TypedDocumentString(`
    query UserWithEmail($email: String!) {
  users(filter: {email: $email}, first: 1) {
    edges {
      node {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<UserWithEmailQuery, UserWithEmailQueryVariables>;
export const UserDocument = new TypedDocumentString(`
    query User($id: ID!) {
  user(id: $id) {
    ...UserFacts
  }
}
    fragment UserFacts on User {
  id
  email
  newEmail
  emailVerified
  displayName
  locale
  roles
  defaultRole
  disabled
  hasPassword
  factors
  metadataJson
  createdAt
  lastSignedInAt
  recoveryCodesLeft
  sessions {
    id
    createdAt
    lastUsedAt
    expiresAt
    methods
    address
    userAgent
  }
  trustedDevices {
    id
    createdAt
    expiresAt
    lastUsedAt
    address
    userAgent
  }
  passkeys {
    id
    nickname
    createdAt
    lastUsedAt
    backedUp
  }
  throttles {
    what
    until
  }
}`) as unknown as TypedDocumentString<UserQuery, UserQueryVariables>;
export const EventsDocument = new TypedDocumentString(`
    query Events($filter: EventFilter, $after: String) {
  securityEvents(filter: $filter, first: 25, after: $after) {
    edges {
      node {
        ...EventParts
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment EventParts on SecurityEvent {
  id
  type
  createdAt
  userId
  email
  address
  userAgent
  operatorId
  operator
  reason
  detail
}`) as unknown as TypedDocumentString<EventsQuery, EventsQueryVariables>;
export const CreateUserDocument = new TypedDocumentString(`
    mutation CreateUser($email: String!, $displayName: String, $reason: String!) {
  createUser(email: $email, displayName: $displayName, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<CreateUserMutation, CreateUserMutationVariables>;
export const DisableUserDocument = new TypedDocumentString(`
    mutation DisableUser($id: ID!, $reason: String!) {
  disableUser(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<DisableUserMutation, DisableUserMutationVariables>;
export const EnableUserDocument = new TypedDocumentString(`
    mutation EnableUser($id: ID!, $reason: String!) {
  enableUser(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<EnableUserMutation, EnableUserMutationVariables>;
export const EndSessionsDocument = new TypedDocumentString(`
    mutation EndSessions($id: ID!, $reason: String!) {
  endSessions(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<EndSessionsMutation, EndSessionsMutationVariables>;
export const EndSessionDocument = new TypedDocumentString(`
    mutation EndSession($id: ID!, $sessionId: ID!, $reason: String!) {
  endSession(id: $id, sessionId: $sessionId, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<EndSessionMutation, EndSessionMutationVariables>;
export const ResetFactorsDocument = new TypedDocumentString(`
    mutation ResetFactors($id: ID!, $reason: String!) {
  resetFactors(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<ResetFactorsMutation, ResetFactorsMutationVariables>;
export const SendPasswordResetDocument = new TypedDocumentString(`
    mutation SendPasswordReset($id: ID!, $reason: String!) {
  sendPasswordReset(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<SendPasswordResetMutation, SendPasswordResetMutationVariables>;
export const VerifyUserDocument = new TypedDocumentString(`
    mutation VerifyUser($id: ID!, $reason: String!) {
  verifyUser(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<VerifyUserMutation, VerifyUserMutationVariables>;
export const LiftThrottleDocument = new TypedDocumentString(`
    mutation LiftThrottle($id: ID!, $reason: String!) {
  liftThrottle(id: $id, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<LiftThrottleMutation, LiftThrottleMutationVariables>;
export const SetRolesDocument = new TypedDocumentString(`
    mutation SetRoles($id: ID!, $roles: [String!]!, $defaultRole: String!, $reason: String!) {
  setRoles(id: $id, roles: $roles, defaultRole: $defaultRole, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<SetRolesMutation, SetRolesMutationVariables>;
export const SetMetadataDocument = new TypedDocumentString(`
    mutation SetMetadata($id: ID!, $metadataJson: String!, $reason: String!) {
  setMetadata(id: $id, metadataJson: $metadataJson, reason: $reason) {
    id
  }
}
    `) as unknown as TypedDocumentString<SetMetadataMutation, SetMetadataMutationVariables>;
export const DeleteUserDocument = new TypedDocumentString(`
    mutation DeleteUser($id: ID!, $email: String!, $reason: String!) {
  deleteUser(id: $id, email: $email, reason: $reason)
}
    `) as unknown as TypedDocumentString<DeleteUserMutation, DeleteUserMutationVariables>;
export const MailsDocument = new TypedDocumentString(`
    query Mails($after: String) {
  mails(first: 25, after: $after) {
    delivery
    waiting
    dead {
      edges {
        node {
          id
          kind
          recipient
          createdAt
          attempts
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<MailsQuery, MailsQueryVariables>;
export const RetryMailDocument = new TypedDocumentString(`
    mutation RetryMail($id: ID!, $reason: String!) {
  retryMail(id: $id, reason: $reason)
}
    `) as unknown as TypedDocumentString<RetryMailMutation, RetryMailMutationVariables>;
export const KeysDocument = new TypedDocumentString(`
    query Keys {
  keys {
    signing {
      kid
      algorithm
      madeAt
      signs
    }
    encryption
    canRotate
  }
}
    `) as unknown as TypedDocumentString<KeysQuery, KeysQueryVariables>;
export const RotateKeysDocument = new TypedDocumentString(`
    mutation RotateKeys($revoke: Boolean!, $reason: String!) {
  rotateKeys(revoke: $revoke, reason: $reason) {
    kid
  }
}
    `) as unknown as TypedDocumentString<RotateKeysMutation, RotateKeysMutationVariables>;