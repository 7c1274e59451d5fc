"""Pictures of residuals: error by size of the prediction, and how the errors are spread."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from holdfast.reports.document import (
    Band,
    BarChart,
    Bars,
    Block,
    Format,
    Heading,
    LineChart,
    Series,
    Tone,
)

Floats = npt.NDArray[np.float64]

#: groups of rows in a picture, and rows that a group needs
_GROUPS, _LEAST = 20, 10


def pictures(truth: Floats, said: Floats, of: str) -> tuple[Block, ...]:
    """Truth against prediction in groups of equal number, and a histogram of the errors."""
    n = len(truth)
    groups = min(_GROUPS, n // _LEAST)
    if groups < 3:
        return ()
    order = np.argsort(said, kind="stable")
    cut = np.array_split(order, groups)
    middle, points, band = [], [], []
    for rows in cut:
        x = float(said[rows].mean())
        low, mid, high = np.quantile(truth[rows], [0.1, 0.5, 0.9])
        middle.append((x, x))
        points.append((x, float(mid)))
        band.append((x, float(low), float(high)))
    blocks: list[Block] = [Heading(text="Residuals")]
    if len({x for x, _ in middle}) > 2:
        blocks.append(
            LineChart(
                title="Truth by prediction: median, and the middle 80% of rows",
                series=(
                    Series(name="truth", points=tuple(points)),
                    Series(name="as predicted", points=tuple(middle), tone=Tone.GOOD),
                ),
                bands=(Band(points=tuple(band)),),
                x_label=f"prediction ({of})",
                x_format=Format.DECIMAL,
                y_format=Format.DECIMAL,
            )
        )
    error = said - truth
    low, high = np.quantile(error, [0.01, 0.99])
    if high > low:
        edges = np.linspace(low, high, 13)
        found = np.histogram(np.clip(error, low, high), bins=edges)[0] / n
        blocks.append(
            BarChart(
                title="Errors (prediction less truth); the ends hold what lies beyond them",
                categories=tuple(f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges)),
                series=(Bars(name="rows", values=tuple(float(v) for v in found)),),
                format=Format.SHARE,
            )
        )
    return tuple(blocks)
