import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth import keys


def raw_public(folder: Path) -> bytes:
    return keys.signing_key(folder).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def test_keys_are_made_once_and_found_again(tmp_path: Path) -> None:
    assert raw_public(tmp_path) == raw_public(tmp_path)
    assert keys.encryption_keys(tmp_path) == keys.encryption_keys(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        keys.ENCRYPTION_KEYS_FILE,
        keys.SIGNING_KEY_FILE,
    ]


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.signing_key(tmp_path)
        keys.encryption_keys(tmp_path)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_all_who_make_a_key_at_once_go_on_with_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(raw_public, [tmp_path] * 64))
    assert len(made) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\nhunter2"])
def test_a_broken_key_file_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    for name, read in [
        (keys.SIGNING_KEY_FILE, keys.signing_key),
        (keys.ENCRYPTION_KEYS_FILE, keys.encryption_keys),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(keys.KeyFileError, match=name) as refused:
            read(tmp_path)
        assert "hunter2" not in str(refused.value)
        assert (tmp_path / name).read_bytes() == content
