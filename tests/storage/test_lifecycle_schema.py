"""The tables of the lifecycle: plain SQL can say nothing that no control event tells."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest
from tests.storage.helpers import admit

from holdfast.errors import StoreError
from holdfast.releases.lifecycle import ALLOWED, Lifecycle, Stage, read, verify
from holdfast.storage import Store
from holdfast.storage.database import Database
from holdfast.storage.lifecycle import MoveRow
from holdfast.storage.lifecycle_schema import TRANSITIONS
from holdfast.storage.migrations import MIGRATIONS

HOW = {"at": 1, "by": "ada", "reason": "test"}
HASH = "0" * 64
UP = "UPDATE stages SET stage = ?, rev = ?, event = ? WHERE release = ?"
WAIVED = '{"canary":"test","shadow":"test"}'
#: several triggers may object to one statement, and SQLite does not say which speaks first
STAGE = (
    "needs the event of its move|begins as a candidate|from this stage|gate .* is not open"
    "|moves are frozen|needs its checks"
)
MOVE = "needs its event|last plus one"


@pytest.fixture
def told(store, path):
    """Champion a, standby b, shadow c, rejected d, candidate e; a check, and loan frozen."""
    loan = Lifecycle(store, "loan", required=())
    for release in "bacd":
        admit(store, "loan", release)
        loan.add(release, **HOW)
    for release in "bac":
        loan.audit(release, **HOW)
    loan.promote("b", **HOW)
    loan.promote("a", **HOW)
    loan.shadow("c", **HOW)
    loan.reject("d", **HOW)
    loan.record_check("c", "shadow", True, expires=9, **HOW)
    loan.add("e", **HOW)
    store.decide_gate("loan", "e", "waiting", at=0)
    loan.freeze(**HOW)
    assert verify(store, "loan") == ()
    store.close()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        # a stage without its event, or with the event of another move
        ("INSERT INTO stages VALUES ('loan', 'x', 'candidate', 13, 99)", STAGE),
        ("INSERT INTO stages VALUES ('loan', 'x', 'champion', 1, 1)", STAGE),
        ("INSERT INTO stages VALUES ('loan', 'x', 'dreaming', 1, 1)", STAGE),
        ("INSERT OR REPLACE INTO stages SELECT model, release, 'candidate', rev, event "
         "FROM stages WHERE release = 'd'", STAGE),
        ("UPDATE stages SET stage = 'canary' WHERE release = 'c'", STAGE),
        ("UPDATE stages SET stage = 'champion' WHERE release = 'c'", STAGE),
        # steps that no rule allows
        ("UPDATE stages SET stage = 'audited' WHERE release = 'd'", STAGE),
        ("UPDATE stages SET stage = 'champion' WHERE release = 'e'", STAGE),
        ("UPDATE stages SET stage = 'candidate' WHERE release = 'c'", STAGE),
        ("UPDATE stages SET stage = 'retired' WHERE release = 'a'", STAGE),
        ("UPDATE stages SET release = 'z' WHERE release = 'c'", STAGE),
        ("UPDATE stages SET model = 'other' WHERE release = 'c'", STAGE),
        ("DELETE FROM stages WHERE release = 'd'", "append-only"),
        # moves
        ("INSERT INTO moves SELECT model, rev + 2, event, kind, release, NULL FROM moves "
         "ORDER BY rev DESC LIMIT 1", MOVE),
        ("INSERT INTO moves VALUES ('loan', 1, 1, 'add', 'b', NULL)", MOVE),
        ("INSERT INTO moves VALUES ('new', 1, 0, 'migrated', 'b', NULL)", MOVE),
        ("UPDATE moves SET kind = 'promote' WHERE rev = 1", "append-only"),
        ("DELETE FROM moves WHERE rev = 1", "append-only"),
        # checks
        ("INSERT INTO checks VALUES ('loan', 'c', 'canary', 1, 1, NULL, 99)", "its event"),
        ("INSERT OR REPLACE INTO checks SELECT model, release, name, 1, at, NULL, event "
         "FROM checks", "its event"),
        ("UPDATE checks SET expires = NULL", "append-only"),
        ("DELETE FROM checks", "append-only"),
        # freezes
        ("DELETE FROM freezes", "a thaw needs its event"),
        ("UPDATE freezes SET scope = 'model:x'", "append-only"),
        ("INSERT INTO freezes VALUES ('all', 1)", "a freeze needs its event"),
        # the champion that answers
        ("UPDATE champions SET release = 'd', revision = 9", "move of its lifecycle|rejected"),
        ("DELETE FROM champions", "keeps its champion"),
    ],
)  # fmt: skip
def test_plain_sql_is_refused(told, statement, why):
    if "'x'" in statement:
        told.execute("INSERT INTO releases VALUES ('loan', 'x', 0, '{}')")
    if "release = 'd', revision" in statement:  # the gate of d is open: its stage must stop it
        assert told.execute("SELECT state FROM gates WHERE release = 'd'").fetchone() == ("passed",)
    before = list(told.iterdump())

    with pytest.raises(sqlite3.IntegrityError, match=why):
        told.execute(statement)

    assert list(told.iterdump()) == before


def _event(connection, kind, payload, key=None):
    """An event put in by hand, so that only the trigger in question can refuse."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM control").fetchone()
    connection.execute(
        "INSERT INTO control VALUES (?, 1, ?, 'loan', ?, ?, ?)",
        (seq, kind, key, payload, HASH),
    )
    return seq


