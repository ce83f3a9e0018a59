"""Every setting of Postern: its name in the environment and in nhost.toml, its kind, its default.

A name that Nhost Auth has too means the same here. README.md lists them for operators.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from config.values import (
    Accepts,
    Claims,
    DatabaseUrl,
    EncryptionKeys,
    HasuraJwtSecret,
    HeaderName,
    Issuer,
    Names,
    Networks,
    Origins,
    Port,
    Prefix,
    RateLimitStorage,
    Seconds,
    SecondsOrNever,
    Switch,
    Text,
    Url,
    whole,
)


class Named(NamedTuple):
    """Where a setting is read from: the environment first, then this key of nhost.toml."""

    env: str
    toml: str | None = None
    inverted: bool = False
    """The file says the opposite of the environment (`signUp.enabled`, `AUTH_DISABLE_SIGNUP`)."""
    fallback_env: tuple[str, ...] = ()
    """Other names for it, each where those before are not set."""
    may_be_empty: bool = False
    """An empty value in the environment is a value, and not the same as none."""
    secret: bool = False
    """Its value is never shown, not even when it is wrong."""


class Settings(BaseModel):
    """What the operator chose, read once at the start; nothing changes it afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[Text, Named("AUTH_HOST")] = "127.0.0.1"
    port: Annotated[Port, Named("AUTH_PORT")] = 4000
    api_prefix: Annotated[Prefix, Named("AUTH_API_PREFIX", may_be_empty=True)] = "/v1"
    data_dir: Annotated[Path, Named("AUTH_DATA_DIR"), Accepts("a folder")] = Path("var")
    log_format: Annotated[
        Literal["json", "text"] | None, Named("AUTH_LOG_FORMAT"), Accepts("json or text")
    ] = None
    # nginx and cloud balancers reuse a connection for 60 s, Traefik for 90, Caddy for 120.
    keep_alive_timeout: Annotated[Seconds, Named("AUTH_KEEP_ALIVE_TIMEOUT")] = 130
    connections_per_address: Annotated[
        int, Named("AUTH_CONNECTIONS_PER_ADDRESS"), *whole(1, 1_000_000, "connections")
    ] = 512
    database_url: Annotated[
        DatabaseUrl,
        Named(
            "DATABASE_URL",
            fallback_env=("HASURA_GRAPHQL_DATABASE_URL", "POSTGRES_CONNECTION"),
            secret=True,
        ),
    ] = None
    database_pool_size: Annotated[
        int, Named("AUTH_DATABASE_POOL_SIZE"), *whole(1, 1000, "connections")
    ] = 10
    encryption_keys: Annotated[EncryptionKeys, Named("AUTH_ENCRYPTION_KEYS", secret=True)] = None
    jwt_secret: Annotated[HasuraJwtSecret, Named("HASURA_GRAPHQL_JWT_SECRET", secret=True)] = None

    server_url: Annotated[Url, Named("AUTH_SERVER_URL")] = ""
    client_url: Annotated[Url, Named("AUTH_CLIENT_URL", "auth.redirections.clientUrl")] = ""
    cors_origins: Annotated[Origins, Named("AUTH_CORS_ORIGINS")] = ()

    trusted_proxies: Annotated[Networks, Named("AUTH_TRUSTED_PROXIES")] = ()
    trusted_proxy_header: Annotated[HeaderName, Named("AUTH_TRUSTED_PROXY_HEADER")] = (
        "x-forwarded-for"
    )

    rate_limit_enable: Annotated[Switch, Named("AUTH_RATE_LIMIT_ENABLE")] = True
    rate_limit_storage: Annotated[
        RateLimitStorage, Named("AUTH_RATE_LIMIT_STORAGE", secret=True)
    ] = SecretStr("memory://")
    rate_limit_brute_force_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_BRUTE_FORCE_BURST", "auth.rateLimit.bruteForce.limit"),
        *whole(1, 1_000_000, "attempts"),
    ] = 10
    rate_limit_brute_force_interval: Annotated[
        Seconds, Named("AUTH_RATE_LIMIT_BRUTE_FORCE_INTERVAL", "auth.rateLimit.bruteForce.interval")
    ] = 5 * 60
    rate_limit_signups_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_SIGNUPS_BURST", "auth.rateLimit.signups.limit"),
        *whole(1, 1_000_000, "sign-ups"),
    ] = 10
    rate_limit_signups_interval: Annotated[
        Seconds, Named("AUTH_RATE_LIMIT_SIGNUPS_INTERVAL", "auth.rateLimit.signups.interval")
    ] = 5 * 60
    rate_limit_global_burst: Annotated[
        int,
        Named("AUTH_RATE_LIMIT_GLOBAL_BURST", "auth.rateLimit.global.limit"),
        *whole(1, 1_000_000, "requests"),
    ] = 100
    rate_limit_global_interval: Annotated[
        Seconds, Named("AUTH_RATE_LIMIT_GLOBAL_INTERVAL", "auth.rateLimit.global.interval")
    ] = 60

    conceal_errors: Annotated[Switch, Named("AUTH_CONCEAL_ERRORS", "auth.misc.concealErrors")] = (
        False
    )
    graphiql_enabled: Annotated[Switch, Named("AUTH_GRAPHIQL_ENABLED")] = True
    graphql_introspection: Annotated[Switch, Named("AUTH_GRAPHQL_INTROSPECTION")] = True
    graphql_trusted_documents: Annotated[
        Path | None, Named("AUTH_GRAPHQL_TRUSTED_DOCUMENTS"), Accepts("a file")
    ] = None

    mfa_enabled: Annotated[
        Switch, Named("AUTH_MFA_ENABLED", "auth.totp.enabled", fallback_env=("AUTH_TOTP_ENABLED",))
    ] = False
    mfa_totp_issuer: Annotated[
        Issuer,
        Named("AUTH_MFA_TOTP_ISSUER", "auth.totp.issuer", fallback_env=("AUTH_TOTP_ISSUER",)),
    ] = "auth"
    mfa_totp_drift: Annotated[int, Named("AUTH_MFA_TOTP_DRIFT"), *whole(0, 2, "time steps")] = 1
    mfa_ticket_expires_in: Annotated[Seconds, Named("AUTH_MFA_TICKET_EXPIRES_IN")] = 5 * 60
    mfa_ticket_attempts: Annotated[int, Named("AUTH_MFA_TICKET_ATTEMPTS"), *whole(1, 100)] = 5

    access_token_expires_in: Annotated[
        Seconds, Named("AUTH_ACCESS_TOKEN_EXPIRES_IN", "auth.session.accessToken.expiresIn")
    ] = 15 * 60
    jwt_custom_claims: Annotated[
        Claims, Named("AUTH_JWT_CUSTOM_CLAIMS", "auth.session.accessToken.customClaims")
    ] = ()
    refresh_token_expires_in: Annotated[
        Seconds, Named("AUTH_REFRESH_TOKEN_EXPIRES_IN", "auth.session.refreshToken.expiresIn")
    ] = 30 * 24 * 60 * 60

    refresh_token_reuse_interval: Annotated[
        SecondsOrNever, Named("AUTH_REFRESH_TOKEN_REUSE_INTERVAL")
    ] = 10
    session_inactivity_timeout: Annotated[
        SecondsOrNever, Named("AUTH_SESSION_INACTIVITY_TIMEOUT")
    ] = 0
    sessions_per_user: Annotated[
        int, Named("AUTH_SESSIONS_PER_USER"), *whole(1, 10_000, "sessions")
    ] = 100
    elevation_max_age: Annotated[SecondsOrNever, Named("AUTH_ELEVATION_MAX_AGE")] = 15 * 60
    elevation_mode: Annotated[
        Literal["disabled", "recommended", "required"],
        Named("AUTH_REQUIRE_ELEVATED_CLAIM", "auth.elevatedPrivileges.mode"),
        Accepts("disabled, recommended or required"),
    ] = "required"
    security_events_retention: Annotated[
        SecondsOrNever, Named("AUTH_SECURITY_EVENTS_RETENTION")
    ] = 365 * 24 * 60 * 60

    disable_signup: Annotated[
        Switch, Named("AUTH_DISABLE_SIGNUP", "auth.signUp.enabled", inverted=True)
    ] = False
    disable_new_users: Annotated[
        Switch, Named("AUTH_DISABLE_NEW_USERS", "auth.signUp.disableNewUsers")
    ] = False
    email_verified_required: Annotated[
        Switch,
        Named(
            "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED",
            "auth.method.emailPassword.emailVerificationRequired",
        ),
    ] = False
    default_role: Annotated[Text, Named("AUTH_USER_DEFAULT_ROLE", "auth.user.roles.default")] = (
        "user"
    )
    default_allowed_roles: Annotated[
        Names, Named("AUTH_USER_DEFAULT_ALLOWED_ROLES", "auth.user.roles.allowed")
    ] = ("me",)
    default_locale: Annotated[Text, Named("AUTH_LOCALE_DEFAULT", "auth.user.locale.default")] = "en"

    allowed_locales: Annotated[
        Names, Named("AUTH_LOCALE_ALLOWED_LOCALES", "auth.user.locale.allowed")
    ] = ("en",)

    password_min_length: Annotated[
        int,
        Named("AUTH_PASSWORD_MIN_LENGTH", "auth.method.emailPassword.passwordMinLength"),
        *whole(1, 256, "characters"),
    ] = 8
    password_check_common: Annotated[Switch, Named("AUTH_PASSWORD_CHECK_COMMON")] = True
    # OWASP Password Storage Cheat Sheet: Argon2id with m=19456 (19 MiB), t=2, p=1.
    argon2_memory_cost: Annotated[
        int, Named("AUTH_PASSWORD_ARGON2_MEMORY_COST"), *whole(8, 4 * 1024 * 1024, "KiB")
    ] = 19456
    argon2_time_cost: Annotated[int, Named("AUTH_PASSWORD_ARGON2_TIME_COST"), *whole(1, 100)] = 2
    argon2_parallelism: Annotated[int, Named("AUTH_PASSWORD_ARGON2_PARALLELISM"), *whole(1, 64)] = 1
    # One thread a core: bench/README.md has the measurement.
    argon2_threads: Annotated[int, Named("AUTH_PASSWORD_ARGON2_THREADS"), *whole(1, 256)] = (
        os.cpu_count() or 1
    )

    @property
    def allowed_origins(self) -> list[str]:
        """The sites whose pages may ask: the client's own, and those that are named."""
        client = urlsplit(self.client_url)
        own = [f"{client.scheme}://{client.netloc}"] if client.netloc else []
        return [*own, *self.cors_origins]

    @property
    def roles_of_a_new_user(self) -> list[str]:
        """The allowed roles, the default one among them."""
        return list(dict.fromkeys([*self.default_allowed_roles, self.default_role]))

    @property
    def locales(self) -> list[str]:
        """The locales that a user may choose, the default one among them."""
        return list(dict.fromkeys([*self.allowed_locales, self.default_locale]))
