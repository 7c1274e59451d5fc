"""What the rules of diagnosis may look at, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.frames import values as column
from holdfast.profiles.portrait import Portrait
from holdfast.records import Action


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One share that left its allowed interval.

    Attributes:
        field: the feature; empty for questions about the whole row (verdicts).
        code: what was asked: a rule's code, or the verdict.
        side: ``up`` or ``down``.
        yes, rows: of `rows` applicable rows since the onset, `yes` were yes.
        normal: share of yes in the reference.
        edge: end of the allowed interval on that side.
        onset_row: the model's row number at which it began (estimated).
        nats: log-evidence against "nothing is wrong".
    """

    field: str
    code: str
    side: str
    yes: int
    rows: int
    normal: float
    edge: float
    onset_row: int
    nats: float

    @property
    def share(self) -> float:
        """Share of yes since the onset."""
        return self.yes / self.rows if self.rows else 0.0


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """Where the affected rows come from.

    Attributes:
        dimension: for example ``source``.
        value: its value, or empty when no single value stands out.
        of_affected: share of the affected rows that carry this value.
        of_traffic: share of all rows that carry it.
        within: share of the value's own rows since the onset that are affected.
        rows: the value's own rows since the onset.
        values: how many values the dimension has.
    """

    dimension: str
    value: str
    of_affected: float
    of_traffic: float
    within: float
    rows: int
    values: int


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What the marked values of one feature look like, without the values themselves.

    Attributes:
        rows: marked rows looked at.
        distinct: different values among them.
        nothing: whether every one of them is a word or number for "nothing".
        texts: share of texts.
        number_texts: share of texts that would read as numbers.
        factor: the known factor by which all of them miss the contract's range, or None.
        example: one value as text, only where the contract says that the field is not personal.
    """

    rows: int
    distinct: int
    nothing: bool = False
    texts: float = 0.0
    number_texts: float = 0.0
    factor: float | None = None
    example: str = ""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of production, in the order in which they came.

    Attributes:
        columns: by feature, read as the reference's kind; all of length n.
        score: shape (n,), NaN where there is none; None without scores.
        label: shape (n,), 0, 1, or NaN where not known (yet); None without labels.
        origins: by dimension (source, region): codes of shape (n,), -1 for none, and their names.
        at: shape (n,), event times in microseconds since 1970 (UTC); None when unknown.
    """

    columns: Mapping[str, column.Values]
    score: NDArray[np.float64] | None = None
    label: NDArray[np.float64] | None = None
    origins: Mapping[str, tuple[NDArray[np.int64], list[str]]] = {}
    at: NDArray[np.int64] | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.columns.values()), ()))

    def first(self, rows: int) -> Sample:
        """The first so many rows."""
        return self.take(np.arange(min(rows, self.rows)))

    def take(self, at: NDArray[np.int64]) -> Sample:
        """Some of the rows, in that order."""
        return Sample(
            columns={name: values.take(at) for name, values in self.columns.items()},
            score=None if self.score is None else self.score[at],
            label=None if self.label is None else self.label[at],
            origins={name: (codes[at], names) for name, (codes, names) in self.origins.items()},
            at=None if self.at is None else self.at[at],
        )


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one incident.

    With `now` and `portrait` the rules look at the rows themselves; without, at marks alone.

    Attributes:
        moved: the streams that crossed, strongest evidence first.
        quiet: (field, code) of the streams of the same features that did not.
        spot: where the affected rows come from, or None when nothing is known.
        values: what marked values look like, by feature.
        answers: verdicts given to the affected rows.
        now: the newest rows (at most 4,096) since the estimated change point; some clean rows in
            front do no harm.
        before: rows before it, at most about 1,000; None when they are gone.
        portrait: what the reference looked like.
        shown: features whose values may appear in sentences.
    """

    moved: tuple[Movement, ...]
    quiet: tuple[tuple[str, str], ...] = ()
    spot: Spot | None = None
    values: dict[str, Values] = {}
    answers: dict[str, int] = {}
    now: Sample | None = None
    before: Sample | None = None
    portrait: Portrait | None = None
    shown: frozenset[str] = frozenset()

    def rising(self, *codes: str) -> list[Movement]:
        """Movements of these codes upwards, strongest first."""
        return [m for m in self.moved if m.code in codes and m.side == "up"]

    def reach(self, movement: Movement) -> float:
        """Share of rows hit where the fault is: within the one guilty source, if there is one."""
        spot = self.spot
        return max(movement.share, spot.within) if spot and spot.value else movement.share


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule concludes.

    Attributes:
        class_: ``pipeline``, ``covariate``, ``prior``, ``concept``, ``harmless``, ``model``,
            ``label`` or ``unknown``.
        kind: the cause, as listed in the catalogue of kinds, or ``unknown``.
        action: what to do.
        features: guilty features, the most guilty first.
        words: what happened to them, to be read after their names: "missing".
        confidence: between 0 and 1. From rows: of diagnoses with confidence c about a share c names
            the right kind (measured, see ``docs/causes``). From marks alone: a judgement.
        because: one sentence of the reasons.
    """

    class_: str
    kind: str
    action: Action
    features: tuple[str, ...]
    words: str
    confidence: float
    because: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """A cause with its sentence and what was ruled out.

    Attributes:
        cause: what the rules conclude.
        sentence: the same for people.
        ruled_out: alternatives and why they do not hold.
        facts: plain numbers behind it.
        since: start of the trouble in microseconds since 1970, where the rows tell it better than
            the change point did; None where they do not.
    """

    cause: Cause
    sentence: str
    ruled_out: tuple[str, ...]
    facts: dict[str, Any]
    since: int | None = None
