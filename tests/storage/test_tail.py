"""A cursor gives every row exactly once, whatever happens to the files."""

from __future__ import annotations

import random

from tests.storage.helpers import ids_of, names, rows

from holdfast.storage import Cursor, Store


def drain(
    store: Store, cursor: Cursor | None = None, max_rows: int = 7
) -> tuple[list[str], Cursor]:
    """Everything new, in steps of at most `max_rows`."""
    found: list[str] = []
    while True:
        batches, cursor = store.predictions.tail(cursor, max_rows)
        got = ids_of(batches)
        if not got:
            return found, cursor
        assert len(got) <= max_rows
        found += got


def test_rows_come_once_and_in_the_order_of_their_writer(store):
    store.predictions.append_columns(rows(0, 20))
    first, cursor = drain(store)
    store.predictions.append_columns(rows(20, 5))
    second, cursor = drain(store, cursor)

    assert (first, second, drain(store, cursor)[0]) == (names(0, 20), names(20, 5), [])


def test_a_cursor_survives_bytes_and_a_restart(open_store):
    store = open_store()
    store.predictions.append_columns(rows(0, 10))
    batches, cursor = store.predictions.tail(None, 4)
    store.close()

    rest, _ = drain(open_store(), Cursor.decode(cursor.encode()))

    assert ids_of(batches) + rest == names(0, 10)


def test_a_cursor_in_the_middle_of_a_segment_survives_its_archiving(store):
    for first in range(0, 30, 10):
        store.predictions.append_columns(rows(first, 10))
        store.predictions.rotate()
    batches, cursor = store.predictions.tail(None, 13)

    store.compact()
    store.predictions.append_columns(rows(30, 4))

    assert ids_of(batches) + drain(store, cursor)[0] == names(0, 34)


def test_rows_of_several_live_writers_are_given_roughly_by_receipt(open_store):
    one, two = open_store(), open_store()
    for step in range(0, 40, 10):
        one.predictions.append_columns(rows(step, 5))
        two.predictions.append_columns(rows(step + 5, 5))

    found, _ = drain(one, max_rows=1000)

    assert sorted(found) == sorted(names(0, 40))


def test_a_cursor_stays_small_however_many_segments_there_were(store):
    for first in range(0, 60, 2):
        store.predictions.append_columns(rows(first, 2))
        store.predictions.rotate()

    _, cursor = drain(store)

    assert cursor.unfinished == {}


def test_a_new_cursor_begins_with_the_oldest_row_kept(store):
    store.predictions.append_columns(rows(0, 5))
    store.compact()
    store.predictions.append_columns(rows(5, 5))

    assert sorted(drain(store)[0]) == names(0, 10)


def test_retired_rows_are_passed_over(store):
    store.predictions.append_columns(rows(0, 5))
    _, cursor = store.predictions.tail(None, 2)
    store.compact()
    store.retain(days=1, now=10**12)
    store.predictions.append_columns(rows(5, 5))

    assert drain(store, cursor)[0] == names(5, 5)


def test_whatever_is_done_in_whatever_order_every_row_comes_exactly_once(path):
    chance = random.Random(20261123)
    stores = [Store.open(path, segment_bytes=3000) for _ in range(3)]
    found: list[str] = []
    cursor: Cursor | None = None
    written = 0
    for _ in range(250):
        deed = chance.choice(["write"] * 6 + ["tail"] * 4 + ["rotate", "compact", "restart"])
        place = chance.randrange(3)
        if deed == "write":
            count = chance.randrange(1, 40)
            stores[place].predictions.append_columns(rows(written, count))
            written += count
        elif deed == "tail":
            batches, cursor = stores[place].predictions.tail(cursor, chance.randrange(1, 120))
            cursor = Cursor.decode(cursor.encode())
            found += ids_of(batches)
        elif deed == "rotate":
            stores[place].predictions.rotate()
        elif deed == "compact":
            stores[place].compact()
        else:
            stores[place].close()
            stores[place] = Store.open(path, segment_bytes=3000)
    found += drain(stores[0], cursor, max_rows=500)[0]
    everything = ids_of(stores[1].predictions.read())
    for store in stores:
        store.close()

    assert sorted(found) == sorted(everything) == sorted(names(0, written))
