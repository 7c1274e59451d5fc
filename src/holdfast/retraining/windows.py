"""Which rows a model is trained on: windows tried on the rows that came last, and the best taken.

After a change of concept old rows teach the past; without one, leaving them out only loses rows.
Which it is, is measured: each window is trained without the newest rows and judged on those. Among
windows that these rows do not tell apart, the longest is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.losses import Floats
from holdfast.stats.sequential import best_mixture, sequence_radius

Ints = npt.NDArray[np.int64]

#: share of the rows that are held back to judge on, and the fewest and most of them
HELD, FEWEST, MOST = 0.25, 100, 5_000
#: windows of which the shortest is left out when there are more
WINDOWS = 4
#: rows whose losses are averaged at least before windows are compared, as neighbours depend on each
#: other; blocks are doubled while their means do so by this correlation, down to so many blocks
BLOCK, DEPENDENT, BLOCKS = 10, 0.2, 12


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of rows.

    Attributes:
        name: in words.
        since: event time from which rows are in it, microseconds since 1970 (UTC); None: all.
    """

    name: str
    since: int | None = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A window and what it was worth.

    Attributes:
        window: which.
        rows: rows it was trained on, without those held back.
        loss: mean loss on the rows held back.
        behind: how much higher that is than the best one's, at least; 0 for the best one, and at
            or below 0 where the two are not told apart.
    """

    window: Window
    rows: int
    loss: float
    behind: float


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The window chosen, and the evidence.

    Attributes:
        window: the one chosen.
        tried: every window, the longest first; empty where there was nothing to choose.
        held: rows held back to judge on.
        losses: of the chosen window on these rows, in order of time; empty where none was tried.
        sentences: all that in words.
    """

    window: Window
    tried: tuple[Tried, ...]
    held: int
    losses: tuple[float, ...]
    sentences: tuple[str, ...]


ALL = Window(name="all rows")


def candidates(at: Ints, changes: Sequence[int] = ()) -> tuple[Window, ...]:
    """The windows worth trying: all rows, the newer half, and those since each change.

    Args:
        at: event times, shape (n,), in order.
        changes: event times of estimated changes; those outside of the rows are left out.

    Example:
        >>> [(w.name, w.since) for w in candidates(np.arange(1000), [700, 2000])]
        [('all rows', None), ('the newer half', 500), ('rows since the change', 700)]
    """
    if not len(at):
        return (ALL,)
    found = [ALL, Window(name="the newer half", since=int(at[len(at) // 2]))]
    for change in sorted(set(changes)):
        inside = at[0] < change <= at[-1]
        if inside and change not in [w.since for w in found]:
            found.append(Window(name="rows since the change", since=int(change)))
    ordered = sorted(found, key=lambda w: -1 if w.since is None else w.since)
    return tuple(ordered[:WINDOWS])


def held_back(at: Ints, changes: Sequence[int] = ()) -> int:
    """How many of the newest rows are held back: a quarter, at most half of those since a change.

    0 where that leaves too few to judge on.

    Example:
        >>> held_back(np.arange(1000)), held_back(np.arange(1000), [700]), held_back(np.arange(99))
        (250, 150, 0)
    """
    wanted = int(HELD * len(at))
    inside = [change for change in changes if len(at) and at[0] < change <= at[-1]]
    if inside:
        wanted = min(wanted, int((at >= max(inside)).sum()) // 2)
    wanted = min(wanted, MOST)
    return wanted if wanted >= FEWEST else 0


def choose(at: Ints, changes: Sequence[int], judge: Callable[[Ints, Ints], Floats]) -> Choice:
    """Tries the windows and takes the best, or the longest of those not told apart from it.

    Args:
        at: event times, shape (n,), in order, microseconds since 1970 (UTC).
        changes: event times of estimated changes.
        judge: from the numbers of the rows to train on and of those to judge on to the losses of
            the latter; called once a window, at most `WINDOWS` times.

    Example:
        >>> truth = np.repeat([0.0, 1.0], [700, 300])
        >>> def judge(fit, held):
        ...     return (truth[held] - truth[fit].mean()) ** 2
        >>> found = choose(np.arange(1000), [700], judge)
        >>> found.window.name, found.held
        ('rows since the change', 150)
    """
    held = held_back(at, changes)
    windows = candidates(at, changes)
    if not held:
        told = f"{len(at):,} rows are too few to choose a window: all are taken"
        return Choice(window=ALL, tried=(), held=0, losses=(), sentences=(told,))
    newest = np.arange(len(at) - held, len(at))
    trained: list[tuple[Window, int, Floats]] = []
    for window in windows:
        fit = np.arange(len(at) - held)
        if window.since is not None:
            fit = fit[at[fit] >= window.since]
        if len(fit) >= FEWEST // 2:
            trained.append((window, len(fit), judge(fit, newest)))
    best = min(trained, key=lambda t: float(np.nanmean(t[2])))[2]
    tried = tuple(
        Tried(window=one, rows=n, loss=float(np.nanmean(loss)), behind=interval(loss - best)[0])
        for one, n, loss in trained
    )
    number = next(i for i, one in enumerate(tried) if one.behind <= 0)
    chosen = tried[number]
    words = [
        f"{one.window.name}: {one.rows:,} rows, loss {one.loss:.4f} on the {held:,} newest rows"
        for one in tried
    ]
    words.append(
        f"taken: {chosen.window.name}"
        + (", not told apart from the best" if chosen.loss > min(t.loss for t in tried) else "")
    )
    return Choice(
        window=chosen.window, tried=tried, held=held,
        losses=tuple(trained[number][2].tolist()), sentences=tuple(words),
    )  # fmt: skip


def interval(differences: Floats, level: float = 0.95) -> tuple[float, float]:
    """An interval for a mean of paired differences, over blocks of neighbours.

    Blocks are as long as neighbouring ones still depend on each other, as losses of rows of one
    day or week do; with fewer than twelve blocks the interval is what they give.

    Args:
        differences: shape (n,), in order of time; NaN are left out.
        level: coverage; it holds at any number of rows, so it is somewhat wide for one look.
    """
    known = differences[np.isfinite(differences)]
    blocks = known[: len(known) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    while len(blocks) >= 2 * BLOCKS and _dependence(blocks) > DEPENDENT:
        blocks = blocks[len(blocks) % 2 :].reshape(-1, 2).mean(axis=1)
    if len(blocks) < 2:
        return -np.inf, np.inf
    mean = float(blocks.mean())
    half = sequence_radius(
        len(blocks), float(blocks.std(ddof=1)), best_mixture(len(blocks), level), level
    )
    return mean - half, mean + half


def _dependence(blocks: Floats) -> float:
    """Correlation of neighbouring block means; 0 where they do not vary."""
    off = blocks - blocks.mean()
    spread = float((off**2).sum())
    return float((off[1:] * off[:-1]).sum()) / spread if spread > 0 else 0.0
