"""Rows that come too often or not at all."""

from __future__ import annotations

import numpy as np

from holdfast.drill.faults.base import Fault, Injected, Skipped, taken
from holdfast.drill.scene import Scene

REPEATED = (0.1, 0.3, 0.7)
FANNED = (0.05, 0.2, 0.6)
#: a repeated row came at most so many rows ago
LAG = 150
#: share of the lost category, from and to
LOST = ((0.05, 0.1), (0.1, 0.25), (0.25, 0.7))


def duplicate_rows(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Rows are sent again some time later, in place of new ones."""
    share = REPEATED[severity - 1]
    indices = np.arange(len(scene))
    lag = rng.integers(2, LAG, len(scene))
    for i in np.flatnonzero(scene.rows(rng, share)).tolist():
        if i >= lag[i]:
            indices[i] = indices[i - lag[i]]
    return taken(scene, indices, (), f"{share:.0%} of the rows are repeats", share)


def join_fanout(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A join multiplies rows: several copies in a row."""
    share = FANNED[severity - 1]
    copies = np.where(scene.rows(rng, share), rng.integers(2, 5, len(scene)), 1)
    indices = np.repeat(np.arange(len(scene)), copies)[: len(scene)]
    return taken(scene, indices, (), f"{share:.0%} of the rows come 2 to 4 times", share)


def lost_segment(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A filter upstream drops all rows of one category."""
    low, high = LOST[severity - 1]
    fitting = {
        n: [s for s, share in scene.spellings(n) if low <= share <= high] for n in scene.categories
    }
    picked = scene.pick([n for n, found in fitting.items() if found], rng)
    if not picked:
        return Skipped(f"no category holds between {low:.0%} and {high:.0%} of the rows")
    [name] = picked
    lost = fitting[name][int(rng.integers(len(fitting[name])))]
    share = dict(scene.spellings(name))[lost]
    kept = np.flatnonzero(~(scene.holds(name, [lost]) & scene.after))
    return taken(scene, kept, (name,), f"a category of {share:.0%} of the rows is lost", share)


FAULTS = (
    Fault(
        name="duplicate_rows", kind="duplicates", joint=True, inject=duplicate_rows,
        says="rows are sent again some time later",
        visible="counting repeats, by the id column where the rows have one",
    ),
    Fault(
        name="join_fanout", kind="fanout", joint=True, inject=join_fanout,
        says="a join multiplies rows",
        visible="counting repeats, by the id column where the rows have one",
    ),
    Fault(
        name="lost_segment", kind="lost_segment", inject=lost_segment,
        says="a filter upstream drops all rows of one category",
        visible="watching the shares of the categories and the volume",
    ),
)  # fmt: skip
