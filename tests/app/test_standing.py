"""How a release stands: what the page may offer and why not, and what the audit asked of it."""

from __future__ import annotations

import msgspec
import pytest
from tests.app.loans import DAY, START, add, prove

from holdfast.app.standing import standing
from holdfast.releases import Registry
from holdfast.releases.gate import Gate, Question
from holdfast.releases.lifecycle import Lifecycle, Stage
from holdfast.storage import Store

HOW = {"at": START + 2, "by": "ada", "reason": "because"}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def of(store, release, now=START + DAY):
    return standing(store, Registry(store, now=lambda: now), "loan", release, now)


@pytest.fixture
def pair(store):
    """A champion with a standby; the standby was the first."""
    first, second = add(store, 0, START), add(store, 1, START)
    loan = Lifecycle(store, "loan", required=())
    loan.promote(first, **HOW)
    loan.promote(second, **HOW)
    return first, second


def test_the_first_release_needs_no_checks(store):
    found = of(store, add(store, 0, START))
    assert (found.may_promote, found.may_roll_back, found.hindrance) == (True, False, "")
    assert (found.champion, found.standby, found.gate) == (None, None, "passed")


def test_the_champion_is_rolled_back_only_with_a_standby(store, pair):
    first, second = pair
    found = of(store, second)
    assert (found.stage, found.may_roll_back, found.may_promote) == (Stage.CHAMPION, True, False)
    assert found.standby == first
    back = of(store, first)
    assert (back.stage, back.may_roll_back, back.may_promote) == (Stage.STANDBY, False, False)
    assert back.hindrance == "It answers again when the champion is rolled back."
    Lifecycle(store, "loan").rollback(**HOW)
    alone, out = of(store, first), of(store, second)
    assert (alone.may_roll_back, alone.may_promote) == (False, False)
    assert "no standby is there" in alone.hindrance
    assert out.hindrance == "It is quarantined: build a new release instead."


def test_what_a_challenger_lacks_is_named_until_it_is_there_and_again_when_it_expired(store, pair):
    third = add(store, 2, START)
    assert of(store, third).hindrance.startswith("No valid check of shadow and canary")
    prove(store, third, START, expires=START + 3 * DAY)
    proven = of(store, third)
    assert (proven.stage, proven.may_promote, proven.hindrance) == (Stage.CANARY, True, "")
    assert [(c["name"], c["counts"]) for c in proven.checks] == [("canary", True), ("shadow", True)]
    late = of(store, third, now=START + 3 * DAY)
    assert late.hindrance.startswith("No valid check of shadow and canary")
    assert [c["counts"] for c in late.checks] == [False, False]


def test_a_freeze_and_a_gate_that_is_not_open_offer_no_promotion(store):
    release = add(store, 0, START)
    Lifecycle(store, "spam").freeze(everywhere=True, **HOW)
    frozen = of(store, release)
    assert not frozen.may_promote
    assert "frozen" in frozen.hindrance
    store.decide_gate("loan", release, "failed", at=START + 3, reasons=["a leak", "no labels"])
    shut = of(store, release)
    assert (shut.gate, shut.reasons, shut.may_promote) == ("failed", ["a leak", "no labels"], False)
    assert "gate is not open" in shut.hindrance


def test_questions_of_the_audit_stand_beside_their_answers(store):
    release = "c" * 64
    store.catalog.add_release("loan", release, at=START)
    folder = Registry(store).directory / release
    folder.mkdir(parents=True)
    asked = tuple(
        Question(code="HF-L-POST-OUTCOME", columns=(name,), sentence=f"`{name}` comes late")
        for name in ("a", "b")
    )
    (folder / "gate.json").write_bytes(msgspec.json.encode(Gate(audited=True, questions=asked)))
    answer = {"release": release, "finding": "HF-L-POST-OUTCOME:b", "reason": "known by then",
              "by": "ada"}  # fmt: skip
    store.control.append("audit.answered", "loan", answer, at=START + 1)
    first, second = of(store, release).questions
    assert (first["sentence"], first["answer"]) == ("`a` comes late", None)
    assert second["answer"]["reason"] == "known by then"
    assert (second["answer"]["by"], second["answer"]["at"]) == ("ada", START + 1)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"files": 1}'])
def test_a_bundle_that_cannot_be_read_tells_nothing_and_breaks_nothing(store, text):
    release = "d" * 64
    store.catalog.add_release("loan", release, at=START, details={"parent": "e" * 64})
    folder = Registry(store).directory / release
    folder.mkdir(parents=True)
    for name in ("manifest.json", "gate.json"):
        (folder / name).write_bytes(text)
    found = of(store, release)
    assert (found.lineage, found.environment, found.questions) == ([], {}, [])
    assert found.parent == "e" * 64
