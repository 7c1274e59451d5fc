"""Logged predictions whose outcome is known: what champion and challenger are judged on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from holdfast.storage.training import outside

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from holdfast.releases import Release
    from holdfast.storage import Store
    from holdfast.storage.labels import DuplicatePolicy

_COLUMNS = ("id", "at", "received", "release", "score", "decision", "features")
#: rows scored at a time
BATCH_ROWS = 16_384
#: outcomes that must have come before the time they take is measured, and the share of them
DELAYS, SHARE = 200, 0.95


class Judged(NamedTuple):
    """Predictions of one model with their outcomes, in the order in which these came.

    Attributes:
        table: columns ``id, at, received, release, score, decision, features`` of the log; n rows.
        received: when each prediction was made, microseconds since 1970 (UTC), shape (n,).
        came: when its outcome came, same unit, shape (n,).
        bad: outcomes as 1.0 (the positive label) and 0.0, shape (n,).
    """

    table: pa.Table
    received: NDArray[np.int64]
    came: NDArray[np.int64]
    bad: NDArray[np.float64]

    def part(self, keep: NDArray[np.bool_]) -> Judged:
        """Only some of the rows."""
        import pyarrow as pa

        table = self.table.filter(pa.array(keep))
        return Judged(table, self.received[keep], self.came[keep], self.bad[keep])

    def since(self, at: int) -> Judged:
        """Only those from an event time on, microseconds since 1970 (UTC)."""
        import pyarrow as pa

        times: NDArray[np.int64] = self.table.column("at").cast(pa.int64()).to_numpy()
        return self.part(times >= at)

    @property
    def score(self) -> NDArray[np.float64]:
        """The score that was given, NaN where there was none; shape (n,)."""
        found: NDArray[np.float64] = self.table.column("score").to_numpy().astype(np.float64)
        return found

    def delay(self) -> int | None:
        """The time within which 95 of 100 outcomes came; None while fewer than 200 have."""
        if len(self.came) < DELAYS:
            return None
        return int(np.quantile(np.maximum(self.came - self.received, 0), SHARE))

    def matured(self, maturity: int, now: int) -> tuple[Judged, NDArray[np.int64]]:
        """The rows that have matured, in the order in which they did, and when each did.

        A row matures when its outcome has come and its prediction is as old as `maturity`: rows
        whose outcome comes sooner than others' (a fraud is soon reported) are not judged before
        the others.

        Args:
            maturity: microseconds, 0 or more.
            now: microseconds since 1970 (UTC).
        """
        import pyarrow as pa

        when = np.maximum(self.came, self.received + maturity)
        order = np.argsort(when, kind="stable")
        order = order[when[order] <= now]
        table = self.table.take(pa.array(order))
        found = Judged(table, self.received[order], self.came[order], self.bad[order])
        return found, when[order]


def judged(
    store: Store,
    model: str,
    since: int | None,
    *,
    positive: object,
    policy: DuplicatePolicy = "last",
) -> Judged:
    """Predictions from an event time on whose outcome has come and can be read.

    Rows under incidents that spoiled them are left out: what a broken pipeline wrote judges nobody.

    Args:
        store: whose logs are read.
        model: name of the model.
        since: begin of the window of event time, microseconds since 1970 (UTC); None: the first.
        positive: the label that is scored, as the release says; None: labels are 0 and 1.
        policy: which of several labels of one prediction counts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from holdfast.monitoring.outcomes import read_values

    joined = store.join_labels(model, since, None, policy, columns=_COLUMNS)
    joined = joined.filter(pc.is_valid(joined.column("label")))
    joined = joined.sort_by([("label_received", "ascending"), ("received", "ascending")])
    bad, _ = read_values(joined.column("label").to_pylist(), positive)

    def times(name: str) -> NDArray[np.int64]:
        found: NDArray[np.int64] = joined.column(name).cast(pa.int64()).to_numpy()
        return found

    sound = np.isfinite(bad) & outside(times("at"), store.training.standing(model))
    found = Judged(joined.select(list(_COLUMNS)), times("received"), times("label_received"), bad)
    return found.part(sound)


def trained_until(store: Store, model: str, release: str) -> int:
    """The event time up to which a release has seen rows; when it was added, where nobody told.

    Args:
        store: an open store.
        model: name of the model.
        release: full id of one of its releases.
    """
    pieces = store.training.pieces(model, release)
    if pieces:
        return max(piece.until or 0 for piece in pieces)
    rows = store.catalog.releases(model)
    return next((row.added_at for row in rows if row.id == release), 0)


def rescored(release: Release, table: pa.Table) -> NDArray[np.float64]:
    """What another release says of logged rows, NaN where it does not answer; shape (n,).

    Args:
        release: opened.
        table: with the column ``features``.
    """
    from holdfast.storage.schema import parse_features

    scorer, parts = release.scorer(), [np.empty(0)]
    texts = table.column("features").to_pylist()
    for start in range(0, len(texts), BATCH_ROWS):
        rows = [dict(parse_features(text) or {}) for text in texts[start : start + BATCH_ROWS]]
        score = scorer.answers(rows).column("score")
        parts.append(score.to_numpy(zero_copy_only=False).astype(np.float64))
    return np.concatenate(parts)
