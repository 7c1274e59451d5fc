"""Skew without a shared table: run the training code on logged requests, and rows one by one.

`replay` gives logged raw requests to the transform of the training side and compares what comes out
with the features that were logged. `single_batch` asks a release row by row, as serving does, and
all at once, as training does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast import frames
from holdfast.comparison.skew import ALLOWED, skew
from holdfast.comparison.skew_feature import LEVEL, SURE
from holdfast.comparison.skew_report import ScoreSkew, SkewReport, WorstRow
from holdfast.contracts.model import Outcome
from holdfast.diagnosis.words import percent
from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.findings import Finding, Severity
from holdfast.frames.equality import Tolerance
from holdfast.stats.intervals import wilson

if TYPE_CHECKING:
    from holdfast.contracts import Contract
    from holdfast.frames import Table
    from holdfast.releases import Release

#: rows asked one by one
MOST_ROWS = 2_000
WORST = 10
#: rows with which a difference in one row of twenty would have shown
MIN_ROWS = 73


def replay(
    raw: Any,
    transform: Callable[[Any], Any],
    logged: Any,
    *,
    key: str | Sequence[str],
    features: Sequence[str] | None = None,
    contract: Contract | None = None,
    tolerance: Tolerance | None = None,
    allowed: float = ALLOWED,
    show_ids: bool = False,
    seed: int = 0,
) -> SkewReport:
    """Runs the training side's transform on logged raw requests and compares with what was logged.

    Args:
        raw: raw requests, with the key; anything `holdfast.frames.read` takes.
        transform: ``transform(table) -> table``: the training code, given an Arrow table. What it
            gives must hold the key, or as many rows in the same order.
        logged: the features that were served, with the key.
        key: column or columns that name the request.
        features: as in `skew`.
        contract: as in `skew`.
        tolerance: as in `skew`.
        allowed: as in `skew`.
        show_ids: as in `skew`.
        seed: as in `skew`.

    Raises:
        DataError: the transform fails or gives something else than a table of these rows, or what
            `skew` raises.

    Example:
        >>> raw = {"id": list(range(100)), "cents": [150 * i for i in range(100)]}
        >>> served = {"id": list(range(100)), "euro": [1.5 * i for i in range(100)]}
        >>> def transform(table):
        ...     return {"euro": [cents / 100 for cents in table.column("cents").to_pylist()]}
        >>> replay(raw, transform, served, key="id").passed
        True
    """
    keys = (key,) if isinstance(key, str) else tuple(key)
    requests = frames.read(raw)
    absent = [name for name in keys if name not in requests]
    if absent:
        raise DataError(
            "the raw requests lack the key",
            code="HF-E-SKEW-KEY",
            expected=f"a column {absent[0]!r}",
            got=f"columns {', '.join(requests.names[:12])}",
            remedy="log the id of each request with it",
        )
    made = _transformed(requests, transform, keys)
    report = skew(
        logged,
        made,
        key=key,
        features=features,
        contract=contract,
        tolerance=tolerance,
        allowed=allowed,
        show_ids=show_ids,
        seed=seed,
    )
    return msgspec.structs.replace(report, mode="replay")


def _transformed(requests: Table, transform: Callable[[Any], Any], keys: Sequence[str]) -> Table:
    """What the transform makes of the requests, with the key."""
    try:
        made = frames.read(transform(requests.arrow()))
    except HoldfastError:
        raise
    except Exception as error:
        raise DataError(
            "the transform of the training side failed on the logged requests",
            code="HF-E-SKEW-TRANSFORM",
            expected="transform(table) -> table",
            got=type(error).__name__,
            remedy="run it by hand on the same rows; that it fails on what was served is a finding",
        ) from error
    if all(name in made for name in keys):
        return made
    if made.num_rows != requests.num_rows:
        raise DataError(
            "what the transform gave cannot be told row by row",
            code="HF-E-SKEW-TRANSFORM",
            expected=f"the key {', '.join(keys)}, or {requests.num_rows} rows in the same order",
            got=f"{made.num_rows} rows without the key",
            remedy="keep the key column in what it gives",
        )
    table = made.arrow()
    for name in keys:
        if name not in made:
            table = table.append_column(name, requests.column(name).array)
    return frames.read(table)


def single_batch(
    release: Release,
    rows: Any,
    *,
    ids: str | None = None,
    tolerance: Tolerance | None = None,
    most: int = MOST_ROWS,
    show_ids: bool = False,
    seed: int = 0,
) -> SkewReport:
    """Scores rows alone, as serving does, and together, as training does, and compares.

    Rows on which the guard steps in (repaired, answered by a fallback, abstained, rejected) are not
    compared: their answers differ by design.

    Args:
        release: the release to ask.
        rows: as served; anything `holdfast.frames.read` takes.
        ids: column that names the row.
        tolerance: when two scores count as equal.
        most: rows asked one by one, a random sample of more.
        show_ids: show the ids of the worst rows also where the contract does not mark that column
            as free of personal data (``pii: no``).
        seed: of the sample.

    Raises:
        DataError: no rows, or no such column.
        UsageError: `most` is below 1.
    """
    table = frames.read(rows)
    if not table.num_rows:
        raise DataError(
            "there are no rows to score",
            code="HF-E-SKEW-EMPTY",
            expected="at least one row",
            got="0 rows",
        )
    if most < 1:
        raise UsageError("at least one row must be asked", expected="most >= 1", got=f"most={most}")
    near = tolerance or Tolerance()
    names = None
    if ids is not None:
        names = table.column(ids).to_pylist()
        open_ = any(f.name == ids and f.pii == "no" for f in release.contract.fields)
        names = names if show_ids or open_ else None
    chosen = np.arange(table.num_rows)
    if table.num_rows > most:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, most, replace=False))
    part = table.take(chosen)
    scorer = release.scorer()
    answers = [scorer.answer_one(row) for row in part.rows()]
    asked = [i for i, a in enumerate(answers) if a.verdict is Outcome.OK and a.score is not None]
    alone = np.array([answers[i].score for i in asked], np.float64)
    together = release.model.predict_table(part.take(asked).arrow()) if asked else np.empty(0)
    differ = ~near.equal(alone, together)
    flips = (alone >= release.threshold) != (together >= release.threshold)
    away = np.abs(alone - together)
    away[np.isnan(away)] = np.inf
    order = [i for i in np.argsort(-away, kind="stable")[:WORST].tolist() if differ[i]]
    share = wilson(int(differ.sum()), len(asked), LEVEL)
    scores = ScoreSkew(
        rows=len(chosen),
        compared=len(asked),
        share=share,
        different=int(differ.sum()),
        flips=int(flips.sum()),
        largest=float(away.max(initial=0.0)),
        worst=tuple(
            WorstRow(
                row=int(chosen[asked[i]]),
                single=float(alone[i]),
                batch=float(together[i]),
                id=None if names is None else str(names[int(chosen[asked[i]])]),
            )
            for i in order
        ),
    )
    findings = _about_scores(scores)
    passed: bool | None = not scores.different
    if passed and (share.high is None or share.high > SURE):
        passed = None
    return SkewReport(
        passed=passed,
        mode="single_batch",
        logged_rows=table.num_rows,
        training_rows=table.num_rows,
        pairs=len(asked),
        left_out=len(chosen) - len(asked),
        tolerance=near,
        scores=scores,
        findings=findings,
    )


def _about_scores(scores: ScoreSkew) -> tuple[Finding, ...]:
    found = []
    if scores.different:
        worst = scores.worst[0]
        who = f"row {worst.row}" if worst.id is None else f"`{worst.id}`"
        decided = f", {scores.flips:,} decisions with them" if scores.flips else ""
        found.append(
            Finding(
                code="HF-SKEW-SINGLE-BATCH",
                severity=Severity.ERROR,
                sentence=f"{scores.different:,} of {scores.compared:,} rows "
                f"({percent(scores.different / scores.compared)}) get another score alone than in "
                f"a batch{decided}; the worst is {who}: {worst.single:.6g} against "
                f"{worst.batch:.6g}",
                evidence={
                    "rows": scores.different,
                    "compared": scores.compared,
                    "flips": scores.flips,
                    "worst_rows": [w.row for w in scores.worst],
                },
                remedy="Look for a step that depends on the other rows (fitting at prediction, "
                "ranks, means of the batch) or on types that one row does not show.",
            )
        )
    left = scores.rows - scores.compared
    if left:
        found.append(
            Finding(
                code="HF-SKEW-NOT-COMPARED",
                severity=Severity.NOTE,
                sentence=f"{left:,} of {scores.rows:,} rows were repaired, answered by a fallback "
                "or not answered by the guard, and were not compared",
                evidence={"rows": left, "asked": scores.rows},
                remedy="`holdfast contract check` says what is wrong with them.",
            )
        )
    return tuple(found)
