"""The lenders of the full loop: rows to learn from, rows that come later, a change of the world.

The change is one of concept: applicants look as before, but who repays is another. It is simulated,
also on real rows, whose outcomes are then no longer those of the table; both stories say so.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.demo import story
from holdfast.errors import UsageError
from holdfast.evaluation import Costs

#: rows to learn from: a release is built twice in the demo
LEARNED = 8_000

GENERATED_CODE = '''\
from holdfast.models.recipes import boosted_trees


def train(frame, context):
    """What a user writes: rows and a context in, a trained model out."""
    return boosted_trees(
        frame, context.features, context.target, positive=context.positive, seed=context.seed
    )
'''
REAL_CODE = GENERATED_CODE.replace("boosted_trees", "logistic_regression").replace(
    ", positive=context.positive, seed=context.seed", ", positive=context.positive"
)


class LoopStory(msgspec.Struct, frozen=True, kw_only=True):
    """One lender for the full loop.

    Attributes:
        origin: one sentence on where the rows come from, and what is simulated.
        train: rows to learn from, with the event time ``applied_at``.
        replay: rows that arrive later, in order.
        target, positive, negative: column to predict, the bad label and the good one.
        field: the field that breaks.
        risky: values of `change` whose applicants repay after the change; all others of `safe` no
            longer do.
        change: the column that the change is about.
        safe: values of `change` whose applicants no longer repay.
        quiet: rows between the mending and the change.
        holds: share of these applicants for whom the change holds.
        ids: columns that name the row.
        costs: of refusing a good applicant and of accepting a bad one.
        code: the project's ``train.py``.
        answers: what a person says to the audit's questions: column → why it is no leak.
        seed: of everything random.
    """

    origin: str
    train: pa.Table
    replay: pa.Table
    target: str
    positive: str
    negative: str
    field: str
    change: str
    risky: tuple[str, ...]
    safe: tuple[str, ...]
    quiet: int
    holds: float
    ids: tuple[str, ...]
    costs: Costs
    code: str
    answers: dict[str, str]
    seed: int

    def later(self, first: int, count: int) -> pa.Table:
        """The rows that arrive next, after `first` of them.

        Raises:
            UsageError: there are no more; the same rows again would be what they are, duplicates.
        """
        if first + count > self.replay.num_rows:
            raise UsageError(
                "the story has run out of applications",
                expected=f"a new champion within {self.replay.num_rows:,}",
                got=f"{first:,} sent",
                remedy="run it again on a machine with less to do",
            )
        return self.replay.slice(first, count)

    def rows(self, table: pa.Table) -> list[dict[str, Any]]:
        """Rows as a client sends them now: without the outcome, with the time of the day."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        return [{**row, "applied_at": now} for row in table.drop_columns(self.target).to_pylist()]

    def outcomes(self, table: pa.Table, rng: np.random.Generator, *, drifted: bool) -> list[str]:
        """Outcomes of rows, before or after the change."""
        plain: list[str] = table.column(self.target).to_pylist()
        if not drifted:
            return plain
        changed = [
            self.negative if value in self.risky else self.positive if value in self.safe else old
            for value, old in zip(table.column(self.change).to_pylist(), plain, strict=True)
        ]
        holds = rng.random(len(plain)) < self.holds
        return [new if yes else old for new, old, yes in zip(changed, plain, holds, strict=True)]


def generated(seed: int = 0) -> LoopStory:
    """The generated lender: the employment type breaks, and later decides the other way round."""
    told = story.generated(seed)
    return LoopStory(
        origin=told.origin + " Later a guarantee turns the risk of employment types around.",
        train=told.train.slice(0, LEARNED),
        replay=told.replay,
        target=told.target,
        positive=told.positive,
        negative="repaid",
        field=told.field,
        change="employment_type",
        risky=("temporary", "none"),
        safe=("permanent", "public"),
        quiet=800,
        holds=0.9,
        ids=told.ids,
        costs=told.costs,
        code=GENERATED_CODE,
        answers=told.answers,
        seed=seed,
    )


def real(path: Path, seed: int = 0) -> LoopStory:
    """The real lender: half of the rows train, the others arrive, drawn with replacement.

    Args:
        path: the credit scoring table, see `story.real`.
        seed: of the split.
    """
    told = story.real(path, seed)
    return LoopStory(
        origin=told.origin
        + " Times are made up; rows that come again are varied by up to a tenth; "
        "the change at the end is simulated.",
        train=_timed(told.train),
        replay=told.replay,
        target=told.target,
        positive=told.positive,
        negative="good",
        field=told.field,
        change="Home",
        risky=("rent", "other", "parents", "ignore", "priv"),
        safe=("owner",),
        quiet=400,
        holds=0.6,
        ids=told.ids,
        costs=told.costs,
        code=REAL_CODE,
        answers={
            **told.answers,
            "applied_at": "the times are made up: the rows are in random order",
        },
        seed=seed,
    )


def _timed(table: pa.Table) -> pa.Table:
    """The rows with an event time, one an hour."""
    begin = datetime.datetime(2026, 1, 5, 8, 0, tzinfo=datetime.UTC)
    times = [begin + datetime.timedelta(hours=n) for n in range(table.num_rows)]
    return table.append_column("applied_at", pa.array(times, pa.timestamp("us", "UTC")))
