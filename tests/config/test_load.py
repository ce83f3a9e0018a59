from pathlib import Path

import pytest

from config import ConfigError, Settings, load, nhost_names
from config.settings import NAMES
from config.values import Accepts
from tests.support import ROOT

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nhost.toml"


def load_file(file: Path, text: str, **environ: str) -> tuple[Settings, list[str]]:
    file.write_text(text)
    return load({"AUTH_CONFIG": str(file)} | environ)


def test_the_shipped_file_turns_the_second_factor_on_without_a_warning() -> None:
    settings, warnings = load({"AUTH_CONFIG": str(ROOT / "config" / "nhost.toml")})
    assert settings.mfa_enabled
    assert settings.access_token_expires_in == 15 * 60
    assert settings.refresh_token_expires_in == 30 * 24 * 60 * 60
    assert not warnings


def test_without_a_file_the_shipped_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({}) == load({"AUTH_CONFIG": str(ROOT / "config" / "nhost.toml")})


def test_the_environment_wins_over_the_file(file: Path) -> None:
    text = "[auth.totp]\nenabled = true\nissuer = 'File'\n"
    settings, _ = load_file(file, text, AUTH_MFA_TOTP_ISSUER="Environment", AUTH_MFA_ENABLED="")
    assert settings.mfa_totp_issuer == "Environment"
    assert settings.mfa_enabled, "an empty variable counts as not set"


def test_the_file_says_enabled_where_the_environment_says_disabled(file: Path) -> None:
    text = "[auth.signUp]\nenabled = false\n"
    assert load_file(file, text)[0].disable_signup
    assert not load_file(file, text, AUTH_DISABLE_SIGNUP="false")[0].disable_signup


def test_secrets_of_the_file_come_from_the_environment(file: Path) -> None:
    text = "[auth.totp]\nissuer = '{{ secrets.BRAND }}'\n[other]\nkey = '{{ secrets.UNKNOWN }}'"
    assert load_file(file, text, BRAND="Acme")[0].mfa_totp_issuer == "Acme"
    with pytest.raises(ConfigError, match="expected BRAND in the environment"):
        load_file(file, text)


def test_the_default_role_is_always_among_the_roles(file: Path) -> None:
    settings, _ = load_file(file, "", AUTH_USER_DEFAULT_ALLOWED_ROLES=" editor , me,")
    assert settings.roles_of_a_new_user == ["editor", "me", "user"]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("AUTH_PORT", "http", "AUTH_PORT = 'http': expected a port number from 1 to 65535"),
        ("AUTH_PORT", "65536", "AUTH_PORT = '65536': expected a port number from 1 to 65535"),
        ("AUTH_MFA_ENABLED", "maybe", "AUTH_MFA_ENABLED = 'maybe': expected true or false"),
        (
            "AUTH_MFA_TOTP_DRIFT",
            "3",
            "AUTH_MFA_TOTP_DRIFT = '3': expected a whole number from 0 to 2 time steps",
        ),
        (
            "AUTH_ACCESS_TOKEN_EXPIRES_IN",
            "soon",
            "AUTH_ACCESS_TOKEN_EXPIRES_IN = 'soon': expected seconds, or a duration such as 90s, "
            "5m or 1h30m, of 1 s to 10 years",
        ),
        (
            "AUTH_MFA_TOTP_ISSUER",
            "a:b",
            "AUTH_MFA_TOTP_ISSUER = 'a:b': expected a name of 1 to 64 characters without a colon",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_accepted(
    name: str, value: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load({name: value})
    assert str(refused.value) == complaint


@pytest.mark.parametrize(
    "value", ["*", "app.example.com", "https://*.example.com", "https://a.test/path", "https://"]
)
def test_an_origin_must_be_complete(value: str) -> None:
    with pytest.raises(ConfigError, match="AUTH_CORS_ORIGINS"):
        load({"AUTH_CORS_ORIGINS": f"https://app.example.com,{value}"})


def test_the_client_url_is_an_allowed_origin() -> None:
    chosen = {"AUTH_CLIENT_URL": "https://a.test/login", "AUTH_CORS_ORIGINS": "http://b.test:3000"}
    assert load(chosen)[0].allowed_origins == ["https://a.test", "http://b.test:3000"]


def test_every_wrong_value_gets_a_line_of_its_own() -> None:
    with pytest.raises(ConfigError) as refused:
        load({"AUTH_PORT": "x", "AUTH_MFA_TICKET_ATTEMPTS": "0"})
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2@localhost/auth"),
        ("HASURA_GRAPHQL_DATABASE_URL", "hunter2"),
        ("AUTH_ENCRYPTION_KEYS", "hunter2"),
    ],
)
def test_a_wrong_secret_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} = \\(not shown\\): expected ") as refused:
        load({name: value})
    assert "hunter2" not in str(refused.value)


