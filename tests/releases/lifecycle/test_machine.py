"""The moves of the lifecycle: what each does, refuses, and leaves behind."""

from __future__ import annotations

import threading

import pytest

from holdfast.errors import HoldfastError, ReleaseError, StoreError
from holdfast.releases.lifecycle import Lifecycle, Move, Stage, verify
from holdfast.storage import Store

HOW = {"at": 1, "by": "ada", "reason": "test"}
WAIVED = {"shadow": "urgent", "canary": "urgent"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "holdfast.db"


@pytest.fixture
def store(path):
    with Store.open(path) as store:
        yield store


@pytest.fixture
def loan(store):
    return Lifecycle(store, "loan")


def admit(loan: Lifecycle, *releases: str) -> None:
    for release in releases:
        loan.add(release, **HOW)
        loan._store.decide_gate(loan.model, release, "passed", at=0)
        loan.audit(release, **HOW)


def crown(loan: Lifecycle, *releases: str) -> None:
    """Each becomes champion in turn."""
    for release in releases:
        admit(loan, release)
        loan.promote(release, waived=WAIVED, **HOW)


def stages(loan: Lifecycle) -> dict[str, str]:
    return {release: stage.value for release, stage in loan.state().stages.items()}


def refused(code: str, call, *args, **kwargs) -> HoldfastError:
    """The refusal, after which nothing has changed."""
    store = call.__self__._store
    before = store.control.head(), call.__self__.state(), store.catalog.champion("loan")
    with pytest.raises(HoldfastError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code
    after = store.control.head(), call.__self__.state(), store.catalog.champion("loan")
    assert after == before
    return caught.value


def test_a_release_goes_all_the_way_step_by_step(loan, store):
    crown(loan, "a")
    admit(loan, "b")
    assert loan.shadow("b", **HOW).stage is Stage.SHADOW
    loan.record_check("b", "shadow", True, expires=10, **HOW)
    assert loan.canary("b", 0.05, **HOW).stage is Stage.CANARY
    assert loan.canary("b", 0.25, **HOW).stage is Stage.CANARY
    assert loan.share() == 0.25
    loan.record_check("b", "canary", True, expires=10, **HOW)
    move = loan.promote("b", **HOW)

    assert move == Move(11, store.control.head()[0] - 1, "b", Stage.CHAMPION)
    assert stages(loan) == {"a": "standby", "b": "champion"}
    assert store.catalog.champion("loan").release == "b"
    assert store.catalog.champion("loan").revision == 2
    assert loan.share() is None
    assert verify(store, "loan") == ()


def test_the_first_release_needs_no_shadow_and_no_canary_and_that_is_kept(loan, store):
    crown(loan, "a")

    (event,) = store.control.events(kinds=["lifecycle.promote"])
    why = "urgent"  # the reason given comes before the one of the rule
    assert event.payload["waived"] == {"shadow": why, "canary": why}

    other = Lifecycle(store, "fraud")
    admit(other, "a")
    other.promote("a", **HOW)
    (event,) = store.control.events("fraud", kinds=["lifecycle.promote"])
    assert event.payload["waived"] == {
        "shadow": "first release of the model",
        "canary": "first release of the model",
    }


def test_the_first_release_is_not_excused_from_audit_gate_or_other_checks(store):
    loan = Lifecycle(store, "loan", required=("shadow", "fairness"))
    loan.add("a", **HOW)

    refused("HF-E-LIFECYCLE", loan.promote, "a", **HOW)
    assert "gate=None" in str(refused("HF-E-LIFECYCLE", loan.audit, "a", **HOW))
    store.decide_gate("loan", "a", "waiting", at=0)
    assert "gate=waiting" in str(refused("HF-E-LIFECYCLE", loan.audit, "a", **HOW))
    store.decide_gate("loan", "a", "passed", at=0)
    loan.audit("a", **HOW)
    assert "lacking=['fairness']" in str(refused("HF-E-LIFECYCLE", loan.promote, "a", **HOW))
    loan.record_check("a", "fairness", True, **HOW)
    loan.promote("a", **HOW)

    assert stages(loan) == {"a": "champion"}


def test_a_gate_that_shut_after_the_audit_stops_the_promotion(loan, store):
    admit(loan, "a")
    store.decide_gate("loan", "a", "failed", at=2)

    with pytest.raises(StoreError, match="gate of this release is not open"):
        loan.promote("a", **HOW)

    assert store.catalog.champion("loan") is None
    assert verify(store, "loan") == ()


@pytest.mark.parametrize(
    ("passed", "expires", "at", "fine"),
    [(True, None, 99, True), (True, 10, 9, True), (True, 10, 10, False), (False, None, 2, False)],
)
def test_a_check_counts_if_it_passed_and_is_not_expired(loan, passed, expires, at, fine):
    crown(loan, "a")
    admit(loan, "b")
    loan.shadow("b", **HOW)
    loan.record_check("b", "shadow", passed, expires=expires, **HOW)
    waived = {"canary": "urgent"}

    how = {**HOW, "at": at}
    if fine:
        assert loan.promote("b", waived=waived, **how).stage is Stage.CHAMPION
    else:
        error = refused("HF-E-LIFECYCLE", loan.promote, "b", waived=waived, **how)
        assert "lacking=['shadow']" in str(error)


def test_the_last_outcome_of_a_check_counts(loan):
    crown(loan, "a")
    admit(loan, "b")
    loan.shadow("b", **HOW)
    loan.record_check("b", "shadow", True, **HOW)
    loan.record_check("b", "shadow", False, **HOW)

    refused("HF-E-LIFECYCLE", loan.promote, "b", waived={"canary": "urgent"}, **HOW)


def test_a_check_of_another_release_does_not_count(loan):
    crown(loan, "a")
    admit(loan, "b", "c")
    loan.shadow("b", **HOW)
    loan.record_check("b", "shadow", True, **HOW)

    refused("HF-E-LIFECYCLE", loan.promote, "c", waived={"canary": "urgent"}, **HOW)


@pytest.mark.parametrize("waived", [{"shadow": " ", "canary": "x"}, {**WAIVED, "gate": "x"}])
def test_a_waiver_names_a_required_check_and_a_reason(loan, waived):
    crown(loan, "a")
    admit(loan, "b")

    refused("HF-E-LIFECYCLE", loan.promote, "b", waived=waived, **HOW)


@pytest.mark.parametrize(
    ("name", "expires"), [("shadow", None), ("canary", None), ("", None), ('a"b', None), ("x", 1)]
)
def test_a_check_that_says_nothing_is_refused(loan, name, expires):
    admit(loan, "a")

    refused("HF-E-LIFECYCLE", loan.record_check, "a", name, True, expires=expires, **HOW)


def test_a_third_champion_retires_the_first(loan):
    crown(loan, "a", "b", "c")

    assert stages(loan) == {"a": "retired", "b": "standby", "c": "champion"}
    refused("HF-E-LIFECYCLE", loan.promote, "a", waived=WAIVED, **HOW)
    refused("HF-E-LIFECYCLE", loan.promote, "b", waived=WAIVED, **HOW)


def test_a_rollback_quarantines_the_champion_and_lets_the_standby_answer(loan, store):
    crown(loan, "a", "b")

    move = loan.rollback(**HOW)

    assert (move.release, move.stage) == ("a", Stage.CHAMPION)
    assert stages(loan) == {"a": "champion", "b": "quarantined"}
    assert store.catalog.champion("loan").release == "a"
    told = store.control.events(kinds=["release.promoted", "release.rolled_back"])
    assert [(e.kind, e.payload["release"], e.payload["before"]) for e in told] == [
        ("release.promoted", "a", None),
        ("release.promoted", "b", "a"),
        ("release.rolled_back", "a", "b"),
    ]
    assert "no standby" in str(refused("HF-E-LIFECYCLE", loan.rollback, **HOW))
    assert verify(store, "loan") == ()


def test_a_rollback_that_fails_half_way_changes_nothing(loan, store, monkeypatch):
    crown(loan, "a", "b")
    before = store.control.head(), loan.state()

    def broken(*_: object, **__: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(store.catalog, "compare_and_set", broken)
    with pytest.raises(OSError, match="no"):
        loan.rollback(**HOW)

    assert (store.control.head(), loan.state()) == before
    assert store.catalog.champion("loan").release == "b"


def test_the_champion_is_set_aside_by_a_rollback_alone(loan):
    crown(loan, "a")

    for move in (loan.quarantine, loan.reject, loan.retire):
        refused("HF-E-LIFECYCLE", move, "a", **HOW)


@pytest.mark.parametrize("out", ["reject", "quarantine"])
def test_nothing_leads_out_of_rejected_and_quarantined(loan, out):
    admit(loan, "a")
    getattr(loan, out)("a", **HOW)

    for move in (loan.audit, loan.shadow, loan.promote, loan.reject, loan.quarantine, loan.retire):
        refused("HF-E-LIFECYCLE", move, "a", **HOW)
    refused("HF-E-LIFECYCLE", loan.canary, "a", 0.1, **HOW)
    refused("HF-E-LIFECYCLE", loan.record_check, "a", "fairness", True, **HOW)
    refused("HF-E-LIFECYCLE", loan.add, "a", **HOW)


def test_a_standby_can_be_retired(loan):
    crown(loan, "a", "b")

    assert loan.retire("a", **HOW).stage is Stage.RETIRED
    refused("HF-E-LIFECYCLE", loan.rollback, **HOW)


def test_there_is_one_canary_with_a_share_that_is_one(loan):
    admit(loan, "a", "b")
    for release in "ab":
        loan.shadow(release, **HOW)
    for share in (0.0, 1.01, -1.0, float("nan")):
        refused("HF-E-LIFECYCLE", loan.canary, "a", share, **HOW)
    loan.canary("a", 1.0, **HOW)

    assert "is the canary" in str(refused("HF-E-LIFECYCLE", loan.canary, "b", 0.1, **HOW))
    loan.quarantine("a", **HOW)
    assert loan.canary("b", 0.1, **HOW).stage is Stage.CANARY


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_freeze_stops_upward_moves_and_no_rollback(loan, store, everywhere):
    crown(loan, "a", "b")
    loan.add("c", **HOW)
    store.decide_gate("loan", "c", "passed", at=0)
    admit(loan, "d", "e")
    loan.shadow("e", **HOW)
    by = Lifecycle(store, "other") if everywhere else loan
    by.freeze(everywhere=everywhere, **HOW)

    refused("HF-E-LIFECYCLE-FROZEN", loan.audit, "c", **HOW)
    refused("HF-E-LIFECYCLE-FROZEN", loan.shadow, "d", **HOW)
    refused("HF-E-LIFECYCLE-FROZEN", loan.canary, "e", 0.1, **HOW)
    refused("HF-E-LIFECYCLE-FROZEN", loan.promote, "d", waived=WAIVED, **HOW)
    loan.reject("c", **HOW)
    assert loan.rollback(**HOW).release == "a"
    assert verify(store, "loan") == verify(store, "other") == ()
    by.unfreeze(everywhere=everywhere, **HOW)
    assert loan.promote("d", waived=WAIVED, **HOW).stage is Stage.CHAMPION


def test_the_freeze_of_one_model_leaves_others_alone_and_both_kinds_stand_apart(loan, store):
    fraud = Lifecycle(store, "fraud")
    admit(fraud, "a")
    loan.freeze(**HOW)
    refused("HF-E-LIFECYCLE", loan.freeze, **HOW)
    refused("HF-E-LIFECYCLE", loan.unfreeze, everywhere=True, **HOW)
    assert fraud.state().frozen == ()
    fraud.freeze(everywhere=True, **HOW)
    loan.unfreeze(**HOW)

    assert loan.state().frozen == fraud.state().frozen == ("all",)
    refused("HF-E-LIFECYCLE-FROZEN", fraud.promote, "a", **HOW)


@pytest.mark.parametrize("model", ['a"b', "all", "ünï", "model:all"])
def test_any_model_can_be_frozen_whatever_its_name(store, model):
    odd = Lifecycle(store, model)
    admit(odd, "a")
    odd.freeze(**HOW)

    assert odd.state().frozen == (f"model:{model}",)
    assert Lifecycle(store, "loan").state().frozen == ()
    odd.unfreeze(**HOW)
    assert odd.state().frozen == ()
    assert verify(store, model) == ()


def test_the_same_key_gives_the_same_move_and_one_event(loan, store):
    admit(loan, "a")
    move = loan.promote("a", key="k1", **HOW)
    crown(loan, "b")
    head = store.control.head()

    again = loan.promote("a", key="k1", expected=0, **HOW)

    assert again == move
    assert store.control.head() == head
    assert loan.freeze(key="k2", **HOW) == loan.freeze(key="k2", **HOW)
    assert loan.rollback(key="k3", **HOW) == loan.rollback(key="k3", **HOW)


def test_a_release_that_is_added_is_told_to_those_who_follow_releases(loan, store):
    loan.add("a", **HOW)
    told = store.control.events("loan", ["release.added"])
    assert [(event.payload, event.at) for event in told] == [({"release": "a"}, 1)]


def test_of_all_moves_a_promotion_alone_speaks_of_waivers(loan, store):
    crown(loan, "a", "b")
    loan.rollback(**HOW)
    told = [e for e in store.control.events("loan") if e.kind.startswith("lifecycle.")]
    assert {e.kind for e in told if "waived" in e.payload} == {"lifecycle.promote"}


def test_a_move_that_was_made_is_not_changed_afterwards(loan):
    move = loan.add("a", **HOW)
    with pytest.raises(AttributeError, match="immutable"):
        move.rev = 7


def test_a_refusal_names_a_release_by_its_first_twelve_characters(loan, store):
    first, second, unknown = ("0123456789ab" + letter * 52 for letter in "abc")

    def named(call, *args, **kwargs) -> None:
        error = refused("HF-E-LIFECYCLE", call, *args, **kwargs, **HOW)
        assert "0123456789ab" in error.message
        assert not any(f"0123456789ab{c}" in f"{error.message} {error.got}" for c in "abc")

    named(loan.audit, unknown)
    loan.add(first, **HOW)
    named(loan.add, first)
    named(loan.audit, first)
    named(loan.record_check, first, "shadow", True)
    loan.reject(first, **HOW)
    admit(loan, second, "d")
    for release in (second, "d"):
        loan.shadow(release, **HOW)
    loan.canary(second, 0.1, **HOW)
    named(loan.canary, "d", 0.1)


def test_a_freeze_that_stands_and_one_that_does_not_are_told_apart(loan):
    assert refused("HF-E-LIFECYCLE", loan.unfreeze, **HOW).expected == "frozen"
    loan.freeze(**HOW)
    assert refused("HF-E-LIFECYCLE", loan.freeze, **HOW).expected == "not frozen"


def test_a_key_is_not_used_for_two_moves(loan, store):
    admit(loan, "a", "b")
    loan.reject("a", key="k", **HOW)

    refused("HF-E-STORE-KEY", loan.reject, "b", key="k", **HOW)
    refused("HF-E-STORE-KEY", loan.shadow, "a", key="k", **HOW)
    refused("HF-E-STORE-KEY", Lifecycle(store, "fraud").reject, "a", key="k", **HOW)


def test_who_saw_an_older_revision_is_refused(loan):
    admit(loan, "a")
    seen = loan.state().rev
    loan.shadow("a", expected=seen, **HOW)

    error = refused("HF-E-STORE-REVISION", loan.reject, "a", expected=seen, **HOW)
    assert f"revision {seen + 1}" in str(error)


def test_who_lost_the_lease_is_refused(loan, store):
    admit(loan, "a")
    old = store.catalog.acquire("loop", "one", ttl=10, now=0)
    new = store.catalog.acquire("loop", "two", ttl=10, now=11)

    refused("HF-E-STORE-FENCED", loan.reject, "a", fence=("loop", old), **HOW)
    assert loan.reject("a", fence=("loop", new), **HOW).stage is Stage.REJECTED


@pytest.mark.parametrize("empty", [{"by": " "}, {"reason": ""}])
def test_a_move_says_who_and_why(loan, empty):
    refused("HF-E-LIFECYCLE", loan.add, "a", **{**HOW, **empty})


def test_a_release_that_is_not_known_is_refused(loan):
    refused("HF-E-LIFECYCLE", loan.audit, "a", **HOW)
    refused("HF-E-LIFECYCLE", loan.record_check, "a", "fairness", True, **HOW)
    refused("HF-E-LIFECYCLE", loan.add, 'a"b', **HOW)


def test_a_release_of_before_there_was_a_lifecycle_is_a_candidate(loan, store):
    store.catalog.add_release("loan", "a", at=0)
    store.decide_gate("loan", "a", "passed", at=0)

    assert loan.state().stage("a") is Stage.CANDIDATE
    assert loan.record_check("a", "fairness", True, **HOW).stage is Stage.CANDIDATE
    assert loan.audit("a", **HOW).stage is Stage.AUDITED
    assert verify(store, "loan") == ()


def set_outside(store: Store, release: str) -> None:
    row = store.catalog.champion("loan")
    if store.catalog.gate("loan", release) is None:
        store.catalog.add_release("loan", release, at=0)
        store.decide_gate("loan", release, "passed", at=0)
    store.catalog.compare_and_set("loan", row.revision if row else 0, release, at=0)


@pytest.mark.parametrize("release", ["a", "c"])
def test_once_there_are_stages_the_store_lets_nobody_set_a_champion_beside_them(
    loan, store, release
):
    crown(loan, "a", "b")
    before = store.catalog.champion("loan")
    with pytest.raises(StoreError, match="set by a move of its lifecycle"):
        set_outside(store, release)
    assert store.catalog.champion("loan") == before
    assert verify(store, "loan") == ()
    refused("HF-E-LIFECYCLE", loan.adopt, **HOW)


def test_while_a_champion_stands_that_was_set_elsewhere_releases_move_only_after_adoption(
    loan, store
):
    set_outside(store, "a")
    loan.add("b", **HOW)
    store.decide_gate("loan", "b", "passed", at=0)

    error = refused("HF-E-LIFECYCLE", loan.audit, "b", **HOW)
    assert (error.expected, error.got) == ("champion=None", "champion=a")
    refused("HF-E-LIFECYCLE", loan.reject, "b", **HOW)
    loan.adopt(**HOW)
    assert loan.audit("b", **HOW).stage is Stage.AUDITED


def test_a_first_champion_set_elsewhere_is_adopted(loan, store):
    refused("HF-E-LIFECYCLE", loan.adopt, **HOW)
    set_outside(store, "a")
    loan.adopt(**HOW)

    assert stages(loan) == {"a": "champion"}
    assert verify(store, "loan") == ()


def test_a_quarantined_release_cannot_be_made_champion_elsewhere(loan, store):
    crown(loan, "a", "b")
    loan.rollback(**HOW)

    with pytest.raises(StoreError, match="set by a move of its lifecycle"):
        set_outside(store, "b")


def test_of_many_who_promote_at_once_from_one_revision_one_wins(loan, path):
    admit(loan, "a", "b", "c", "d")
    seen, won, lost = loan.state().rev, [], []

    def one(release: str) -> None:
        with Store.open(path) as store:
            try:
                won.append(Lifecycle(store, "loan").promote(release, expected=seen, **HOW))
            except (StoreError, ReleaseError) as error:
                lost.append(error.code)

    threads = [threading.Thread(target=one, args=(release,)) for release in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [move.rev for move in won] == [seen + 1]
    assert lost == ["HF-E-STORE-REVISION"] * 3
