"""Releases in every condition that forbids a promotion, as real bundles, and a store of them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.lifecycle.rollback import table
from holdfast.contracts import Contract
from holdfast.demo.loans import generate
from holdfast.models.recipes import logistic_regression
from holdfast.releases import Release
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store

NAMES = (
    "champion", "gate failed", "gate waiting", "check failed", "check expired", "check missing",
    "rejected", "retired", "quarantined", "frozen",
)  # fmt: skip
CONDITIONS = tuple(name for name in NAMES if name not in ("champion", "frozen"))
#: conditions that a waiver of the checks lifts, as it should: no waiver is tried there, and no
#: promotion by a person, which waives them
WAIVABLE = ("check failed", "check expired", "check missing")
#: what nobody may promote, whatever is waived
SHUT = tuple(name for name in CONDITIONS if name not in WAIVABLE)


class Bundles:
    """One release for each name, built once.

    Attributes:
        folder: of the bundles, each under its id.
        ids: name → id.
    """

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory()
        self.folder = Path(self._place.name, "releases")
        self.ids = {name: self._built(name, number) for number, name in enumerate(NAMES)}

    def _built(self, name: str, number: int) -> str:
        rows, target, positive = table(400, number), "bad", 1
        if name == "gate waiting":  # the audit asks whether a column was known beforehand
            columns = ["employment_type", "monthly_income", "loan_amount", "outcome"]
            rows, target = generate(seed=5, rows=700).table.select(columns), "outcome"
        contract = Contract.learn(rows, target=target, name="loan")
        label: Any = positive if target == "bad" else "defaulted"

        def fit(part: pa.Table, features: tuple[str, ...]) -> Any:
            return logistic_regression(part, features, target, positive=label)

        release = Release.build(
            fit(rows, contract.features),
            train=rows,
            contract=contract,
            fit=fit,
            positive=label,
            fallbacks="none",
            name=name,
            requirements=["roc_auc>=0.9999"] if name == "gate failed" else (),
            directory=self.folder,
        )
        return release.id


@functools.cache
def bundles() -> Bundles:
    """The releases of this process; their folder goes when it ends."""
    return Bundles()


def opened(folder: Path) -> Store:
    """A store in this folder that finds the bundles."""
    store = Store.open(folder / "holdfast.db")
    (store.files / "releases").symlink_to(bundles().folder)
    return store


def prepared(store: Store, frozen: bool) -> None:
    """The champion, a release in every forbidden condition, and a good one for under a freeze."""
    ids, loan = bundles().ids, Lifecycle(store, "loan")
    how: dict[str, Any] = {"at": 1, "by": "ada", "reason": "prepared"}
    waived = {"shadow": "prepared", "canary": "prepared"}
    for name, release in ids.items():
        loan.add(release, **how)
        state = {"gate failed": "failed", "gate waiting": "waiting"}.get(name, "passed")
        store.decide_gate("loan", release, state, at=1)
    for name in ("retired", "quarantined", "champion"):
        loan.audit(ids[name], **how)
    loan.promote(ids["retired"], **how)
    loan.promote(ids["quarantined"], waived=waived, key="crowned", **how)
    loan.rollback(**how)
    loan.promote(ids["champion"], waived=waived, **how)
    loan.retire(ids["retired"], **how)
    loan.reject(ids["rejected"], **how)
    for name in WAIVABLE:
        release = ids[name]
        loan.audit(release, **how)
        loan.shadow(release, **how)
        if name != "check missing":
            passed = name == "check expired"
            loan.record_check(release, "shadow", passed, expires=2, **how)
    loan.audit(ids["frozen"], **how)
    for stage in ("shadow", "canary"):
        if stage == "shadow":
            loan.shadow(ids["frozen"], **how)
        else:
            loan.canary(ids["frozen"], 0.1, **how)
        loan.record_check(ids["frozen"], stage, True, **how)
    if frozen:
        loan.freeze(**how)


def answers(store: Store) -> tuple[str | None, Mapping[str, str]]:
    """Which release answers, and all stages."""
    champion = store.catalog.champion("loan")
    return (champion.release if champion else None), store.lifecycle.stages("loan")
