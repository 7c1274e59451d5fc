"""The gate: what audit and evaluation say decides whether a release can ever answer."""

from __future__ import annotations

import sqlite3

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.contracts import Contract
from holdfast.errors import ReleaseError
from holdfast.releases import Registry, Release
from holdfast.releases.gate import Gate, GateState, Question

COLUMNS = ["income", "age", "debt", "years", "collected"]


def rows(n: int, seed: int, *, leaky: bool) -> pd.DataFrame:
    """Loans; `collected` is written after the default when `leaky`, else it is noise."""
    rng = np.random.default_rng(seed)
    income, debt = rng.normal(3000, 800, n), rng.normal(900, 300, n)
    age, years = rng.integers(20, 70, n).astype(float), rng.integers(0, 30, n).astype(float)
    strain = (debt - 900) / 300 - (income - 3000) / 800 - (age - 45) / 20 - (years - 15) / 12
    late = rng.random(n) < 1 / (1 + np.exp(1.0 - 0.8 * strain))
    told = late * 900.0 if leaky else 0.0
    return pd.DataFrame(
        {
            "income": income,
            "age": age,
            "debt": debt,
            "years": years,
            "collected": told + rng.normal(100, 60, n),
            "bad": late.astype(int),
        }
    )


def build(folder, *, leaky: bool = False, validation=None, **options) -> Release:
    train = options.pop("train", rows(900, 1, leaky=leaky))
    held = rows(500, 2, leaky=leaky) if validation is None else validation
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[COLUMNS], train.bad)
    return Release.build(
        model,
        train=train,
        validation=held,
        contract=Contract.learn(train, target="bad"),
        fallbacks="none",
        directory=folder,
        **options,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def suspect(folder):
    return build(folder, leaky=True, name="suspect")


@pytest.fixture(scope="module")
def sound(folder):
    return build(folder, name="sound", requirements=["roc_auc >= 0.6"])


@pytest.fixture
def registry(tmp_path):
    ticks = iter(range(1, 1000))
    with Registry(tmp_path / "holdfast.db", now=lambda: next(ticks)) as opened:
        yield opened


def test_a_sound_release_passes_and_tells_what_was_not_tested(registry, sound):
    registry.add("loan", sound)

    assert registry.gate("loan", sound.id) == (GateState.PASSED, [])
    assert sound.gate.not_tested
    assert sound.audit["passed"] is True
    assert registry.promote("loan", sound.id) == 1


def test_a_suspicion_keeps_the_gate_shut_until_a_person_answers(registry, suspect):
    registry.add("loan", suspect)
    [question] = suspect.gate.questions
    assert question.columns == ("collected",)
    with pytest.raises(ReleaseError, match=r"gate of this release is shut.*collected") as caught:
        registry.promote("loan", suspect.id)
    assert caught.value.code == "HF-E-GATE"

    state = registry.answer(
        "loan", suspect.id, question.code, reason="known at application", by="Ada"
    )

    assert state is GateState.PASSED
    assert registry.promote("loan", suspect.id) == 1
    [answer] = registry.answers("loan", suspect.id)
    assert (answer["by"], answer["reason"]) == ("Ada", "known at application")


@pytest.mark.parametrize(
    ("finding", "reason", "by"),
    [("HF-L-NOTHING", "because", "Ada"), (None, "  ", "Ada"), (None, "because", "")],
)
def test_an_answer_needs_its_question_a_reason_and_a_name(registry, suspect, finding, reason, by):
    registry.add("loan", suspect)
    asked = finding or suspect.gate.questions[0].key

    with pytest.raises(ReleaseError, match="does not answer a question"):
        registry.answer("loan", suspect.id, asked, reason=reason, by=by)

    assert registry.gate("loan", suspect.id)[0] is GateState.WAITING


def test_an_answer_speaks_for_one_release_only(registry, suspect, folder):
    other = build(folder, leaky=True, name="another")
    for one in (suspect, other):
        registry.add("loan", one)
    question = suspect.gate.questions[0]
    registry.answer("loan", suspect.id, question.key, reason="looked at", by="Ada")

    assert registry.gate("loan", suspect.id)[0] is GateState.PASSED
    assert registry.gate("loan", other.id)[0] is GateState.WAITING


def test_what_was_answered_of_a_champion_answers_the_same_question_of_its_retraining(
    registry, suspect, folder
):
    other = build(folder, leaky=True, name="again")
    for one in (suspect, other):
        registry.add("loan", one)
    assert registry.carry_answers("loan", suspect.id, other.id) is GateState.WAITING
    question = suspect.gate.questions[0]
    registry.answer("loan", suspect.id, question.key, reason="looked at", by="Ada")

    assert registry.carry_answers("loan", suspect.id, other.id) is GateState.PASSED
    [told] = registry.answers("loan", other.id)
    assert told["by"] == "Ada"
    assert told["reason"] == f"answered for release {suspect.id[:12]}: looked at"


def test_a_proven_leak_cannot_be_promoted_nor_answered_away(registry, folder):
    train = rows(900, 1, leaky=False)
    copied = pd.concat([rows(400, 2, leaky=False), train.iloc[:100]], ignore_index=True)
    release = build(folder, train=train, validation=copied, name="copied")
    registry.add("loan", release)

    state, reasons = registry.gate("loan", release.id)
    assert state is GateState.FAILED
    assert any("100" in reason for reason in reasons)
    with pytest.raises(ReleaseError, match="shut"):
        registry.promote("loan", release.id)
    with pytest.raises(ReleaseError, match="does not answer"):
        registry.answer("loan", release.id, "HF-L-DUPLICATES", reason="so what", by="Ada")
    assert registry._store.catalog.champion("loan") is None


def test_a_requirement_that_does_not_hold_keeps_the_gate_shut(registry, folder):
    release = build(folder, name="weak", requirements=["roc_auc >= 0.99"])
    registry.add("loan", release)

    with pytest.raises(ReleaseError, match=r"required roc_auc>=0\.99"):
        registry.promote("loan", release.id)


def test_a_release_that_was_not_audited_is_not_promoted(registry, folder):
    release = build(folder, name="unseen", audit=False)
    registry.add("loan", release)

    assert release.audit is None
    with pytest.raises(ReleaseError, match="audit was not made"):
        registry.promote("loan", release.id)


def test_the_store_refuses_whatever_the_registry_would(registry, suspect):
    registry.add("loan", suspect)
    path = registry._store.path
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="gate of this release is not open"):
        connection.execute("INSERT INTO champions VALUES ('loan', ?, 1, 0)", (suspect.id,))
    connection.close()


def test_a_gate_opened_behind_the_registrys_back_is_still_shut(registry, suspect):
    registry.add("loan", suspect)
    registry._store.decide_gate("loan", suspect.id, "passed", at=5)

    with pytest.raises(ReleaseError, match="shut"):
        registry.promote("loan", suspect.id)


SUSPECT = Question(code="HF-L-POST-OUTCOME", columns=("collected",), sentence="late")


@pytest.mark.parametrize(
    ("record", "name"), [(SUSPECT, "code"), (Gate(audited=False, failures=("leak",)), "failures")]
)
def test_what_the_gate_says_is_not_changed_afterwards(record, name):
    with pytest.raises(AttributeError, match="immutable"):
        setattr(record, name, ())


@pytest.mark.parametrize(("kind", "parts"), [(Gate, (True,)), (Question, ("HF-L-NOTHING", (), ""))])
def test_the_parts_of_a_gate_are_given_by_name(kind, parts):
    with pytest.raises(TypeError):
        kind(*parts)
