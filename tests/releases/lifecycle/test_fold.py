"""The state told by events, the state of the tables, and what is said when they differ."""

from __future__ import annotations

import sqlite3

import pytest

from holdfast.errors import ReleaseError
from holdfast.releases.lifecycle import Lifecycle, Stage, fold, read, verify
from holdfast.storage import ControlEvent, Store
from holdfast.storage.lifecycle import MoveRow

HOW = {"at": 1, "by": "ada", "reason": "test"}


def event(seq: int, kind: str, rev: int, *stages: tuple[str, str], **told: object) -> ControlEvent:
    payload = {"rev": rev, "release": None, "stages": [list(pair) for pair in stages], **told}
    return ControlEvent(
        seq=seq, at=seq, kind=f"lifecycle.{kind}", model="loan", key=None, payload=payload, hash=""
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "holdfast.db"
    with Store.open(path) as store:
        loan = Lifecycle(store, "loan")
        loan.add("a", **HOW)
        store.decide_gate("loan", "a", "passed", at=0)
        loan.audit("a", **HOW)
        loan.promote("a", **HOW)
        loan.record_check("a", "fairness", True, **HOW)
        loan.freeze(**HOW)
    return path


def test_no_events_tell_of_an_empty_state():
    assert fold("loan", []).rev == 0
    assert fold("loan", []).stage("a") is Stage.CANDIDATE


def test_the_fold_tells_what_the_tables_say(path):
    with Store.open(path, read_only=True) as store:
        state = read(store, "loan")

        assert fold("loan", store.control.events()) == state
        assert state.rev == 5
        assert state.stages == {"a": Stage.CHAMPION}
        assert state.frozen == ("model:loan",)
        assert state.passes("a", "fairness", at=2)
        assert verify(store, "loan") == ()


def test_events_of_other_models_change_nothing_but_the_freeze_of_all():
    told = [event(1, "add", 1, ("a", "candidate")), event(2, "freeze", 2, scope="all")]

    assert fold("other", told).stages == {}
    assert fold("other", told).rev == 0
    assert fold("other", told).frozen == ("all",)


def test_a_champion_of_before_there_were_events_is_where_the_fold_begins():
    before = [MoveRow("loan", 1, 0, "migrated", "a", "migrated:loan")]

    state = fold("loan", [event(1, "rollback", 2, ("a", "quarantined"))], before)

    assert (state.rev, state.stages) == (2, {"a": Stage.QUARANTINED})


@pytest.mark.parametrize(
    "events",
    [
        [event(1, "add", 2, ("a", "candidate"))],
        [event(1, "add", 1, ("a", "champion"))],
        [event(1, "add", 1, ("a", "candidate")), event(2, "promote", 2, ("a", "champion"))],
        [event(1, "add", 1, ("a", "candidate"), ("a", "rejected"), ("a", "audited"))],
    ],
)
def test_a_history_that_no_rule_allows_is_refused(events):
    with pytest.raises(ReleaseError, match="does not follow") as caught:
        fold("loan", events)

    assert caught.value.code == "HF-E-LIFECYCLE"


@pytest.mark.parametrize(
    ("triggers", "statement", "what"),
    [
        ("stages", "UPDATE stages SET stage = 'standby'", "stages differ"),
        ("stages", "DELETE FROM stages", "stages differ"),
        ("checks", "UPDATE checks SET passed = 0", "checks differ"),
        ("freezes", "DELETE FROM freezes", "frozen differ"),
        ("moves", "DELETE FROM moves WHERE rev = 5", "rev differ"),
        ("moves", "UPDATE moves SET kind = 'reject' WHERE rev = 4", "moves differ"),
        ("champions", "DELETE FROM champions", "set outside of the lifecycle"),
        ("control", "DELETE FROM control WHERE kind = 'lifecycle.audit'", "does not follow"),
    ],
)
def test_a_table_changed_by_force_is_found(path, triggers, statement, what):
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (triggers,)
    ).fetchall()
    for (name,) in found:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.commit()
    connection.close()

    with Store.open(path) as store:
        assert any(what in sentence for sentence in verify(store, "loan"))
