// The cards, in the order of Nhost's dashboard as far as this server has them.

export interface FieldSpec {
  /** The setting's name in the environment. */
  name: string;
  label: string;
  hint?: string;
  /** Shown while the card is off, too. */
  always?: boolean;
}

export interface CardSpec {
  title: string;
  about: string;
  /** The setting that switches all of it. While it is off, most fields are hidden. */
  switchedBy?: string;
  /** Settings of other cards that may have to change with these. */
  also?: FieldSpec[];
  /** The fields are lists, and the card is off while all of them are empty. */
  offIsEmpty?: boolean;
  fields: FieldSpec[];
  /** What else to say before a change is saved. */
  warning?: (after: Record<string, string>) => string | undefined;
}

const SUCH_AS = "such as 90s, 5m or 1h30m";
const LIKE = `A time ${SUCH_AS}.`;
export const POLICY = "AUTH_MFA_POLICY";
export const POLICY_ROLES = "AUTH_MFA_REQUIRED_FOR_ROLES";
export const APPS = "AUTH_MFA_ENABLED";
export const PASSKEYS = "AUTH_WEBAUTHN_ENABLED";

export const AUTHENTICATION: CardSpec[] = [
  {
    title: "Client URL",
    about: "Where your front end is. Links in mails lead there.",
    fields: [{ name: "AUTH_CLIENT_URL", label: "Client URL" }],
  },
  {
    title: "Allowed Redirect URLs",
    about: "Where a link in a mail may lead besides the client URL.",
    fields: [
      {
        name: "AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS",
        label: "Allowed redirect URLs",
        hint: "Separate them by commas or lines.",
      },
    ],
  },
  {
    title: "Allowed Emails and Domains",
    about: "Only these addresses and domains may become accounts.",
    offIsEmpty: true,
    fields: [
      { name: "AUTH_ACCESS_CONTROL_ALLOWED_EMAILS", label: "Allowed emails" },
      { name: "AUTH_ACCESS_CONTROL_ALLOWED_EMAIL_DOMAINS", label: "Allowed domains" },
    ],
  },
  {
    title: "Blocked Emails and Domains",
    about: "These addresses and domains may not become accounts.",
    offIsEmpty: true,
    fields: [
      { name: "AUTH_ACCESS_CONTROL_BLOCKED_EMAILS", label: "Blocked emails" },
      { name: "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS", label: "Blocked domains" },
    ],
  },
  {
    title: "Multi-Factor Authentication",
    about: "Users may protect their accounts with an authenticator app.",
    switchedBy: APPS,
    fields: [
      {
        name: "AUTH_MFA_TOTP_ISSUER",
        label: "OTP Issuer",
        hint: "The name that authenticator apps show: your product’s.",
      },
      {
        name: POLICY,
        always: true,
        label: "Policy",
        hint: "Required: everybody needs a second factor. Optional: who wants one, and the roles below. Off: no authenticator apps, as if the switch were off.",
      },
      {
        name: POLICY_ROLES,
        always: true,
        label: "Required for roles",
        hint: "Who needs one even if it is optional. Separate them by commas or lines.",
      },
      {
        name: "AUTH_MFA_GRACE_PERIOD",
        label: "Grace period",
        hint: `How long users may still sign in without one, ${SUCH_AS}; 0: not at all. A user’s end is fixed when they are first asked: a later change moves nobody’s.`,
      },
      {
        name: "AUTH_MFA_TRUST_DEVICE_FOR",
        label: "Trusted browsers",
        hint: `How long users may choose not to be asked again in a browser, ${SUCH_AS}; 0: never.`,
      },
    ],
    warning: (after) =>
      after.AUTH_MFA_ENABLED === "false"
        ? "Users can enrol no app then, and those who have no other factor but an app cannot sign in. Operators still can."
        : undefined,
  },
  {
    title: "Session",
    about: "How long tokens are good for. New lifetimes apply to new tokens.",
    fields: [
      { name: "AUTH_ACCESS_TOKEN_EXPIRES_IN", label: "Access Token Expires In", hint: LIKE },
      { name: "AUTH_REFRESH_TOKEN_EXPIRES_IN", label: "Refresh Token Expires In", hint: LIKE },
      {
        name: "AUTH_SESSION_INACTIVITY_TIMEOUT",
        label: "Inactivity timeout",
        hint: `A time ${SUCH_AS}; 0: none.`,
      },
    ],
  },
  {
    title: "Controlling User Creation",
    about: "Who may make accounts, and whether new ones may be used.",
    fields: [
      { name: "AUTH_DISABLE_SIGNUP", label: "Disable Sign Ups" },
      { name: "AUTH_DISABLE_NEW_USERS", label: "Disable New Users" },
      { name: "AUTH_DISABLE_AUTO_SIGNUP", label: "Disable Auto Sign Up" },
    ],
  },
  {
    title: "Roles",
    about: "What new users may act as.",
    fields: [
      { name: "AUTH_USER_DEFAULT_ROLE", label: "Default role" },
      { name: "AUTH_USER_DEFAULT_ALLOWED_ROLES", label: "Allowed roles" },
    ],
  },
  {
    title: "Locales",
    about: "The languages that users may choose.",
    fields: [
      { name: "AUTH_LOCALE_DEFAULT", label: "Default locale" },
      { name: "AUTH_LOCALE_ALLOWED_LOCALES", label: "Allowed locales" },
    ],
  },
  {
    title: "Conceal Errors",
    about: "Answers tell less about why something was refused.",
    switchedBy: "AUTH_CONCEAL_ERRORS",
    fields: [],
  },
  {
    title: "Notices",
    about: "Users get a mail when something about their account changes.",
    switchedBy: "AUTH_NOTICES",
    fields: [],
  },
];