def _json(told):
    return msgspec.json.encode(told).decode()


def _thaw(connection):
    _event(connection, "lifecycle.unfreeze", '{"scope":"model"}')
    connection.execute("DELETE FROM freezes")


def _move(connection, kind, release, stages, waived=WAIVED):
    (rev,) = connection.execute("SELECT coalesce(max(rev), 0) + 1 FROM moves").fetchone()
    told = f'"release":"{release}","rev":{rev},"stages":{stages},"waived":{waived}'
    event = _event(connection, f"lifecycle.{kind}", f"{{{told}}}")
    connection.execute(
        "INSERT INTO moves VALUES ('loan', ?, ?, ?, ?, NULL)", (rev, event, kind, release)
    )
    return rev, event


#: a way to each stage
PATHS = {
    "candidate": (),
    "audited": ("audited",),
    "shadow": ("audited", "shadow"),
    "canary": ("audited", "shadow", "canary"),
    "champion": ("audited", "champion"),
    "standby": ("audited", "champion", "standby"),
    "retired": ("audited", "champion", "standby", "retired"),
    "rejected": ("rejected",),
    "quarantined": ("quarantined",),
}


def _walk(connection, release, *steps):
    """An admitted release taken through these stages, each told by one event."""
    connection.execute("INSERT INTO releases VALUES ('loan', ?, 0, '{}')", (release,))
    gate = _event(connection, "gate.decided", "{}", key=f"gate:loan:{release}:passed")
    connection.execute("INSERT INTO gates VALUES ('loan', ?, 'passed', ?)", (release, gate))
    pairs = ",".join(f'["{release}","{step}"]' for step in ("candidate", *steps))
    rev, event = _move(connection, "add", release, f"[{pairs}]")
    connection.execute(
        "INSERT INTO stages VALUES ('loan', ?, 'candidate', ?, ?)", (release, rev, event)
    )
    for step in steps:
        connection.execute(
            "UPDATE stages SET stage = ?, rev = ?, event = ? WHERE release = ?",
            (step, rev, event, release),
        )


@pytest.mark.parametrize("new", PATHS)
@pytest.mark.parametrize("old", PATHS)
def test_only_the_allowed_steps_are_taken_even_with_an_event(store, path, old, new):
    store.catalog.add_model("loan", at=0)
    store.close()
    connection = sqlite3.connect(path)
    try:
        if new in ALLOWED[Stage(old)]:
            _walk(connection, "x", *PATHS[old], new)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="from this stage"):
                _walk(connection, "x", *PATHS[old], new)
    finally:
        connection.close()


@pytest.mark.parametrize("stage", ["champion", "standby", "canary"])
def test_of_champion_standby_and_canary_there_is_one_even_with_an_event(store, path, stage):
    store.catalog.add_model("loan", at=0)
    store.close()
    connection = sqlite3.connect(path)
    try:
        _walk(connection, "x", *PATHS[stage])
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            _walk(connection, "y", *PATHS[stage])
    finally:
        connection.close()


def test_no_release_becomes_champion_past_a_gate_that_is_not_open(told):
    _thaw(told)
    rev, event = _move(told, "promote", "e", '[["e","audited"],["e","champion"]]')
    change = "UPDATE stages SET stage = ?, rev = ?, event = ? WHERE release = 'e'"
    told.execute(change, ("audited", rev, event))

    with pytest.raises(sqlite3.IntegrityError, match="gate of this release is not open"):
        told.execute(change, ("champion", rev, event))


def test_no_release_goes_up_under_a_freeze_even_with_an_event(told):
    for stage in ("canary", "champion"):
        rev, event = _move(told, stage, "c", f'[["a","standby"],["c","{stage}"]]')
        with pytest.raises(sqlite3.IntegrityError, match="upward moves are frozen"):
            told.execute(UP, (stage, rev, event, "c"))
    _thaw(told)
    rev, event = _move(told, "canary", "c", '[["c","canary"]]')
    told.execute(UP, ("canary", rev, event, "c"))


