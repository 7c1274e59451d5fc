"""Pictures of a ranking evaluation: who is served well, and where the places go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from holdfast.reports.document import BarChart, Bars, Block, Format, Heading, LineChart, Series

if TYPE_CHECKING:
    from holdfast.evaluation.ranking import Ranked

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def pictures(data: Ranked, shown: Ints, scores: Floats, k: int) -> tuple[Block, ...]:
    """Histogram of the users' NDCG, NDCG by length of history, and the Lorenz curve of places."""
    n = len(scores)
    edges = np.linspace(0, 1, 11)
    spread = np.histogram(scores[:, 0], bins=edges)[0] / n
    zero = float((scores[:, 0] == 0).mean())
    blocks: list[Block] = [
        Heading(text="Users"),
        BarChart(
            title=f"Users by their NDCG@{k}; {zero:.1%} have 0",
            categories=tuple(f"{a:.1f} to {b:.1f}" for a, b in pairwise(edges)),
            series=(Bars(name="users", values=tuple(float(v) for v in spread)),),
            format=Format.SHARE,
        ),
    ]
    history = _by_history(data, scores[:, 0], k)
    if history is not None:
        blocks.append(history)
    exposure = np.sort(np.bincount(shown[shown >= 0], minlength=data.items))[::-1]
    exposure = exposure[exposure > 0]
    total = exposure.sum()
    if total:
        reached = np.cumsum(exposure) / total
        some = np.unique(np.geomspace(1, len(exposure), 30).astype(int))
        blocks += [
            Heading(text="Catalogue"),
            LineChart(
                title="Share of places that the most listed items take; "
                f"{len(exposure):,} of {data.catalogue:,} items are listed at all",
                series=(
                    Series(
                        name="places",
                        points=tuple((float(i), float(reached[i - 1])) for i in some),
                    ),
                ),
                x_label="items",
                y_format=Format.SHARE,
                low=0.0,
                high=1.0,
            ),
        ]
    return tuple(blocks)


def _by_history(data: Ranked, ndcg: Floats, k: int) -> Block | None:
    if data.train_user is None:
        return None
    row = data.row_of[data.train_user]
    rows = np.bincount(row[row >= 0], minlength=data.rows)
    names, values = [], []
    for low, high in ((0, 0), (1, 9), (10, 49), (50, 199), (200, None)):
        inside = (rows >= low) & (rows <= high if high is not None else True)
        if inside.sum() >= 10:
            span = "none" if high == 0 else f"{low}+" if high is None else f"{low} to {high}"
            names.append(f"{span} ({int(inside.sum()):,} users)")
            values.append(float(ndcg[inside].mean()))
    if len(names) < 2:
        return None
    return BarChart(
        title=f"Mean NDCG@{k} by training interactions of the user",
        categories=tuple(names),
        series=(Bars(name="NDCG", values=tuple(values)),),
        format=Format.DECIMAL,
    )
