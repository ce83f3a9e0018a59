"""The configuration: what was read at the start, and what operators change later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from config.refusal import Refusal
from config.settings import NAMES, OPERATOR_ROLE, Settings
from config.values import Accepts, is_domain


class ConfigError(Exception):
    """The configuration cannot be used; the message has a line for each key, with the reason."""


@unique
class Source(Enum):
    """Where a setting's value comes from, the first one that has it; the value describes it."""

    ENVIRONMENT = "The environment of the server's process. No operator can change it."
    DASHBOARD = "An operator has set it while the server ran."
    FILE = "The configuration file, nhost.toml."
    DEFAULT = "Postern's own default."


class Found(NamedTuple):
    """A value that was found: under which name, as it was written, and as it is understood."""

    key: str
    written: object
    value: object
    source: Source


NO_CHANGES: Mapping[str, str] = MappingProxyType({})
FIELDS: Mapping[str, str] = {named.env: field for field, named in NAMES.items()}
"""The field of each setting, by its name in the environment."""


@dataclass(frozen=True)
class Configuration:
    """What the environment and the file say, read once.

    `changed` are values that operators have set, by the name in the environment and in the form
    that the environment would have. They take precedence over the file. Names that no operator may
    change are ignored.
    """

    _found: Mapping[str, Found] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def settings(self, changed: Mapping[str, str] = NO_CHANGES) -> Settings:
        """Return the settings. Raises ConfigError, with a line for each wrong value."""
        chosen = self._chosen(changed)
        try:
            settings = Settings.model_validate(
                {name: found.value for name, found in chosen.items()}
            )
        except ValidationError as error:
            wrong = {
                str(item["loc"][0]): item.get("ctx", {}).get("error") for item in error.errors()
            }
            lines = [_complaint(name, chosen[name], reason) for name, reason in wrong.items()]
            raise ConfigError("\n".join(lines)) from None
        _refuse_half_a_mail_server(settings)
        _refuse_passkeys_of_nobody(settings)
        _refuse_operators_by_default(settings)
        _refuse_a_weak_admin_secret(settings)
        _refuse_a_factor_that_nobody_can_have(settings)
        return settings

    def source(self, name: str, changed: Mapping[str, str] = NO_CHANGES) -> Source:
        """Return where the value of this field comes from."""
        found = self._chosen(changed).get(name)
        return found.source if found else Source.DEFAULT

    def fixed_by(self, name: str) -> str | None:
        """Return the variable of the environment that sets this field, or None."""
        found = self._found.get(name)
        return found.key if found and found.source is Source.ENVIRONMENT else None

    def _chosen(self, changed: Mapping[str, str]) -> dict[str, Found]:
        live = {
            FIELDS[env]: Found(env, text, text, Source.DASHBOARD)
            for env, text in changed.items()
            if env in FIELDS and NAMES[FIELDS[env]].live
        }
        fixed = {name: found for name, found in self._found.items() if self.fixed_by(name)}
        return {**self._found, **live, **fixed}


def accepts(name: str) -> str:
    """Return what this field accepts, in words that follow "expected"."""
    metadata = Settings.model_fields[name].metadata
    return next(item.words for item in metadata if isinstance(item, Accepts))


def _complaint(name: str, found: Found, reason: object) -> str:
    if isinstance(reason, Refusal):
        return f"{found.key}: {reason}"
    shown = "(not shown)" if NAMES[name].secret else repr(found.written)
    return f"{found.key} = {shown}: expected {accepts(name)}"


def _refuse_half_a_mail_server(settings: Settings) -> None:
    if settings.smtp_host == "postmark":
        raise ConfigError(
            "AUTH_SMTP_HOST: Postern does not speak Postmark's own protocol; set "
            "smtp.postmarkapp.com, and the server's token as AUTH_SMTP_USER and AUTH_SMTP_PASS"
        )
    if settings.email_templates_path and not settings.email_templates_path.is_dir():
        raise ConfigError("AUTH_EMAIL_TEMPLATES_PATH: expected a folder that exists")
    if settings.smtp_host and not settings.smtp_sender:
        raise ConfigError("AUTH_SMTP_SENDER: required with AUTH_SMTP_HOST")
    if settings.smtp_user and not settings.smtp_password.get_secret_value():
        raise ConfigError("AUTH_SMTP_PASS: required with AUTH_SMTP_USER")


def _refuse_passkeys_of_nobody(settings: Settings) -> None:
    if not settings.passkeys_enabled:
        return
    if not settings.ceremony_origins:
        raise ConfigError(
            "AUTH_CLIENT_URL: required with AUTH_WEBAUTHN_ENABLED (or AUTH_WEBAUTHN_RP_ORIGINS): "
            "the address of the pages that use passkeys"
        )
    if not settings.relying_party:
        raise ConfigError(
            "AUTH_WEBAUTHN_RP_ID: required with AUTH_WEBAUTHN_ENABLED and no AUTH_CLIENT_URL: the "
            "domain of your front end, such as example.com"
        )
    if not is_domain(settings.relying_party):
        raise ConfigError(
            "AUTH_CLIENT_URL: browsers allow no passkeys at an IP address; use a domain, or "
            "localhost, or name one in AUTH_WEBAUTHN_RP_ID"
        )


def _refuse_operators_by_default(settings: Settings) -> None:
    if OPERATOR_ROLE in settings.roles_of_a_new_user:
        raise ConfigError(
            f"AUTH_USER_DEFAULT_ALLOWED_ROLES: the role {OPERATOR_ROLE} makes an operator, so "
            "new users cannot have it; give it to single users with `postern set-roles`"
        )


def _refuse_a_weak_admin_secret(settings: Settings) -> None:
    if settings.admin_secret_enabled and len(settings.admin_secret.get_secret_value()) < 32:
        raise ConfigError(
            "HASURA_GRAPHQL_ADMIN_SECRET: expected at least 32 characters, since "
            "AUTH_ADMIN_SECRET_ENABLED is on"
        )


def _refuse_a_factor_that_nobody_can_have(settings: Settings) -> None:
    if settings.requires_factor_of_some and not (settings.totp_is_on or settings.passkeys_enabled):
        raise ConfigError(
            "AUTH_MFA_POLICY: a second factor cannot be required while authenticator apps and "
            "passkeys are both off; set AUTH_MFA_ENABLED=true or AUTH_WEBAUTHN_ENABLED=true"
        )