export const SIGN_IN_METHODS: CardSpec[] = [
  {
    title: "Email and Password",
    about: "This way to sign in is always on.",
    fields: [
      { name: "AUTH_PASSWORD_MIN_LENGTH", label: "Minimum required password length" },
      { name: "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED", label: "Require Verified Emails" },
      { name: "AUTH_PASSWORD_CHECK_COMMON", label: "Refuse common passwords" },
    ],
  },
  {
    title: "Magic Link",
    about: "Users sign in with a link that is mailed to them.",
    switchedBy: "AUTH_EMAIL_PASSWORDLESS_ENABLED",
    fields: [],
  },
  {
    title: "Security Keys",
    about: "Users sign in with passkeys: a phone, a computer or a security key.",
    switchedBy: PASSKEYS,
    fields: [
      {
        name: "AUTH_WEBAUTHN_RP_NAME",
        label: "Relying party name",
        hint: "The name that browsers show.",
      },
    ],
    also: [
      { name: POLICY, label: "Policy for second factors" },
      { name: POLICY_ROLES, label: "Second factor required for roles" },
    ],
    warning: (after) =>
      after.AUTH_WEBAUTHN_ENABLED === "false"
        ? "Users who have no other way to sign in but a passkey cannot sign in then."
        : undefined,
  },
  {
    title: "One-Time Passwords over email",
    about: "Users sign in with a code that is mailed to them.",
    switchedBy: "AUTH_OTP_EMAIL_ENABLED",
    fields: [],
  },
];

const limit = (title: string, about: string, part: string): CardSpec => ({
  title,
  about,
  fields: [
    { name: `AUTH_RATE_LIMIT_${part}_BURST`, label: "Limit" },
    { name: `AUTH_RATE_LIMIT_${part}_INTERVAL`, label: "Interval", hint: LIKE },
  ],
});

export const RATE_LIMITS: CardSpec[] = [
  limit("Brute Force", "Wrong credentials from one client.", "BRUTE_FORCE"),
  limit("Emails", "Mails that one client may ask for.", "EMAIL"),
  limit("Global", "Requests of one client.", "GLOBAL"),
  limit("Signups", "Accounts that one client may make.", "SIGNUPS"),
];
