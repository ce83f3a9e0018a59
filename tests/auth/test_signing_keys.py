"""The signing keys of the data folder: which key signs, and which ones verify."""

import logging
import multiprocessing
import os
import shutil
import stat
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth.keys.key_files import UnusableKeyError
from auth.keys.key_ring import KeyRing
from auth.keys.signing_keys import Rotation, own_key_ring, rotate

LIFE = 900
NOW = datetime.now(UTC)


def own(folder: Path) -> KeyRing:
    return own_key_ring(folder, token_life=LIFE)


def rotated(folder: Path, now: datetime = NOW, *, revoke: bool = False) -> Rotation:
    return rotate(folder, now, token_life=LIFE, revoke=revoke)


def kids(ring: KeyRing, now: datetime = NOW) -> list[str | None]:
    return [key.kid for key in ring.in_use(now)]


def files(folder: Path) -> list[Path]:
    return list((folder / "signing-keys").glob("*.pem"))


def test_one_key_is_created_and_reused(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = list(pool.map(own, [tmp_path] * 64))
    assert len({ring.current.kid for ring in rings}) == 1
    (file,) = (tmp_path / "signing-keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_key_signs_and_the_old_one_verifies_until_its_last_token_expires(
    tmp_path: Path,
) -> None:
    running = own(tmp_path)
    old = str(running.current.kid)
    told = rotated(tmp_path)
    new = told.signing
    assert told == Rotation(new, (old, new), ())
    assert new != old
    assert running.current.kid == new, "a running server notices"
    assert kids(running) == [old, new]
    assert kids(running, NOW + timedelta(seconds=LIFE - 1)) == [old, new]
    assert kids(running, NOW + timedelta(seconds=LIFE + 1)) == [new]


def test_rotating_deletes_keys_whose_tokens_have_expired(tmp_path: Path) -> None:
    first = own(tmp_path).current.kid
    times = [NOW, NOW + timedelta(seconds=LIFE / 2), NOW + timedelta(seconds=2 * LIFE)]
    told = [rotated(tmp_path, time) for time in times]
    new = [each.signing for each in told]
    assert kids(own(tmp_path), times[-1]) == new[1:]
    assert told[-1].verifying == tuple(new[1:])
    assert set(told[-1].gone) == {first, new[0]}
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    "name", ["9999999999.pem", "99999999999999999999.pem", f"{2**63}.pem", "1" * 39 + ".pem"]
)
def test_the_newest_key_signs_whatever_other_files_exist(tmp_path: Path, name: str) -> None:
    running = own(tmp_path)
    first = running.current.kid
    shutil.copy(files(tmp_path)[0], tmp_path / "signing-keys" / name)
    for revoke in (False, True):
        told = rotated(tmp_path, revoke=revoke)
        assert running.current.kid == own(tmp_path).current.kid == told.signing != first
        assert kids(running) == list(told.verifying)
    assert kids(running, NOW + timedelta(seconds=LIFE + 1)) == [told.signing]
    assert len(files(tmp_path)) == 1, "a copy of a revoked key is deleted with it"


@pytest.mark.parametrize(
    "name", ["old.pem", "1", "²3.pem", "-5.pem", "1.pem.bak", "4" * 41 + ".pem"]
)
def test_a_file_with_another_name_is_ignored(tmp_path: Path, name: str) -> None:
    running = own(tmp_path)
    (tmp_path / "signing-keys" / name).write_bytes(b"anything")
    assert running.current.kid == own(tmp_path).current.kid
    assert running.current.kid != rotated(tmp_path).signing == running.current.kid


def test_a_clock_that_was_set_back_changes_nothing(tmp_path: Path) -> None:
    running = own(tmp_path)
    ahead = rotated(tmp_path, NOW + timedelta(days=3650)).signing
    back = rotated(tmp_path).signing
    again = rotated(tmp_path).signing
    assert running.current.kid == again
    assert kids(running)[-3:] == [ahead, back, again]
    assert kids(running, NOW + timedelta(seconds=LIFE + 1)) == [again]


def _rotated_in_a_process(folder: Path) -> str:
    return rotated(folder).signing


def test_simultaneous_rotations_each_create_a_key_and_the_last_signs(
    tmp_path: Path,
) -> None:
    running = own(tmp_path)
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        made = list(pool.map(_rotated_in_a_process, [tmp_path] * 12))
    assert len(set(made)) == 12
    assert running.current.kid in made
    assert set(made) < set(kids(running)), "tokens of all these keys are valid"


def test_a_revoked_key_verifies_no_token(tmp_path: Path) -> None:
    running = own(tmp_path)
    leaked = running.current.kid
    between = rotated(tmp_path).signing
    told = rotated(tmp_path, revoke=True)
    assert told == Rotation(told.signing, (told.signing,), tuple(sorted([str(leaked), between])))
    assert kids(running) == kids(own(tmp_path)) == [told.signing]


def test_a_changed_key_file_is_another_key(tmp_path: Path) -> None:
    running, other = own(tmp_path), tmp_path / "other"
    other.mkdir()
    expected = own(other).current.kid
    files(other)[0].replace(files(tmp_path)[0])
    assert running.current.kid == expected


def test_a_change_at_the_same_instant_as_another_is_noticed(tmp_path: Path) -> None:
    """The folder has the same time after both."""
    running, folder = own(tmp_path), tmp_path / "signing-keys"
    old = running.current.kid
    new = rotated(tmp_path).signing
    at = folder.stat().st_mtime_ns
    assert kids(running) == [old, new]
    (folder / "0.pem").unlink()
    os.utime(folder, ns=(at, at))
    assert kids(running) == [new]


def test_a_key_that_is_overwritten_in_place_is_noticed_within_a_second(tmp_path: Path) -> None:
    running, folder = own(tmp_path), tmp_path / "signing-keys"
    long_ago = NOW.timestamp() - 60
    os.utime(folder, (long_ago, long_ago))
    old = running.current.kid
    (tmp_path / "other").mkdir()
    own(tmp_path / "other")
    (folder / "0.pem").write_bytes((tmp_path / "other" / "signing-keys" / "0.pem").read_bytes())
    assert folder.stat().st_mtime < NOW.timestamp() - 50
    time.sleep(1.1)
    assert running.current.kid not in {old, None}


def test_a_key_deleted_while_it_is_read_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = own(tmp_path)
    old = running.current.kid
    new = rotated(tmp_path).signing
    with monkeypatch.context() as deleted:
        deleted.setattr(Path, "read_bytes", Mock(side_effect=FileNotFoundError))
        assert running.current.kid == old
    assert running.current.kid == new


def test_a_running_server_skips_an_incomplete_key_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = own(tmp_path)
    current = running.current.kid
    (tmp_path / "signing-keys" / "5.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nhunter2")
    with caplog.at_level(logging.WARNING, "postern"):
        assert running.current.kid == current
    assert "5.pem" in caplog.text
    assert "hunter2" not in caplog.text
    shutil.rmtree(tmp_path / "signing-keys")
    assert running.current.kid == current


@pytest.mark.parametrize("content", [b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\nhunter2"])
def test_a_broken_key_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    own(tmp_path)
    file = tmp_path / "signing-keys" / "0.pem"
    file.write_bytes(content)
    with pytest.raises(UnusableKeyError, match=file.name) as refused:
        own(tmp_path)
    assert "hunter2" not in str(refused.value)


def test_a_jwk_shows_only_the_public_half(tmp_path: Path) -> None:
    key = own(tmp_path).current
    jwk = key.jwk()
    assert jwk is not None
    assert set(jwk) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    raw = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert raw.hex() not in repr(key)
