import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.keys.vault import Vault, VaultError

OLD, NEW = os.urandom(32), os.urandom(32)


@given(st.text(), st.text(max_size=100))
def test_a_sealed_secret_opens_again(secret: str, context: str) -> None:
    vault = Vault([NEW])
    assert vault.open(vault.seal(secret, context), context) == secret


def test_sealing_twice_gives_different_texts() -> None:
    vault = Vault([NEW])
    assert vault.seal("secret", "context") != vault.seal("secret", "context")


def test_a_secret_sealed_for_one_user_does_not_open_for_another() -> None:
    vault = Vault([NEW])
    with pytest.raises(VaultError):
        vault.open(vault.seal("secret", "user 1"), "user 2")


def test_the_first_key_seals_and_every_key_opens() -> None:
    sealed = Vault([OLD]).seal("secret", "context")
    both = Vault([NEW, OLD])
    assert both.open(sealed, "context") == "secret"
    with pytest.raises(VaultError):
        Vault([OLD]).open(both.seal("secret", "context"), "context")


@given(st.data())
def test_a_changed_secret_does_not_open(data: st.DataObject) -> None:
    key_id, body = Vault([NEW]).seal("secret", "context").split(".")
    raw = bytearray(base64.b64decode(body))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError):
        Vault([NEW]).open(f"{key_id}.{base64.b64encode(raw).decode()}", "context")


@given(st.text())
def test_unsealed_text_does_not_open(text: str) -> None:
    with pytest.raises(VaultError):
        Vault([NEW]).open(text, "context")


def test_no_repr_or_error_of_a_vault_shows_a_secret() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("hunter2", "context")
    with pytest.raises(VaultError) as error:
        vault.open(sealed, "other")
    for shown in (repr(vault), str(vars(vault)), repr(error.value), sealed):
        assert "hunter2" not in shown
        assert base64.b64encode(NEW).decode() not in shown
        assert NEW.hex() not in shown


def test_a_new_key_is_used_at_once() -> None:
    found: list[list[bytes]] = []
    vault = Vault([OLD], lambda: found.pop() if found else None)
    sealed = vault.seal("secret", "context")
    assert vault.is_current(sealed)
    found.append([NEW, OLD])
    assert not vault.is_current(sealed)
    assert vault.open(sealed, "context") == "secret"
    assert Vault([NEW]).open(vault.seal("secret", "context"), "context") == "secret"
