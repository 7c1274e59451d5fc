"""Golden rows: rows whose scores are known, replayed whenever a release is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.errors import HoldfastError, ReleaseError
from holdfast.models.base import Label, Model, Scores
from holdfast.models.training_side import Side, training_scores
from holdfast.releases.records import Golden

#: largest difference between two scores of the same row that counts as equal
TOLERANCE = 1e-6
ROWS = 48


def pick_rows(side: Side, features: Sequence[str], seed: int) -> Side:
    """Rows mixed from training values column by column: real values, nobody's row."""
    rng = np.random.default_rng(seed)
    return side.mixed({name: rng.integers(0, side.rows, ROWS) for name in features})


def as_json_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as a server would get them: through JSON."""
    rows: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(table.to_pylist()))
    return rows


def make_golden(
    estimator: Any,
    main: Model,
    fallbacks: Sequence[Model],
    side: Side,
    positive: Label | None,
    seed: int,
) -> Golden:
    """Score golden rows on the training side.

    The main model's scores come from the caller's own estimator on the caller's own kind of frame
    where there is one, so that replaying them compares training with serving.
    """
    rows = pick_rows(side, main.features, seed)
    scores = training_scores(estimator, rows, main.features, positive)
    if scores is None:
        scores = main.predict_table(rows.table)
    return Golden(
        rows=as_json_rows(rows.table),
        main=scores.tolist(),
        fallbacks=[model.predict_table(rows.table).tolist() for model in fallbacks],
    )


def replay(golden: Golden, main: Model, fallbacks: Sequence[Model], *, thorough: bool) -> float:
    """Score the golden rows again and compare; gives the largest difference.

    Args:
        golden: rows and known scores.
        main: the loaded main model.
        fallbacks: the loaded fallbacks, in order.
        thorough: also ask row by row, as single requests do.

    Raises:
        ReleaseError: some score differs by more than 1e-6, or cannot be given any more.
    """
    if len(golden.fallbacks) != len(fallbacks):
        raise ReleaseError(
            "the golden rows do not fit the fallbacks",
            expected=f"{len(fallbacks)} columns of scores",
            got=f"columns={len(golden.fallbacks)}",
            remedy="build the release again",
        )
    worst = _compare("main model", golden.rows, golden.main, main, thorough)
    for index, (model, wanted) in enumerate(zip(fallbacks, golden.fallbacks, strict=True)):
        worst = max(worst, _compare(f"fallback {index}", golden.rows, wanted, model, thorough))
    return worst


def _compare(
    what: str, rows: list[dict[str, Any]], wanted: list[float], model: Model, thorough: bool
) -> float:
    try:
        found: list[Scores] = [model.predict(rows)]
        if thorough:
            found.append(np.array([model.predict_one(row) for row in rows]))
    except HoldfastError as error:
        raise ReleaseError(
            f"the {what} cannot score the golden rows",
            expected="the scores of the training side",
            got=error.message,
            remedy="train on the values that JSON requests carry, or convert inside the model",
        ) from error
    expected = np.asarray(wanted)
    worst = 0.0
    for scores in found:
        if scores.shape != expected.shape:
            raise ReleaseError(
                f"the {what} gives another number of scores than it has golden rows",
                expected=f"{expected.shape}",
                got=f"{scores.shape}",
            )
        gap = np.abs(scores - expected)
        worst = max(worst, float(np.max(gap, initial=0.0)))
        if not worst <= TOLERANCE:
            raise ReleaseError(
                f"the {what} gives other scores here than on the training side",
                expected=f"differences <= {TOLERANCE:g}",
                got=f"largest={worst:.3g}, rows={int((~(gap <= TOLERANCE)).sum())} of {len(gap)}",
                remedy="preprocessing is left outside the model, or library versions differ: "
                "compare with the release's environment lock",
            )
    return worst
