"""A lender's releases, built once, and a store in which a believable amount has happened."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from tests.releases.conftest import FEATURES, lender, pipeline

from holdfast.contracts import Contract
from holdfast.evaluation import Costs
from holdfast.releases import Registry, Release
from holdfast.releases.lifecycle import Lifecycle, Stage
from holdfast.storage import Store

DAY = 86_400_000_000
START = 1_790_000_000_000_000
_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def release(number: int) -> Release:
    """A small release of its own; each follows the one before."""
    train, held_out = lender(300, 10 + number), lender(300, 20)
    return Release.build(
        pipeline().fit(train[FEATURES], train.status),
        train=train,
        validation=held_out,
        contract=Contract.learn(lender(300, 1), target="status"),
        costs=Costs(1, 3),
        positive="bad",
        decisions=("approve", "refuse"),
        fallbacks=[],
        name="loan",
        parent=release(number - 1).id if number else None,
        directory=_FOLDER.name,
    )


def add(store: Store, number: int, at: int, model: str = "loan") -> str:
    """A release is known and audited."""
    found = Registry(store, now=lambda: at).add(model, release(number))
    loan = Lifecycle(store, model)
    if loan.state().stage(found) is Stage.CANDIDATE:
        loan.audit(found, at=at, by="ada", reason="no leak found")
    return found


def prove(store: Store, found: str, at: int, *, expires: int | None = None) -> None:
    """It passes shadow and canary."""
    loan = Lifecycle(store, "loan")
    by, hour = "the loop", DAY // 24
    loan.shadow(found, at=at, by=by, reason="held against the champion")
    loan.record_check(
        found, "shadow", True, at=at + 5 * hour, by=by, expires=expires,
        reason="0.4% fewer wrong decisions",
    )  # fmt: skip
    loan.canary(found, 0.05, at=at + 5 * hour, by=by, reason="begins with a twentieth")
    loan.record_check(
        found, "canary", True, at=at + 9 * hour, by=by, expires=expires,
        reason="no guard tripped in 4,000 rows",
    )  # fmt: skip


def lived(path: Path) -> dict[str, str]:
    """Three releases, an incident, a veto, a promotion, a rollback; gives the ids."""
    with Store.open(path) as store:
        loan, say = Lifecycle(store, "loan"), store.control.append
        at = START
        first = add(store, 0, at)
        loan.promote(
            first, at=at + DAY // 24, by="ada", reason="the first one: it beats the rules of thumb"
        )
        say("release.live", "loan", {"release": first, "servers": 2}, at=at + DAY // 24 + 4_000_000)
        at += 9 * DAY
        sentence = "`job` is missing in 41% of the rows, all of them from `source=mobile`"
        opened = {
            "id": "5f0c1d77e2ab", "model": "loan", "release": first, "sentence": sentence,
            "class": "pipeline", "kind": "missing", "action": "fix_pipeline", "features": ["job"],
            "since": at - DAY // 48, "opened_at": at, "opened_row": 9_400, "onset_row": 9_211,
            "status": "open", "evidence": {},
        }  # fmt: skip
        say("incident.opened", "loan", {"incident": opened}, at=at)
        spoiled = {"incident": opened["id"], "since": at - DAY // 48, "until": None}
        say("rows.spoiled", "loan", spoiled, at=at + 1)
        say(
            "loop.decided", "loan",
            {
                "decision": "veto",
                "cause": opened["id"],
                "why": [
                    "The rows since 05:00 are broken upstream.",
                    "A model trained on them would learn the fault.",
                ],
            },
            at=at + 2,
        )  # fmt: skip
        say(
            "incident.acknowledged", "loan",
            {"id": opened["id"], "by": "eve", "reason": "the app team is on it"}, at=at + DAY // 20,
        )  # fmt: skip
        at += DAY // 2
        over = {
            "id": opened["id"],
            "closed_at": at,
            "reason": "`job` is there again for 2,000 rows",
        }
        say("incident.closed", "loan", over, at=at)
        say("rows.cleared", "loan", {**spoiled, "until": at}, at=at + 1)
        at += 6 * DAY
        second = add(store, 1, at)
        made = {"key": "k1", "reason": "`income` drifts since two weeks", "parent": first,
                "release": second, "gate": "passed", "override": ""}  # fmt: skip
        say("retrain.finished", "loan", made, at=at + 60_000_000)
        prove(store, second, at + DAY, expires=at + 8 * DAY)
        loan.promote(
            second, at=at + 2 * DAY, by="ada", reason="fewer wrong refusals at the same risk"
        )
        at += 3 * DAY
        loan.rollback(at=at, by="eve", reason="approvals of partime jobs doubled over night")
        third = add(store, 2, at + 2 * DAY)
        prove(store, third, at + 3 * DAY, expires=at + 400 * DAY)
    return {"first": first, "second": second, "third": third}