@pytest.mark.parametrize(
    ("checks", "waived", "passes"),
    [
        ({}, {"shadow": "x", "canary": "x"}, True),
        ({}, {"shadow": "x"}, False),
        ({"shadow": (1, 9)}, {"canary": "x"}, True),
        ({"shadow": (1, None), "canary": (1, None)}, {}, True),
        ({"shadow": (1, 1), "canary": (1, None)}, {}, False),  # expired as it is promoted
        ({"shadow": (1, None), "canary": (0, None)}, {}, False),
    ],
)
def test_no_release_becomes_champion_without_its_checks_or_a_waiver(
    store, path, checks, waived, passes
):
    store.catalog.add_model("loan", at=0)
    store.close()
    connection = sqlite3.connect(path)
    try:
        _walk(connection, "x", "audited", "shadow", "canary")
        for name, (passed, expires) in checks.items():
            (rev,) = connection.execute("SELECT max(rev) + 1 FROM moves").fetchone()
            told = {"release": "x", "rev": rev, "name": name, "passed": bool(passed)}
            event = _event(
                connection, "lifecycle.check", _json({**told, "expires": expires, "why": ""})
            )
            row = ("loan", "x", name, passed, 1, expires, event)
            connection.execute("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.execute(
                "INSERT INTO moves VALUES ('loan', ?, ?, 'check', 'x', NULL)", (rev, event)
            )
        rev, event = _move(connection, "promote", "x", '[["x","champion"]]', _json(waived))
        change = ("champion", rev, event, "x")
        if passes:
            connection.execute(UP, change)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="needs its checks"):
                connection.execute(UP, change)
    finally:
        connection.close()


def test_the_history_is_neither_replaced_nor_filled_from_the_middle(told):
    for statement in (
        "INSERT OR REPLACE INTO control SELECT * FROM control WHERE seq = 3",
        "INSERT INTO control SELECT seq + 900, at, kind, model, NULL, payload, hash FROM control",
        "INSERT OR REPLACE INTO control SELECT (SELECT max(seq) FROM control) + 1, at, kind, model,"
        " key, payload, hash FROM control WHERE key = 'gate:loan:a:passed'",
    ):
        before = list(told.iterdump())
        with pytest.raises(sqlite3.IntegrityError, match="appended, each once"):
            told.execute(statement)
        assert list(told.iterdump()) == before


def test_a_gate_that_failed_is_not_replaced_even_with_an_event(told):
    event = _event(told, "gate.decided", "{}", key="gate:loan:e:failed")
    told.execute("UPDATE gates SET state = 'failed', event = ? WHERE release = 'e'", (event,))
    event = _event(told, "gate.decided", "{}", key="gate:loan:e:passed")
    with pytest.raises(sqlite3.IntegrityError, match="stays failed"):
        told.execute("REPLACE INTO gates VALUES ('loan', 'e', 'passed', ?)", (event,))


def test_a_champion_of_an_older_store_is_adopted_under_a_freeze(path):
    path.touch()
    old = Database(path, migrations=MIGRATIONS[:2])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO models VALUES ('loan', 0)")
        connection.execute("INSERT INTO releases VALUES ('loan', 'a', 0, '{}')")
    connection.close()
    old.close()
    with Store.open(path) as store:
        admit(store, "loan", "a")
        store.catalog.compare_and_set("loan", 0, "a", at=1)
        loan = Lifecycle(store, "loan")
        loan.freeze(everywhere=True, **HOW)
        assert loan.adopt(**HOW).stage is Stage.CHAMPION


def test_moves_leave_no_gap_even_with_an_event(told):
    event = _event(told, "lifecycle.reject", '{"release":"c","rev":99,"stages":[]}')

    with pytest.raises(sqlite3.IntegrityError, match="last plus one"):
        told.execute("INSERT INTO moves VALUES ('loan', 99, ?, 'reject', 'c', NULL)", (event,))


def test_a_reason_cannot_pass_for_a_stage(store):
    admit(store, "loan", "a")
    loan = Lifecycle(store, "loan")
    move = loan.add("a", at=1, by="ada", reason='"stages":[["a","audited"]]')
    row = MoveRow("loan", move.rev, move.event, "add", "a", None)

    with pytest.raises(StoreError, match="event of its move"):
        store.lifecycle.set_stages(row, [("a", "audited")])

    assert read(store, "loan").stage("a") is Stage.CANDIDATE


def test_the_rules_of_the_store_are_those_of_the_machine():
    assert {str(now): set(map(str, after)) for now, after in ALLOWED.items()} == {
        now: set(after) for now, after in TRANSITIONS.items()
    }


def test_champions_of_before_come_in_as_revision_one(tmp_path):
    path = tmp_path / "old.db"
    path.touch()
    old = Database(path, migrations=MIGRATIONS[:2])
    with old.transaction() as connection:
        connection.execute("INSERT INTO models VALUES ('loan', 0), ('fraud', 0)")
        connection.execute("INSERT INTO releases VALUES ('loan', 'a', 0, '{}')")
        connection.execute("INSERT INTO releases VALUES ('loan', 'b', 0, '{}')")
        connection.execute(
            "INSERT INTO control VALUES "
            "(1, 0, 'gate.decided', 'loan', 'gate:loan:a:passed', '', '')"
        )
        connection.execute("INSERT INTO gates VALUES ('loan', 'a', 'passed', 1)")
        connection.execute("INSERT INTO champions VALUES ('loan', 'a', 4, 0)")
    old.close()

    with Store.open(path) as store:
        assert store.lifecycle.stages("loan") == {"a": "champion"}
        assert store.lifecycle.moves("loan") == [
            MoveRow("loan", 1, 0, "migrated", "a", "migrated:loan")
        ]
        assert store.lifecycle.rev("fraud") == 0
        assert store.catalog.champion("loan").revision == 4
        assert read(store, "loan").stage("b") is Stage.CANDIDATE
