"""Writing processes that are killed or leave: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.storage.helpers import ids_of

from holdfast.storage import Cursor, Store

WRITER = """
    import os, sys
    from holdfast.storage import Store
    from tests.storage.helpers import labels, names, rows

    path, first, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    store = Store.open(path, segment_bytes=20_000)
    while True:
        if kind == "labels":
            store.labels.append_columns(labels(names(first, 20), ["1"] * 20))
        else:
            store.predictions.append_columns(rows(first, 20))
        first += 20
        os.write(1, b"%d\\n" % first)
"""


def start(path: Path, first: int, kind: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(first), kind],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
    )


@pytest.mark.parametrize("kind", ["predictions", "labels"])
def test_no_acknowledged_row_is_lost_when_writers_are_killed(path, kind):
    chance = random.Random(5)
    acknowledged: set[str] = set()
    tailed: list[str] = []
    cursor: Cursor | None = None
    Store.open(path).close()
    for turn in range(3):
        starts = [turn * 2_000_000, turn * 2_000_000 + 1_000_000]
        writers = [start(path, first, kind) for first in starts]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()  # it is at work
        time.sleep(chance.uniform(0.01, 0.25))
        for first, writer in zip(starts, writers, strict=True):
            writer.send_signal(signal.SIGKILL)
            assert writer.stdout is not None
            said = writer.stdout.read().splitlines()
            last = int(said[-1]) if said else first + 20
            acknowledged |= {f"p{number}" for number in range(first, last)}
            writer.wait()
            writer.stdout.close()
        with Store.open(path) as store:
            log = getattr(store, kind)
            found = ids_of(log.read(columns=["id"]))
            while True:
                batches, cursor = log.tail(cursor, 1000)
                if not batches:
                    break
                tailed += ids_of(batches)
            if turn == 1:
                store.compact()
            assert store.verify() == []

        assert len(found) == len(set(found))
        assert acknowledged <= set(found)
        assert sorted(tailed) == sorted(found)


FORKING = """
    import os, sys
    from holdfast.storage import Store
    from tests.storage.helpers import rows

    store = Store.open(sys.argv[1])
    store.predictions.append_columns(rows(0, 5))
    store.control.append("before", "loan", {}, at=0)
    child = os.fork()
    store.predictions.append_columns(rows(5 if child else 10, 5))
    store.control.append("parent" if child else "child", "loan", {}, at=0)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    store.close()
"""


def test_a_forked_child_writes_its_own_log(path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING), str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        check=False,
    )

    with Store.open(path) as store:
        assert done.returncode == 0
        assert sorted(ids_of(store.predictions.read())) == sorted(f"p{n}" for n in range(15))
        assert {e.kind for e in store.control.events()} == {"before", "parent", "child"}
        assert len(store.predictions.index.all()) == 2
        assert store.verify() == []


def test_no_event_is_lost_when_another_process_leaves_after_a_second_store_was_closed_here(path):
    leaving = """
        import sys
        from holdfast.storage import Store

        with Store.open(sys.argv[1]) as store:
            store.control.append(sys.argv[2], "loan", {}, at=0)
    """

    def elsewhere(kind: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(leaving), str(path), kind]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": "src"})

    with Store.open(path) as store:
        Store.open(path).close()  # as housekeeping, the loop and a second registry do
        elsewhere("first")
        store.control.append("second", "loan", {}, at=0)
        elsewhere("third")
        told = [event.kind for event in store.control.events()]
        assert store.control.verify() == []
    assert told == ["first", "second", "third"]
