"""Every setting of Postern: its name in the environment and in nhost.toml, its kind, its default.

A name that Nhost Auth has too means the same here. The string below a setting describes it to
operators: `make docs` writes docs/configuration.md from it.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from config.processors import processors
from config.values import (
    Accepts,
    Addresses,
    Claims,
    DatabaseUrl,
    Domains,
    EncryptionKeys,
    HasuraJwtSecret,
    HeaderName,
    Issuer,
    Names,
    Networks,
    Origins,
    PasskeyOrigins,
    Port,
    Prefix,
    RateLimitStorage,
    RedirectUrls,
    RelyingParty,
    Seconds,
    SecondsOrNever,
    Sender,
    Switch,
    Text,
    Url,
    is_loopback,
    whole,
)

OPERATOR_ROLE = "admin"
"""The role of those who may use the operators' interface."""


class Named(NamedTuple):
    """Where a setting is read from: the environment first, then this key of nhost.toml."""

    env: str
    toml: str | None = None
    inverted: bool = False
    """The file has the opposite meaning (`signUp.enabled` and `AUTH_DISABLE_SIGNUP`)."""
    fallback_env: tuple[str, ...] = ()
    """Other names of the setting, each used if the names before it are not set."""
    may_be_empty: bool = False
    """Whether an empty value in the environment counts as set."""
    secret: bool = False
    """Whether its value is never shown, not even if it is wrong."""
    live: bool = False
    """Whether operators may change it while the server runs."""


