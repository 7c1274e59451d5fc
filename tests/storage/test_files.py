"""Files are opened by generated names inside their folder, and by nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.storage.helpers import rows

from holdfast.errors import StoreError
from holdfast.storage.files import Folder, open_beneath

CANARY = "canary"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / CANARY).write_text("secret")
    folder = Folder(tmp_path / "inner")
    yield folder
    folder.close()


BAD = [
    "",
    ".",
    "..",
    "../canary",
    "..\\canary",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\x00b",
    "%2e%2e%2fcanary",
    "..%2fcanary",
    "%252e%252e%252fcanary",
    "C:\\x",
    "\\\\host\\share",
    "file:///etc/passwd",
    "~root",
    ".hidden",
    "-rf",
    "name\n",
    "ünï",
    "．．／canary",
    "x" * 201,
]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("deed", ["open", "remove", "exists"])
def test_a_name_that_is_no_plain_name_is_refused(folder, name, deed):
    with pytest.raises(StoreError, match="file name was refused"):
        getattr(folder, deed)(name)


@pytest.mark.parametrize("name", BAD)
def test_a_file_cannot_be_renamed_out_of_its_folder(folder, name):
    os.close(folder.open("a", os.O_CREAT | os.O_RDWR))

    with pytest.raises(StoreError):
        folder.rename("a", name)


def test_a_symbolic_link_is_never_followed(folder, tmp_path):
    (folder.path / "link").symlink_to(tmp_path / CANARY)

    with pytest.raises(StoreError, match="refused opening the file link"):
        folder.open("link")


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_not_a_file_is_refused(folder, kind):
    if kind == "fifo":
        os.mkfifo(folder.path / "odd")
    else:
        (folder.path / "odd").mkdir()

    with pytest.raises(StoreError, match="not a regular file"):
        folder.open("odd")


def test_a_device_is_refused():
    directory = os.open("/dev", os.O_RDONLY)
    try:
        with pytest.raises(StoreError, match="not a regular file"):
            open_beneath(directory, "null", os.O_RDONLY)
    finally:
        os.close(directory)


def test_a_file_that_is_not_there_is_left_to_the_caller(folder):
    with pytest.raises(FileNotFoundError):
        folder.open("nothing")


def test_descriptors_are_closed_in_other_programs(folder):
    fd = folder.open("a", os.O_CREAT | os.O_RDWR)
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_open_store_leaks_no_descriptor(open_store):
    before = descriptors()
    for _ in range(3):
        store = open_store()
        store.predictions.append_columns(rows(0, 3))
        store.predictions.rotate()
        store.predictions.append_columns(rows(3, 3))
        store.compact()
        store.predictions.read()
        store.predictions.tail()
        store.close()

    assert descriptors() == before
