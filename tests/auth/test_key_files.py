import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth.keys import key_files


def test_encryption_keys_are_created_once_and_reused(tmp_path: Path) -> None:
    assert key_files.encryption_keys(tmp_path) == key_files.encryption_keys(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [key_files.ENCRYPTION_KEYS_FILE]


def test_only_the_owner_can_read_key_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key_files.encryption_keys(tmp_path)
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_simultaneous_creators_use_the_same_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(map(tuple, pool.map(key_files.encryption_keys, [tmp_path] * 64)))
    assert len(made) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_older_keys_may_follow_the_current_one(tmp_path: Path) -> None:
    (old,) = key_files.encryption_keys(tmp_path)
    file = tmp_path / key_files.ENCRYPTION_KEYS_FILE
    file.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n" + file.read_text())
    assert key_files.encryption_keys(tmp_path) == [b"01234567890123456789012345678901", old]


@pytest.mark.parametrize("content", [b"", b"hunter2", b"\xff\xfe"])
def test_a_broken_file_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / key_files.ENCRYPTION_KEYS_FILE
    file.write_bytes(content)
    with pytest.raises(key_files.UnusableKeyError, match=file.name) as refused:
        key_files.encryption_keys(tmp_path)
    assert "hunter2" not in str(refused.value)
    assert file.read_bytes() == content


def test_a_new_key_comes_first_and_is_noticed(tmp_path: Path) -> None:
    (old,) = key_files.encryption_keys(tmp_path)
    changed = key_files.watched_encryption_keys(tmp_path)
    assert changed() is None
    key_files.add_encryption_key(tmp_path)
    new, *others = key_files.encryption_keys(tmp_path)
    assert others == [old]
    assert changed() == [new, old]
    assert changed() is None
    file = tmp_path / key_files.ENCRYPTION_KEYS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("half a ke")
    assert changed() is None, "an unusable file counts as unchanged"


def test_simultaneously_added_keys_are_all_kept(tmp_path: Path) -> None:
    key_files.encryption_keys(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(key_files.add_encryption_key, [tmp_path] * 32))
    assert len(set(key_files.encryption_keys(tmp_path))) == 33