class Settings(BaseModel):
    """The operator's settings; a change while the server runs makes another object."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[Text, Named("AUTH_HOST")] = "127.0.0.1"
    """The address that the server listens on."""
    port: Annotated[Port, Named("AUTH_PORT")] = 4000
    """The port that the server listens on."""
    api_prefix: Annotated[Prefix, Named("AUTH_API_PREFIX", may_be_empty=True)] = "/v1"
    """The prefix of [Nhost's routes](nhost.md). Set it to an empty value for no prefix."""
    data_dir: Annotated[Path, Named("AUTH_DATA_DIR"), Accepts("a folder")] = Path("var")
    """The folder of the SQLite database and of the keys. Only its owner may read it (0700)."""
    log_format: Annotated[
        Literal["json", "text"] | None, Named("AUTH_LOG_FORMAT"), Accepts("json or text")
    ] = None
    """The format of a [line of the log](operating.md#the-log): `json` or `text`."""
    # nginx and cloud balancers reuse a connection for 60 s, Traefik for 90, Caddy for 120.
    keep_alive_timeout: Annotated[Seconds, Named("AUTH_KEEP_ALIVE_TIMEOUT")] = 130
    """How long a connection stays open between two requests. It must be longer than [your
    proxy](scaling.md#behind-a-proxy) keeps an idle connection."""
    connections_per_address: Annotated[
        int, Named("AUTH_CONNECTIONS_PER_ADDRESS"), *whole(1, 1_000_000, "connections")
    ] = 512
    """The open connections that one process accepts from one address. An IPv6 /64 network counts as
    one address. Connections from `AUTH_TRUSTED_PROXIES` are not counted."""
    database_url: Annotated[
        DatabaseUrl,
        Named(
            "DATABASE_URL",
            fallback_env=("HASURA_GRAPHQL_DATABASE_URL", "POSTGRES_CONNECTION"),
            secret=True,
        ),
    ] = None
    """`postgres://user:password@host:port/name` or `sqlite://path`. For TLS, add
    `?sslmode=verify-full&sslrootcert=ca.pem`. [Other parameters](operating.md#postgresql) of libpq
    work too; one that Postern does not support is refused by name."""
    database_pool_size: Annotated[
        int, Named("AUTH_DATABASE_POOL_SIZE"), *whole(2, 1000, "connections")
    ] = 10
    """The connections to PostgreSQL that one process may hold."""
    encryption_keys: Annotated[EncryptionKeys, Named("AUTH_ENCRYPTION_KEYS", secret=True)] = None
    """The keys that encrypt TOTP secrets: 32 bytes each, in Base64, separated by commas. The first
    key encrypts; all of them decrypt."""
    jwt_secret: Annotated[HasuraJwtSecret, Named("HASURA_GRAPHQL_JWT_SECRET", secret=True)] = None
    """How access tokens are signed: `{"type": "RS256", "key": "<public PEM>", "signing_key":
    "<private PEM>"}`. The types are HS…, RS…, ES… and Ed25519. `kid`, `issuer`, `audience`,
    `claims_namespace` and `allowed_skew` are optional. Any other member is refused by name, except
    Nhost's own values of `claims_format` and `header`."""
    access_token_expires_in: Annotated[
        Seconds,
        Named("AUTH_ACCESS_TOKEN_EXPIRES_IN", "auth.session.accessToken.expiresIn", live=True),
    ] = 15 * 60
    """The lifetime of an access token."""
    jwt_custom_claims: Annotated[
        Claims, Named("AUTH_JWT_CUSTOM_CLAIMS", "auth.session.accessToken.customClaims")
    ] = ()
    """Claims for Hasura, each with a JSONPath into the user: `{"organisation-id":
    "metadata.organisation.id"}`."""

    server_url: Annotated[Url, Named("AUTH_SERVER_URL")] = ""
    """The URL at which clients reach this server, without `AUTH_API_PREFIX`: links in mails begin
    with it."""
    client_url: Annotated[
        Url, Named("AUTH_CLIENT_URL", "auth.redirections.clientUrl", live=True)
    ] = ""
    """The URL of your front end. Its origin may call Postern from a browser too."""
    cors_origins: Annotated[Origins, Named("AUTH_CORS_ORIGINS")] = ()
    """The origins whose pages may call Postern from a browser, such as `https://app.example.com`,
    separated by commas."""

    trusted_proxies: Annotated[Networks, Named("AUTH_TRUSTED_PROXIES")] = ()
    """The addresses or networks of the proxies in front of Postern, separated by commas. Only these
    proxies may say which address a client has."""
    trusted_proxy_header: Annotated[HeaderName, Named("AUTH_TRUSTED_PROXY_HEADER")] = (
        "x-forwarded-for"
    )
    """The one header in which a trusted proxy names the client's address: `X-Forwarded-For`,
    `Forwarded`, or another header such as `X-Real-IP`."""

    smtp_host: Annotated[Text, Named("AUTH_SMTP_HOST", "provider.smtp.host")] = ""
    """The mail server. Without one, a server on a loopback address keeps its mails and shows them
    at [`/mailbox`](mail.md#without-a-mail-server); any other server refuses what needs a mail."""
    smtp_port: Annotated[Port, Named("AUTH_SMTP_PORT", "provider.smtp.port")] = 587
    """The port of the mail server."""
    smtp_secure: Annotated[Switch, Named("AUTH_SMTP_SECURE", "provider.smtp.secure")] = False
    """Speaks TLS from the first byte (usually on port 465). Otherwise Postern asks for it with
    STARTTLS."""
    smtp_require_tls: Annotated[Switch, Named("AUTH_SMTP_REQUIRE_TLS")] = True
    """Sends nothing to a mail server that does not offer TLS."""
    smtp_user: Annotated[Text, Named("AUTH_SMTP_USER", "provider.smtp.user")] = ""
    """The user at the mail server. Without one, Postern does not authenticate."""
    smtp_password: Annotated[
        SecretStr,
        Named("AUTH_SMTP_PASS", "provider.smtp.password", secret=True),
        Accepts("a password"),
    ] = SecretStr("")
    """The password at the mail server."""
    smtp_auth_method: Annotated[
        Literal["PLAIN", "LOGIN", "CRAM-MD5"],
        Named("AUTH_SMTP_AUTH_METHOD", "provider.smtp.method"),
        Accepts("PLAIN, LOGIN or CRAM-MD5"),
    ] = "PLAIN"
    """How Postern authenticates. `PLAIN` and `LOGIN` show the password to the mail server, so they
    need TLS, except on a loopback address."""
    smtp_sender: Annotated[Sender, Named("AUTH_SMTP_SENDER", "provider.smtp.sender")] = ""
    """The sender of every mail, such as `Example <no-reply@example.com>`. Required with a mail
    server."""
    email_templates_path: Annotated[
        Path | None, Named("AUTH_EMAIL_TEMPLATES_PATH"), Accepts("a folder")
    ] = None
    """A folder with [templates of your own](mail.md#templates-of-your-own)."""
    notices: Annotated[Switch, Named("AUTH_NOTICES", live=True)] = True
    """Tells users by mail of what somebody else might have done: a sign-in from a new place, a
    change of the password, the second factor or the recovery codes, a session that ended for
    safety."""
    allowed_redirect_urls: Annotated[
        RedirectUrls,
        Named(
            "AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS", "auth.redirections.allowedUrls", live=True
        ),
    ] = ()
    """Where a link in a mail may lead in the end, beside `AUTH_CLIENT_URL`, separated by commas:
    `https://*.example.com`, `myapp://sign-in`. Each allows the paths below it."""
    verify_page: Annotated[Switch, Named("AUTH_VERIFY_PAGE")] = True
    """Shows a page behind each link in a mail, whose button does what the link is for. Without it,
    the link acts at once and redirects, [as Nhost's](nhost.md#links-in-mails) do; programs that
    look through mails for viruses then use up links."""
    passwordless_enabled: Annotated[
        Switch,
        Named(
            "AUTH_EMAIL_PASSWORDLESS_ENABLED", "auth.method.emailPasswordless.enabled", live=True
        ),
    ] = False
    """Lets users sign in with a link that is sent to their address."""
    otp_email_enabled: Annotated[
        Switch, Named("AUTH_OTP_EMAIL_ENABLED", "auth.method.otp.email.enabled", live=True)
    ] = False
    """Lets users sign in with a code of six digits that is sent to their address."""
    allowed_emails: Annotated[
        Addresses, Named("AUTH_ACCESS_CONTROL_ALLOWED_EMAILS", "auth.user.email.allowed", live=True)
    ] = ()
    """The addresses that may [become an account's](mail.md#who-may-have-an-account), separated by
    commas. With this list or that of domains, no others may."""
    blocked_emails: Annotated[
        Addresses, Named("AUTH_ACCESS_CONTROL_BLOCKED_EMAILS", "auth.user.email.blocked", live=True)
    ] = ()
    """The addresses that may not become an account's, separated by commas."""
    allowed_email_domains: Annotated[
        Domains,
        Named(
            "AUTH_ACCESS_CONTROL_ALLOWED_EMAIL_DOMAINS", "auth.user.emailDomains.allowed", live=True
        ),
    ] = ()
    """The domains whose addresses may become an account's, separated by commas. A domain does not
    include its subdomains."""
    blocked_email_domains: Annotated[
        Domains,
        Named(
            "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS", "auth.user.emailDomains.blocked", live=True
        ),
    ] = ()
    """The domains whose addresses may not become an account's, separated by commas."""
    rate_limit_email_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_EMAIL_BURST", "auth.rateLimit.emails.limit", live=True),
        *whole(1, 1_000_000, "mails"),
    ] = 10
    """The mails that one client may ask for in an interval. Five of them may go to one
    recipient, whoever asks."""
    rate_limit_email_interval: Annotated[
        Seconds,
        Named("AUTH_RATE_LIMIT_EMAIL_INTERVAL", "auth.rateLimit.emails.interval", live=True),
    ] = 60 * 60
    """The interval of `AUTH_RATE_LIMIT_EMAIL_BURST`."""

    rate_limit_enable: Annotated[Switch, Named("AUTH_RATE_LIMIT_ENABLE")] = True
    """Applies [limits](../SECURITY.md#limits) to what one address and one account may try."""
    rate_limit_storage: Annotated[
        RateLimitStorage, Named("AUTH_RATE_LIMIT_STORAGE", secret=True)
    ] = SecretStr("memory://")
    """Where the counts of addresses are kept. Use `redis://host:6379/0` if several processes share
    the counts."""
    rate_limit_brute_force_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_BRUTE_FORCE_BURST", "auth.rateLimit.bruteForce.limit", live=True),
        *whole(1, 1_000_000, "attempts"),
    ] = 10
    """The failed passwords that one address may have at one account in an interval; in all, an
    address may have five times as many failures. An account slows down after as many failures from
    all addresses together."""
    rate_limit_brute_force_interval: Annotated[
        Seconds,
        Named(
            "AUTH_RATE_LIMIT_BRUTE_FORCE_INTERVAL", "auth.rateLimit.bruteForce.interval", live=True
        ),
    ] = 5 * 60
    """The interval of `AUTH_RATE_LIMIT_BRUTE_FORCE_BURST`."""
    rate_limit_signups_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_SIGNUPS_BURST", "auth.rateLimit.signups.limit", live=True),
        *whole(1, 1_000_000, "sign-ups"),
    ] = 10
    """The sign-ups that one address may make in an interval."""
    rate_limit_signups_interval: Annotated[
        Seconds,
        Named("AUTH_RATE_LIMIT_SIGNUPS_INTERVAL", "auth.rateLimit.signups.interval", live=True),
    ] = 5 * 60
    """The interval of `AUTH_RATE_LIMIT_SIGNUPS_BURST`."""
    rate_limit_global_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_GLOBAL_BURST", "auth.rateLimit.global.limit", live=True),
        *whole(1, 1_000_000, "requests"),
    ] = 100
    """The requests that one address may make in an interval."""
    rate_limit_global_interval: Annotated[
        Seconds,
        Named("AUTH_RATE_LIMIT_GLOBAL_INTERVAL", "auth.rateLimit.global.interval", live=True),
    ] = 60
    """The interval of `AUTH_RATE_LIMIT_GLOBAL_BURST`."""

    admin_enabled: Annotated[
        Switch | None, Named("AUTH_ADMIN_ENABLED"), Accepts("true or false")
    ] = None
    """Serves the [operators' interface](operating.md#operators): the dashboard and
    `/admin/graphql`. Without this setting, it is served once there is an operator, or
    AUTH_ADMIN_SECRET_ENABLED is set."""
    admin_networks: Annotated[Networks, Named("AUTH_ADMIN_NETWORKS")] = ()
    """The addresses or networks that may use the operators' interface, separated by commas; all
    without it."""
    admin_secret_enabled: Annotated[Switch, Named("AUTH_ADMIN_SECRET_ENABLED")] = False
    """Lets scripts use `/admin/graphql` with `HASURA_GRAPHQL_ADMIN_SECRET` in the header
    `x-hasura-admin-secret`. An event records each use."""
    admin_secret: Annotated[
        SecretStr, Named("HASURA_GRAPHQL_ADMIN_SECRET", secret=True), Accepts("a secret")
    ] = SecretStr("")
    """The secret of scripts, of at least 32 characters."""

    graphiql_enabled: Annotated[Switch, Named("AUTH_GRAPHIQL_ENABLED")] = True
    """Serves GraphiQL to browsers."""
    graphql_introspection: Annotated[Switch, Named("AUTH_GRAPHQL_INTROSPECTION")] = True
    """Answers introspection queries. When it is off, error messages leave out "did you mean"
    too."""
    graphql_trusted_documents: Annotated[
        Path | None, Named("AUTH_GRAPHQL_TRUSTED_DOCUMENTS"), Accepts("a file")
    ] = None
    """A manifest (`persisted-documents.json` of graphql-codegen) of the only operations that run:
    [trusted documents](clients.md#trusted-documents)."""

    mfa_enabled: Annotated[
        Switch,
        Named(
            "AUTH_MFA_ENABLED", "auth.totp.enabled", fallback_env=("AUTH_TOTP_ENABLED",), live=True
        ),
    ] = False
    """Enables authenticator apps (TOTP) as a second factor. When it is off, nobody can enrol one,
    and users who have no other factor but an app cannot sign in."""
    mfa_policy: Annotated[
        Literal["off", "optional", "required"],
        Named("AUTH_MFA_POLICY", "auth.mfa.policy", live=True),
        Accepts("off, optional or required"),
    ] = "optional"
    """Who needs a [second factor](operating.md#a-policy-for-second-factors): `required`, everybody;
    `optional`, whoever has set one up, and the roles of `AUTH_MFA_REQUIRED_FOR_ROLES`. With `off`,
    authenticator apps are off, whatever `AUTH_MFA_ENABLED` says."""
    mfa_required_for_roles: Annotated[
        Names, Named("AUTH_MFA_REQUIRED_FOR_ROLES", "auth.mfa.requiredForRoles", live=True)
    ] = ()
    """The roles whose users need a second factor even if it is optional for others, separated by
    commas."""
    mfa_grace_period: Annotated[
        SecondsOrNever, Named("AUTH_MFA_GRACE_PERIOD", "auth.mfa.gracePeriod", live=True)
    ] = 0
    """How long a user who needs a second factor may still sign in without one, from the first time
    on that they would have been asked. `0`: not at all."""
    mfa_trust_device_for: Annotated[
        SecondsOrNever, Named("AUTH_MFA_TRUST_DEVICE_FOR", "auth.mfa.trustDeviceFor", live=True)
    ] = 0
    """How long a browser that has shown a second factor may [stand for
    it](operating.md#trusted-browsers) at sign-in, if its user wants that. `0`: never."""
    mfa_totp_issuer: Annotated[
        Issuer,
        Named(
            "AUTH_MFA_TOTP_ISSUER",
            "auth.totp.issuer",
            fallback_env=("AUTH_TOTP_ISSUER",),
            live=True,
        ),
    ] = "auth"
    """The name that authenticator apps show: your product's."""
    mfa_totp_drift: Annotated[int, Named("AUTH_MFA_TOTP_DRIFT"), *whole(0, 2, "time steps")] = 1
    """The time steps of 30 s before and after the current one whose codes are accepted."""
    mfa_ticket_expires_in: Annotated[Seconds, Named("AUTH_MFA_TICKET_EXPIRES_IN", live=True)] = (
        5 * 60
    )
    """How long a sign-in waits for its code."""
    mfa_ticket_attempts: Annotated[int, Named("AUTH_MFA_TICKET_ATTEMPTS"), *whole(1, 100)] = 5
    """The wrong codes that end a ticket."""

    passkeys_enabled: Annotated[
        Switch, Named("AUTH_WEBAUTHN_ENABLED", "auth.method.webauthn.enabled", live=True)
    ] = False
    """Enables [passkeys](passkeys.md): to sign in with, to sign up with, and as a second factor.
    When they are switched off again, users who have no other factor cannot sign in."""
    passkeys_rp_id: Annotated[
        RelyingParty, Named("AUTH_WEBAUTHN_RP_ID", "auth.method.webauthn.relyingParty.id")
    ] = ""
    """The domain that passkeys belong to; the host of `AUTH_CLIENT_URL` without it. Passkeys work
    on this domain and its subdomains. If you change it, all passkeys stop working."""
    passkeys_rp_name: Annotated[
        Text, Named("AUTH_WEBAUTHN_RP_NAME", "auth.method.webauthn.relyingParty.name", live=True)
    ] = ""
    """The name of your product that authenticators show; the domain without it."""
    passkeys_origins: Annotated[
        PasskeyOrigins,
        Named("AUTH_WEBAUTHN_RP_ORIGINS", "auth.method.webauthn.relyingParty.origins"),
    ] = ()
    """Where passkeys are accepted from, beside `AUTH_CLIENT_URL`, separated by commas: the origins
    of pages, and of Android apps. Each is named in full; a subdomain is another origin."""
    passkeys_refuse_copies: Annotated[Switch, Named("AUTH_WEBAUTHN_REFUSE_COPIES")] = True
    """Refuses a passkey whose signature counter goes back, since there may be a copy of it. An
    event records it in any case."""

    refresh_token_expires_in: Annotated[
        Seconds,
        Named("AUTH_REFRESH_TOKEN_EXPIRES_IN", "auth.session.refreshToken.expiresIn", live=True),
    ] = 30 * 24 * 60 * 60
    """The lifetime of a session, however often it is refreshed."""

    refresh_token_reuse_interval: Annotated[
        SecondsOrNever, Named("AUTH_REFRESH_TOKEN_REUSE_INTERVAL")
    ] = 10
    """How long a replaced refresh token is still answered after its successor has been used. `0`:
    not at all."""
    session_inactivity_timeout: Annotated[
        SecondsOrNever, Named("AUTH_SESSION_INACTIVITY_TIMEOUT", live=True)
    ] = 0
    """Ends a session that has not been refreshed for this long. `0`: off."""
    sessions_per_user: Annotated[
        int, Named("AUTH_SESSIONS_PER_USER"), *whole(1, 10_000, "sessions")
    ] = 100
    """The sessions of one user. One more ends the oldest of them."""
    elevation_max_age: Annotated[SecondsOrNever, Named("AUTH_ELEVATION_MAX_AGE")] = 15 * 60
    """The greatest age of a sign-in that may change a second factor, recovery codes or a password.
    `0`: any age."""
    elevation_mode: Annotated[
        Literal["disabled", "recommended", "required"],
        Named("AUTH_REQUIRE_ELEVATED_CLAIM", "auth.elevatedPrivileges.mode"),
        Accepts("disabled, recommended or required"),
    ] = "required"
    """The users to whom `AUTH_ELEVATION_MAX_AGE` applies: `required` to all, `recommended` to those
    with a second factor, `disabled` to nobody."""
    security_events_retention: Annotated[
        SecondsOrNever, Named("AUTH_SECURITY_EVENTS_RETENTION")
    ] = 365 * 24 * 60 * 60
    """How long security events are kept. `0`: for ever."""

    disable_signup: Annotated[
        Switch, Named("AUTH_DISABLE_SIGNUP", "auth.signUp.enabled", inverted=True, live=True)
    ] = False
    """Turns sign-up off: only the operator creates accounts."""
    disable_auto_signup: Annotated[
        Switch, Named("AUTH_DISABLE_AUTO_SIGNUP", "auth.signUp.disableAutoSignup", live=True)
    ] = False
    """Makes no account for an unknown address to which a mail to sign in with is asked for."""
    disable_new_users: Annotated[
        Switch, Named("AUTH_DISABLE_NEW_USERS", "auth.signUp.disableNewUsers", live=True)
    ] = False
    """Creates new accounts as disabled, until the operator enables them."""
    email_verified_required: Annotated[
        Switch,
        Named(
            "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED",
            "auth.method.emailPassword.emailVerificationRequired",
            live=True,
        ),
    ] = False
    """Lets only users with a verified e-mail address sign in. You verify an address with `postern
    verify-user`, or its user does by a mail."""
    conceal_errors: Annotated[
        Switch, Named("AUTH_CONCEAL_ERRORS", "auth.misc.concealErrors", live=True)
    ] = False
    """Replaces each error code that reveals something about an account with `INVALID_REQUEST`."""
    default_role: Annotated[
        Text, Named("AUTH_USER_DEFAULT_ROLE", "auth.user.roles.default", live=True)
    ] = "user"
    """The role that a new user acts in."""
    default_allowed_roles: Annotated[
        Names, Named("AUTH_USER_DEFAULT_ALLOWED_ROLES", "auth.user.roles.allowed", live=True)
    ] = ("me",)
    """The roles of a new user, separated by commas. The default role is always one of them."""
    default_locale: Annotated[
        Text, Named("AUTH_LOCALE_DEFAULT", "auth.user.locale.default", live=True)
    ] = "en"
    """The locale of a new user."""

    allowed_locales: Annotated[
        Names, Named("AUTH_LOCALE_ALLOWED_LOCALES", "auth.user.locale.allowed", live=True)
    ] = ("en",)
    """The locales that users may choose, separated by commas."""

    password_min_length: Annotated[
        int,
        Named("AUTH_PASSWORD_MIN_LENGTH", "auth.method.emailPassword.passwordMinLength", live=True),
        *whole(1, 256, "characters"),
    ] = 8
    """The characters that a new password must have at least."""
    password_check_common: Annotated[Switch, Named("AUTH_PASSWORD_CHECK_COMMON", live=True)] = True
    """Refuses the most common passwords."""
    # OWASP Password Storage Cheat Sheet: Argon2id with m=19456 (19 MiB), t=2, p=1.
    argon2_memory_cost: Annotated[
        int, Named("AUTH_PASSWORD_ARGON2_MEMORY_COST"), *whole(8, 4 * 1024 * 1024, "KiB")
    ] = 19456
    """The memory of each password hash, in KiB."""
    argon2_time_cost: Annotated[int, Named("AUTH_PASSWORD_ARGON2_TIME_COST"), *whole(1, 100)] = 2
    """The passes of each password hash."""
    argon2_parallelism: Annotated[int, Named("AUTH_PASSWORD_ARGON2_PARALLELISM"), *whole(1, 64)] = 1
    """The lanes of each password hash."""
    # One thread for each core: measured in bench/README.md.
    argon2_threads: Annotated[int, Named("AUTH_PASSWORD_ARGON2_THREADS"), *whole(1, 256)] = (
        processors()
    )
    """The password hashes that one process makes at the same time ([measured](../bench/README.md)).
    Without it, several workers share the cores out."""

    @property
    def totp_is_on(self) -> bool:
        """Whether users may have an authenticator app."""
        return self.mfa_enabled and self.mfa_policy != "off"

    def requires_factor(self, roles: Collection[str]) -> bool:
        """Return whether a user with these roles needs a second factor."""
        if self.mfa_policy == "required":
            return True
        return self.mfa_policy == "optional" and not set(self.mfa_required_for_roles).isdisjoint(
            roles
        )

    @property
    def requires_factor_of_some(self) -> bool:
        """Whether any users need a second factor."""
        return self.requires_factor(self.mfa_required_for_roles)

    @property
    def allowed_origins(self) -> list[str]:
        """The origins whose pages may call Postern: that of `client_url`, and `cors_origins`."""
        return [*self._client_origins, *self.cors_origins]

    @property
    def relying_party(self) -> str:
        """The RP ID: the domain that passkeys belong to."""
        return self.passkeys_rp_id or urlsplit(self.client_url).hostname or ""

    @property
    def ceremony_origins(self) -> list[str]:
        """The origins that a passkey may be used from: that of `client_url`, and the named ones."""
        return [*self._client_origins, *self.passkeys_origins]

    @property
    def _client_origins(self) -> list[str]:
        client = urlsplit(self.client_url)
        return [f"{client.scheme}://{client.netloc}"] if client.netloc else []

    @property
    def mail(self) -> Literal["smtp", "mailbox", "off"]:
        """What becomes of a mail: it is sent, or kept for who works on this machine, or refused.

        Links begin with AUTH_SERVER_URL; without it only a browser on this machine can follow them.
        """
        if not self.server_url and not is_loopback(self.host):
            return "off"
        if self.smtp_host:
            return "smtp"
        shown_to_others = self.trusted_proxies or not is_loopback(
            urlsplit(self.server_url).hostname or self.host
        )
        return "mailbox" if is_loopback(self.host) and not shown_to_others else "off"

    @property
    def public_url(self) -> str:
        """Where clients reach this server, without a slash at the end; no request is asked."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.server_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def roles_of_a_new_user(self) -> list[str]:
        """The allowed roles, including the default role."""
        return list(dict.fromkeys([*self.default_allowed_roles, self.default_role]))

    @property
    def locales(self) -> list[str]:
        """The locales that a user may choose, including the default locale."""
        return list(dict.fromkeys([*self.allowed_locales, self.default_locale]))


NAMES: Mapping[str, Named] = {
    field: next(item for item in info.metadata if isinstance(item, Named))
    for field, info in Settings.model_fields.items()
}
"""Where each field of `Settings` is read from."""
