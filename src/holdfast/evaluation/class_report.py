"""What a report shows of several classes: each class, and which are taken for which."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.classes import Classes
from holdfast.records import Estimate
from holdfast.reports.document import BarChart, Bars, Block, Column, Format, Heading, Table
from holdfast.stats.intervals import wilson

#: pairs and bars shown
_PAIRS, _BARS = 15, 20


def confused(named: Classes, most: int = _PAIRS) -> list[tuple[int, int, int]]:
    """The pairs (truth, decision, rows) that are confused most often, the most frequent first."""
    wrong = named.truth != named.decided
    key, rows = np.unique(
        named.truth[wrong].astype(np.int64) * named.count + named.decided[wrong],
        return_counts=True,
    )
    best = np.argsort(-rows, kind="stable")[:most]
    return [(int(key[i] // named.count), int(key[i] % named.count), int(rows[i])) for i in best]


def pictures(
    named: Classes, parts: dict[str, dict[str, Estimate]], level: float
) -> tuple[Block, ...]:
    """Bars of F1, a table of the classes, a table of confused pairs."""
    some = list(parts.items())[:_BARS]
    blocks: list[Block] = [Heading(text="Classes")]
    if some:
        blocks.append(
            BarChart(
                title="F1 by class, those with the most rows first",
                categories=tuple(name for name, _ in some),
                series=(Bars(name="F1", values=tuple(p["f1"].value for _, p in some)),),
                format=Format.SHARE,
            )
        )
    shown = ("precision", "recall", "f1")
    blocks.append(
        Table(
            columns=(
                Column(name="class"),
                Column(name="rows", format=Format.COUNT),
                *(Column(name=n, format=Format.SHARE) for n in (*shown, "f1 low", "f1 high")),
            ),
            rows=tuple(
                (
                    name,
                    part["recall"].n,
                    *(part[n].value for n in shown),
                    part["f1"].low,
                    part["f1"].high,
                )
                for name, part in parts.items()
            ),
            caption=f"The {len(parts)} most frequent of {named.count} classes; "
            f"low and high are {level:.0%} intervals.",
        )
    )
    pairs = confused(named)
    if pairs:
        blocks += [Heading(text="Taken for one another"), _pairs(named, pairs, level)]
    return tuple(blocks)


def _pairs(named: Classes, pairs: list[tuple[int, int, int]], level: float) -> Table:
    rows = []
    for truth, decided, count in pairs:
        e = wilson(count, int(named.rows[truth]), level)
        rows.append((named.name(truth), named.name(decided), count, e.value, e.low, e.high))
    return Table(
        columns=(
            Column(name="truth"),
            Column(name="decision"),
            Column(name="rows", format=Format.COUNT),
            Column(name="share of that truth", format=Format.SHARE),
            Column(name="low", format=Format.SHARE),
            Column(name="high", format=Format.SHARE),
        ),
        rows=tuple(rows),
        caption="The most frequent confusions.",
    )