def test_the_settings_do_not_show_their_secrets() -> None:
    settings, _ = load({"DATABASE_URL": "postgres://u:hunter2@h/d", "AUTH_ENCRYPTION_KEYS": KEY})
    assert "hunter2" not in repr(settings)
    assert KEY not in repr(settings)
    assert "0123456789" not in repr(settings)


def test_an_unknown_setting_causes_a_warning_with_its_name(file: Path) -> None:
    text = "[auth.totp]\nenabeld = true\n[auth.sms]\nlimit = 1\n[hasura]\nversion = '2'\n"
    _, warnings = load_file(file, text, AUTH_TYPO="1", HASURA_GRAPHQL_ADMIN_SECRET="x")
    assert [warning.split()[0] for warning in warnings] == [
        "AUTH_TYPO",
        "auth.totp.enabeld",
        "auth.sms",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[auth", "not a TOML file"), ("[auth.totp]\nenabled = 'x'", "auth.totp.enabled = 'x'")],
)
def test_a_broken_file_is_refused_in_one_line(file: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refused:
        load_file(file, text)
    assert len(str(refused.value).splitlines()) == 1


def test_the_file_in_auth_config_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"AUTH_CONFIG = '/no.toml': expected a file to read"):
        load({"AUTH_CONFIG": "/no.toml"})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


def test_every_setting_says_what_it_accepts() -> None:
    for field in NAMES:
        metadata = Settings.model_fields[field].metadata
        assert [item for item in metadata if isinstance(item, Accepts)], field


REFUSED = [entry.env for entry in nhost_names.REFUSED]


@pytest.mark.parametrize("name", REFUSED)
def test_a_protection_of_nhost_that_is_missing_here_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: ") as refused:
        load({name: "hunter2"})
    assert "hunter2" not in str(refused.value)
    load({name: ""})


@pytest.mark.parametrize(
    "text",
    [
        "[auth.signUp.turnstile]\nsecretKey = 'hunter2'",
    ],
)
def test_a_protection_in_nhosts_file_that_is_missing_here_is_refused(file: Path, text: str) -> None:
    key = text.partition(" =")[0].replace("]\n", ".").removeprefix("[")
    with pytest.raises(ConfigError, match=f"^{key}: "):
        load_file(file, text)


def test_the_lists_of_nhosts_file_are_read(file: Path) -> None:
    text = "[auth.user.email]\nallowed = []\n[auth.user.emailDomains]\nblocked = ['b.test']\n"
    settings, _ = load_file(file, text, AUTH_ACCESS_CONTROL_BLOCKED_EMAILS="a@b.test, c@d.test")
    assert settings.allowed_emails == ()
    assert settings.blocked_email_domains == ("b.test",)
    assert settings.blocked_emails == ("a@b.test", "c@d.test")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTH_ACCESS_CONTROL_ALLOWED_EMAILS", "example.com"),
        ("AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS", "@example.com"),
        ("AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS", "*.example.com"),
        ("AUTH_ACCESS_CONTROL_BLOCKED_EMAILS", "*@example.com"),
        ("AUTH_ACCESS_CONTROL_BLOCKED_EMAILS", "joe@*.example.com"),
        ("AUTH_ACCESS_CONTROL_ALLOWED_EMAIL_DOMAINS", "joe@example.com"),
    ],
)
def test_an_entry_of_a_list_that_would_match_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({name: value})


def test_harmless_names_of_nhost_cause_a_warning_with_the_reason(file: Path) -> None:
    text = "[auth.method.anonymous]\nenabled = true\n"
    _, warnings = load_file(
        file,
        text,
        AUTH_SMTP_X_SMTPAPI_HEADER="{}",
        AUTH_PROVIDER_APPLE_AUDIENCE="x",
        AUTH_GRAVATAR_ENABLED="1",
    )
    assert [warning.partition(" ")[0] for warning in warnings] == [
        "AUTH_GRAVATAR_ENABLED",
        "AUTH_PROVIDER_APPLE_AUDIENCE",
        "AUTH_SMTP_X_SMTPAPI_HEADER",
        "auth.method.anonymous",
    ]
    assert all("does nothing here: " in warning for warning in warnings)


