"""The history of a model: events become entries, a move is told once, and nothing raises."""

from __future__ import annotations

import itertools
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnosis.incidents import KINDS as INCIDENT_KINDS
from holdfast.releases.history import KINDS, TELLERS, TOPICS, Entry, history
from holdfast.releases.lifecycle import Lifecycle
from holdfast.releases.lifecycle.fold import KINDS as MOVES
from holdfast.storage import ControlEvent, Store

A, B = "a" * 64, "b" * 64


def log(*told: tuple[str, dict[str, Any]], start: int = 1) -> list[ControlEvent]:
    """Control events, a microsecond apart."""
    return [
        ControlEvent(seq=i, at=i, kind=kind, model="loan", key=None, payload=payload, hash="")
        for i, (kind, payload) in enumerate(told, start)
    ]


def only(kind: str, **payload: Any):
    [entry] = history(log((kind, payload)))
    return entry


def test_every_move_and_every_incident_event_is_told():
    assert set(MOVES) <= set(KINDS)
    assert set(INCIDENT_KINDS) <= set(KINDS)
    assert set(KINDS) == set(TELLERS)
    assert len(KINDS) == len(set(KINDS))


def test_a_promotion_of_the_lifecycle_is_one_entry_with_who_and_why(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as store:
        loan, clock = Lifecycle(store, "loan", required=()), itertools.count(1)
        for release in (A, B):
            loan.add(release, at=next(clock), by="ada", reason="built")
            store.decide_gate("loan", release, "passed", at=next(clock))
            loan.audit(release, at=next(clock), by="ada", reason="no leak found")
            loan.promote(release, at=next(clock), by="ada", reason="it is cheaper")
        loan.rollback(at=next(clock), by="eve", reason="it approves too much")
        found = history(store.control.events("loan"), newest_first=False)
    assert [entry.kind for entry in found] == [
        *("lifecycle.add", "gate.decided", "lifecycle.audit", "lifecycle.promote") * 2,
        "lifecycle.rollback",
    ]
    first, second, back = found[3], found[7], found[8]
    unchecked = ", without a check of `canary` and `shadow`."
    assert first.sentence == f"`aaaaaaaaaaaa` became champion{unchecked}"
    assert (
        second.sentence == f"`bbbbbbbbbbbb` became champion in place of `aaaaaaaaaaaa`{unchecked}"
    )
    assert (second.by, second.release) == ("ada", B)
    assert second.why == "it is cheaper. Not checked: not asked for"
    assert back.sentence == (
        "Rolled back: `aaaaaaaaaaaa` answers again, `bbbbbbbbbbbb` is set aside."
    )
    assert (back.by, back.why, back.release, back.tone) == ("eve", "it approves too much", A, "bad")


def test_promotions_of_before_the_lifecycle_are_told_too():
    entry = only("release.promoted", release=B, before=A, reason="better", revision=2)
    assert (entry.kind, entry.why, entry.by) == ("release.promoted", "better", "")
    assert entry.sentence == "`bbbbbbbbbbbb` became champion in place of `aaaaaaaaaaaa`."


def test_a_second_promotion_of_the_same_release_is_no_twin_of_the_first():
    moves = log(
        ("lifecycle.promote", {"release": A}),
        ("release.promoted", {"release": A}),
    )
    same = [moves[0], ControlEvent(**{**_fields(moves[1]), "at": moves[0].at})]
    later = log(("release.promoted", {"release": A}), start=9)
    assert [e.kind for e in history([*same, *later])] == ["release.promoted", "lifecycle.promote"]
    # whichever of the two was written first
    assert [e.kind for e in history(same[::-1])] == ["lifecycle.promote"]


def _fields(event: ControlEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ControlEvent.__struct_fields__}


def test_an_incident_keeps_its_sentence_through_its_life():
    opened = {"incident": {"id": "i1", "sentence": "`Job` is missing in 17% of rows"}}
    found = history(
        log(
            ("incident.opened", opened),
            ("incident.acknowledged", {"id": "i1", "by": "ada", "reason": "I look"}),
            ("incident.updated", {"id": "i1", "changes": {}}),
            ("incident.closed", {"id": "i1", "closed_at": 5, "reason": "no more missing"}),
        ),
        newest_first=False,
    )
    assert [entry.sentence for entry in found] == [
        "Incident opened: `Job` is missing in 17% of rows.",
        "Somebody looks after the incident: `Job` is missing in 17% of rows.",
        "Incident over: `Job` is missing in 17% of rows.",
    ]
    assert [entry.incident for entry in found] == ["i1"] * 3
    assert (found[1].by, found[1].why, found[2].why) == ("ada", "I look", "no more missing")


def test_an_incident_opened_before_the_events_is_called_as_the_caller_says():
    events = log(("incident.closed", {"id": "i1"}))
    assert history(events)[0].sentence == "Incident over: `i1`."
    told = history(events, incidents={"i1": "Rows stopped"})
    assert told[0].sentence == "Incident over: Rows stopped."


@pytest.mark.parametrize(
    ("kind", "payload", "sentence", "why"),
    [
        ("gate.decided", {"release": A, "state": "failed", "reasons": ["a leak", "no labels"]},
         "The gate of `aaaaaaaaaaaa` is shut.", "a leak. no labels"),
        ("lifecycle.canary", {"release": A, "share": 0.05, "reason": "go"},
         "`aaaaaaaaaaaa` answers 5% of the requests as canary.", "go"),
        ("lifecycle.check", {"release": A, "name": "shadow", "passed": True, "expires": 0},
         "`aaaaaaaaaaaa` passed the check `shadow`, valid until 1970-01-01 00:00 UTC.", ""),
        ("lifecycle.check", {"release": A, "name": "shadow", "passed": False, "expires": 0},
         "`aaaaaaaaaaaa` failed the check `shadow`.", ""),
        ("lifecycle.promote", {"release": A, "waived": {"shadow": "x", "canary": "x"},
                               "reason": "go"},
         "`aaaaaaaaaaaa` became champion, without a check of `canary` and `shadow`.",
         "go. Not checked: x"),
        ("lifecycle.promote", {"release": A, "waived": {"shadow": "go"}, "reason": "go"},
         "`aaaaaaaaaaaa` became champion, without a check of `shadow`.", "go"),
        ("lifecycle.freeze", {"scope": "all", "reason": "holidays"},
         "Promotions are frozen for every model.", "holidays"),
        ("retrain.finished", {"release": B, "parent": A, "reason": "drift", "override": "known"},
         "Retraining made `bbbbbbbbbbbb` to follow `aaaaaaaaaaaa`, in spite of a veto.",
         "drift. Veto overridden: known"),
        ("retrain.rejected", {"release": None, "why": ["training timed out"], "reason": "drift"},
         "Retraining made no release.", "training timed out"),
        ("loop.decided", {"decision": "veto_retrain", "why": ["Rows are spoiled."],
                          "cause": "pipeline"},
         "The loop decided: veto retrain, because of pipeline.", "Rows are spoiled."),
        ("rows.spoiled", {"incident": "i1", "since": 0, "until": 60_000_000},
         "Rows from 1970-01-01 00:00 UTC until 1970-01-01 00:01 UTC are spoiled and stay out of "
         "training.", ""),
        ("rows.spoiled", {"incident": "i1", "since": 0, "until": None},
         "Rows from 1970-01-01 00:00 UTC on are spoiled and stay out of training.", ""),
        ("rows.cleared", {"incident": "i1", "since": 0, "until": None},
         "Rows from 1970-01-01 00:00 UTC on may be learned from again.", ""),
        ("rows.cleared", {"incident": "i1", "by": "ada", "reason": "they are sound"},
         "Rows of the incident may be learned from again.", "they are sound"),
        ("rows.spoiled", {"incident": "i1", "since": 0, "until": None, "text": "`job` is gone"},
         "Rows from 1970-01-01 00:00 UTC on are spoiled and stay out of training.",
         "`job` is gone"),
        ("loop.decided", {"decision": "retrain", "why": "the loss rose", "cause": "loss:a1:5"},
         "The loop decided: retrain.", "the loss rose"),
        ("release.trained", {"release": A, "pieces": [[0, 5], [120_000_000, 180_000_000]]},
         "`aaaaaaaaaaaa` learned from logged rows, the first of 1970-01-01 00:00 UTC, the last "
         "before 1970-01-01 00:03 UTC.", ""),
        ("canary.tripped", {"release": A, "guard": "latency", "why": "p99 doubled"},
         "The canary `aaaaaaaaaaaa` was stopped by the guard `latency`.", "p99 doubled"),
        ("release.live", {"release": A, "servers": ["w0", "w1"]},
         "`aaaaaaaaaaaa` answers on 2 servers.", ""),
        ("release.live", {"release": A, "servers": 1}, "`aaaaaaaaaaaa` answers on 1 server.", ""),
    ],
)  # fmt: skip
def test_each_kind_has_its_sentence_and_its_reason(kind, payload, sentence, why):
    entry = only(kind, **payload)
    assert (entry.sentence, entry.why) == (sentence, why)


def test_unknown_kinds_and_events_without_a_subject_are_left_out():
    assert history(log(("serving.acknowledged", {"release": A}), ("release.promoted", {}))) == ()


def test_topics_choose_entries_and_an_unknown_topic_chooses_none():
    events = log(
        ("release.added", {"release": A}),
        ("lifecycle.promote", {"release": A}),
        ("loop.decided", {"decision": "wait"}),
    )
    for topic, kind in (
        ("releases", "release.added"),
        ("promotions", "lifecycle.promote"),
        ("decisions", "loop.decided"),
    ):
        assert [e.kind for e in history(events, topics=[topic])] == [kind]
        assert [e.topic for e in history(events, topics=[topic])] == [topic]
    assert history(events, topics=["nothing"]) == ()
    assert set(TOPICS) == {Entry(at=0, kind=kind, sentence="").topic for kind in KINDS}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "sentence", "release"]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["release", "before", "stages", "id", "incident", "reason", "reasons", "why", "share", "state",
     "since", "until", "servers", "guard", "decision", "cause", "name", "passed", "expires",
     "waived", "pieces", "text", "update", "scope", "by", "finding", "override", "parent"]
)  # fmt: skip
events = st.builds(
    lambda kind, at, payload: ControlEvent(
        seq=1, at=at, kind=kind, model="loan", key=None, payload=payload, hash=""
    ),
    st.sampled_from(KINDS) | st.text(string.ascii_lowercase + ".", max_size=8),
    st.integers(0, 5),
    st.dictionaries(keys, values, max_size=8),
)


@given(st.lists(events, max_size=12))
def test_no_log_is_too_odd_and_the_order_is_stable(found):
    newest, oldest = history(found), history(found, newest_first=False)
    assert newest == oldest[::-1]
    assert [e.at for e in oldest] == sorted(e.at for e in oldest)
    assert len(newest) <= sum(e.kind in KINDS for e in found)
    assert all(e.sentence for e in newest)
    # events of one moment stay in the order of the log
    told = [e for e in found if e.kind in KINDS]
    for at in range(6):
        kinds = iter([e.kind for e in told if e.at == at])
        assert all(entry.kind in kinds for entry in oldest if entry.at == at)
