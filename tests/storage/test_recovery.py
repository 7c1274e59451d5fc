"""Torn tails are cut, damaged stretches are isolated and reported, everything else is read."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from tests.storage.helpers import ids_of, names, rows

from holdfast.storage import Cursor, Store, framing
from holdfast.storage.recovery import ORPHAN_SECONDS, examine
from holdfast.storage.schema import PREDICTIONS, encode_batch, encode_columns
from holdfast.storage.writer import MARK

SALT = framing.salt_of("some.log")


def frames_of(data: bytes) -> list[tuple[int, int]]:
    """First row and number of rows of every whole frame."""
    return [
        (found[0].first_row, found[0].rows)
        for found in framing.scan(data, SALT)
        if not isinstance(found, framing.Damage)
    ]


def damage_of(data: bytes) -> list[framing.Damage]:
    return [found for found in framing.scan(data, SALT) if isinstance(found, framing.Damage)]


@pytest.fixture(scope="module")
def segment() -> tuple[bytes, list[int]]:
    """Four frames of both kinds, and where each ends."""
    batch = pa.record_batch(
        {
            "id": ["p7", "p8"],
            "model": ["loan"] * 2,
            "at": pa.array([7, 8], pa.timestamp("us", "UTC")),
            "received": pa.array([7, 8], pa.timestamp("us", "UTC")),
        }
    )
    payloads = [
        encode_columns(PREDICTIONS, rows(0, 3)),
        encode_columns(PREDICTIONS, rows(3, 4)),
        encode_batch(PREDICTIONS, batch),
        encode_columns(PREDICTIONS, rows(9, 1)),
    ]
    data, ends, row = b"", [], 0
    for payload in payloads:
        data += framing.header(payload, row, SALT) + payload.data
        ends.append(len(data))
        row += payload.rows
    return data, ends


def test_a_whole_segment_has_no_damage(segment):
    data, _ = segment

    assert frames_of(data) == [(0, 3), (3, 4), (7, 2), (9, 1)]
    assert damage_of(data) == []


def test_cut_at_every_byte_every_frame_before_the_cut_is_read(segment):
    data, ends = segment
    for size in range(len(data) + 1):
        whole = [end for end in ends if end <= size]
        found = examine(data[:size], SALT)

        assert len(frames_of(data[:size])) == len(whole)
        assert found.extent.bytes == (whole[-1] if whole else 0)
        assert found.cut == size - found.extent.bytes
        assert found.damage == []


def test_cut_at_every_byte_what_was_acknowledged_is_missed(segment):
    data, ends = segment
    for size in range(len(data)):
        found = examine(data[:size], SALT, mark=ends[-1])

        assert found.damage[-1].reason == "missing"
        assert found.damage[-1].offset + found.damage[-1].size == ends[-1]
        assert found.cut == 0


def test_rubbish_after_the_last_frame_is_cut(segment):
    data, ends = segment
    for rubbish in (b"\0" * 5000, os.urandom(5000), framing.MAGIC * 50, data[:40]):
        found = examine(data + rubbish, SALT, mark=ends[-1])

        assert (found.extent.rows, found.extent.bytes, found.damage) == (10, ends[-1], [])


def test_a_flip_of_any_byte_loses_its_frame_and_no_other(segment):
    data, ends = segment
    starts = [0, *ends[:-1]]
    everything = frames_of(data)
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x41
        hit = sum(start <= place for start in starts) - 1

        assert frames_of(bytes(broken)) == [f for i, f in enumerate(everything) if i != hit]
        (damage,) = damage_of(bytes(broken))
        assert (damage.offset, damage.size) == (starts[hit], ends[hit] - starts[hit])


def test_bytes_lost_or_put_in_are_survived(segment):
    data, _ = segment
    chance = random.Random(1)
    for _ in range(300):
        place, size = chance.randrange(len(data)), chance.randrange(1, 60)
        lost = data[:place] + data[place + size :]
        more = data[:place] + chance.randbytes(size) + data[place:]

        assert set(frames_of(lost)) < set(frames_of(data))
        assert len(frames_of(more)) >= 3


def test_frames_that_strayed_in_from_another_file_are_not_believed(segment):
    data, _ = segment

    assert [f for f in framing.scan(data, SALT + 1) if not isinstance(f, framing.Damage)] == []


# -- whole stores -----------------------------------------------------------------------------


@pytest.fixture
def crashed(path: Path, tmp_path: Path) -> Path:
    """A copy of a store taken while its writer was at work, as a crash leaves it."""
    store = Store.open(path)
    for first in range(0, 40, 10):
        store.predictions.append_columns(rows(first, 10))
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("holdfast.db", "holdfast.db-wal"):
        shutil.copy(tmp_path / name, copy / name)
    shutil.copytree(tmp_path / "holdfast.files", copy / "holdfast.files")
    store.close()
    return copy / "holdfast.db"


def log_of(path: Path) -> Path:
    (file,) = (path.with_suffix(".files") / "segments").glob("*.log")
    return file


def size_of(file: Path) -> int:
    """Bytes of the file that are frames; zeros may follow them while it is written."""
    return examine(file.read_bytes(), framing.salt_of(file.name)).extent.bytes


def test_what_a_dead_writer_wrote_is_all_there(crashed):
    with Store.open(crashed) as store:
        assert ids_of(store.predictions.read()) == names(0, 40)
        assert [row.state for row in store.predictions.index.all()] == ["sealed"]
        assert store.verify() == []


def test_a_torn_tail_is_cut_when_the_store_is_opened(crashed):
    file = log_of(crashed)
    whole = size_of(file)
    with file.open("r+b") as out:
        torn = out.read(100)
        out.seek(whole)
        out.write(torn)

    with Store.open(crashed) as store:
        assert ids_of(store.predictions.read()) == names(0, 40)
        assert file.stat().st_size == whole
        assert store.verify() == []


def test_a_reader_leaves_a_crashed_store_as_it_is(crashed):
    file = log_of(crashed)
    with file.open("ab") as out:
        out.write(b"torn")
    before = file.read_bytes()

    with Store.open(crashed, read_only=True) as store:
        assert ids_of(store.predictions.read()) == names(0, 40)
    assert file.read_bytes() == before


def test_a_mark_older_than_the_data_hides_nothing_after_recovery(crashed):
    log_of(crashed).with_suffix(".mark").write_bytes(MARK.pack(0))

    with Store.open(crashed) as store:
        assert ids_of(store.predictions.read()) == names(0, 40)


def test_acknowledged_bytes_that_are_gone_are_reported(crashed):
    file = log_of(crashed)
    os.truncate(file, size_of(file) - 3)

    with Store.open(crashed) as store:
        assert ids_of(store.predictions.read()) == names(0, 30)
        findings = store.verify()
    assert [finding.code for finding in findings] == ["HF-STORE-DAMAGE"]


def test_a_damaged_frame_in_the_middle_is_reported_and_the_rest_is_read(crashed):
    file = log_of(crashed)
    data = bytearray(file.read_bytes())
    data[framing.HEADER_SIZE + 20] ^= 0xFF
    file.write_bytes(data)

    with Store.open(crashed) as store:
        batches, cursor = store.predictions.tail()
        assert ids_of(store.predictions.read()) == names(10, 30)
        assert ids_of(batches) == names(10, 30)
        assert store.predictions.tail(cursor)[0] == []
        (finding,) = store.verify()
    assert finding.evidence["rows"] == 10
    assert finding.evidence["offset"] == 0


def test_a_damaged_segment_is_never_archived(crashed):
    file = log_of(crashed)
    data = bytearray(file.read_bytes())
    data[framing.HEADER_SIZE + 20] ^= 0xFF
    file.write_bytes(data)

    with Store.open(crashed) as store:
        store.predictions.append_columns(rows(40, 10))
        assert store.compact().rows == 10
        assert sorted(ids_of(store.predictions.read())) == names(10, 40)
        assert file.exists()


def test_damage_that_comes_after_sealing_is_noticed_when_archiving(store):
    store.predictions.append_columns(rows(0, 10))
    store.predictions.append_columns(rows(10, 10))
    store.predictions.rotate()
    file = log_of(store.path)
    data = bytearray(file.read_bytes())
    data[framing.HEADER_SIZE + 20] ^= 0xFF
    file.write_bytes(data)

    assert store.compact().rows == 0
    assert ids_of(store.predictions.read()) == names(10, 10)
    assert "archived" in store.predictions.index.all()[0].damage


def test_a_damaged_archive_is_reported_and_other_files_are_read(store):
    store.predictions.append_columns(rows(0, 10))
    store.compact()
    store.predictions.append_columns(rows(10, 10))
    (file,) = (store.files / "parquet").iterdir()
    data = bytearray(file.read_bytes())
    for place in range(50, 400):
        data[place] ^= 0xFF
    file.write_bytes(data)

    assert ids_of(store.predictions.read()) == names(10, 10)
    assert store.verify()[0].code == "HF-STORE-DAMAGE"


def test_a_segment_that_vanished_is_reported(crashed):
    log_of(crashed).unlink()

    with Store.open(crashed) as store:
        assert store.predictions.read().num_rows == 0
        assert [finding.code for finding in store.verify()] == ["HF-STORE-DAMAGE"]


def test_a_tail_goes_on_after_its_writer_died(crashed):
    with Store.open(crashed, read_only=True) as reader:
        batches, cursor = reader.predictions.tail(None, 15)
    with Store.open(crashed) as store:
        more, _ = store.predictions.tail(Cursor.decode(cursor.encode()))

    assert ids_of(batches) + ids_of(more) == names(0, 40)


def test_files_left_over_are_swept_away_when_they_are_old(path):
    with Store.open(path) as store:
        store.predictions.append_columns(rows(0, 1))
        folder = store.files / "segments"
        old, young = folder / "predictions-0.log", folder / "predictions-1.log"
        for file in (old, young):
            file.write_bytes(b"left over")
        stale = old.stat().st_mtime - 2 * ORPHAN_SECONDS
        os.utime(old, (stale, stale))

        Store.open(path).close()

        assert (old.exists(), young.exists()) == (False, True)
        assert store.predictions.read().num_rows == 1