def test_nhosts_alternative_names_are_supported() -> None:
    url = "postgres://joe:hunter2@db.test/auth"
    settings, warnings = load({"POSTGRES_CONNECTION": url, "AUTH_TOTP_ENABLED": "true"})
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url
    assert settings.mfa_enabled
    assert not warnings
    assert not load({"AUTH_MFA_ENABLED": "false", "AUTH_TOTP_ENABLED": "true"})[0].mfa_enabled


def test_an_empty_prefix_means_no_prefix() -> None:
    assert load({"AUTH_API_PREFIX": ""})[0].api_prefix == ""
    assert load({})[0].api_prefix == "/v1"


def test_half_a_mail_server_is_refused() -> None:
    with pytest.raises(ConfigError, match="AUTH_SMTP_SENDER: required with AUTH_SMTP_HOST"):
        load({"AUTH_SMTP_HOST": "mail.example.com"})
    with pytest.raises(ConfigError, match=r"smtp\.postmarkapp\.com"):
        load({"AUTH_SMTP_HOST": "postmark", "AUTH_SMTP_SENDER": "a@b.test"})


@pytest.mark.parametrize(
    "sender",
    [
        "nobody",
        "a@b.test\r\nBcc: eve@b.test",
        "A <a@b.test>, c@d.test",
        "=?utf-8?q?=0aBcc:x?= <a@b.c>",
    ],
)
def test_a_sender_is_an_address_on_one_line(sender: str) -> None:
    with pytest.raises(ConfigError, match="AUTH_SMTP_SENDER"):
        load({"AUTH_SMTP_HOST": "mail", "AUTH_SMTP_SENDER": sender})


@pytest.mark.parametrize(
    ("chosen", "mail"),
    [
        ({}, "mailbox"),
        ({"AUTH_HOST": "localhost"}, "mailbox"),
        ({"AUTH_HOST": "::1"}, "mailbox"),
        ({"AUTH_SERVER_URL": "http://localhost:4000"}, "mailbox"),
        ({"AUTH_SERVER_URL": "https://auth.example.com"}, "off"),
        ({"AUTH_TRUSTED_PROXIES": "127.0.0.1"}, "off"),
        ({"AUTH_HOST": "0.0.0.0"}, "off"),
        ({"AUTH_HOST": "0.0.0.0", "AUTH_SMTP_HOST": "m", "AUTH_SMTP_SENDER": "a@b.c"}, "off"),
        ({"AUTH_SMTP_HOST": "m", "AUTH_SMTP_SENDER": "a@b.c"}, "smtp"),
        (
            {
                "AUTH_HOST": "0.0.0.0",
                "AUTH_SERVER_URL": "https://auth.example.com",
                "AUTH_SMTP_HOST": "m",
                "AUTH_SMTP_SENDER": "a@b.c",
            },
            "smtp",
        ),
    ],
)
def test_mail_is_sent_kept_or_refused(chosen: dict[str, str], mail: str) -> None:
    assert load(chosen)[0].mail == mail


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "AUTH_CLIENT_URL: required"),
        ({"AUTH_CLIENT_URL": "http://127.0.0.1:5173"}, "AUTH_CLIENT_URL: browsers allow no"),
        ({"AUTH_WEBAUTHN_RP_ORIGINS": "https://example.com"}, "AUTH_WEBAUTHN_RP_ID: required"),
        ({"AUTH_WEBAUTHN_RP_ORIGINS": "http://example.com"}, "https, except on localhost"),
        ({"AUTH_WEBAUTHN_RP_ORIGINS": "https://*.example.com"}, "no \\*"),
        ({"AUTH_WEBAUTHN_RP_ID": "https://example.com"}, "a domain such as example.com"),
        ({"AUTH_WEBAUTHN_RP_ID": "192.0.2.1"}, "a domain such as example.com"),
    ],
)
def test_passkeys_of_no_domain_are_refused(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load({"AUTH_WEBAUTHN_ENABLED": "true"} | settings)


def test_the_domain_of_passkeys_is_that_of_the_front_end() -> None:
    settings, _ = load(
        {
            "AUTH_WEBAUTHN_ENABLED": "true",
            "AUTH_CLIENT_URL": "https://app.example.com/in",
            "AUTH_WEBAUTHN_RP_ORIGINS": f"android:apk-key-hash:{'A' * 43}",
        }
    )
    assert settings.relying_party == "app.example.com"
    assert settings.ceremony_origins == [
        "https://app.example.com", f"android:apk-key-hash:{'A' * 43}",
    ]  # fmt: skip
