"""What a comparison found, as records: differences, columns, consequences, the verdict."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

from holdfast.comparison.causes import Cause
from holdfast.findings import Finding
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document


class Status(enum.StrEnum):
    """What became of one column."""

    CHANGED = "changed"
    NEGLIGIBLE = "negligible"
    SAME = "no change found"
    UNCLEAR = "could not tell"
    APPEARED = "appeared"
    VANISHED = "vanished"
    SKIPPED = "not compared"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a column may differ: how large and how sure, together.

    Attributes:
        what: ``missing``, ``type``, ``unseen``, ``below``, ``above``, ``infinite``, ``sentinel``,
            ``shift``, ``spread``, ``shape``, ``mix``, ``category``, ``length`` or ``direction``.
        effect: how large, with its 95 % interval; unit ``share`` (current less reference) or
            ``sd`` (of a score of the column in the reference).
        floor: effects below it are too small to matter, same unit.
        p: chance of such a difference between two samples of one source.
        adjusted: the same over all tests of the report (Holm); significant at the report's
            `error`.
        significant: whether it is.
        matters: significant and the effect reaches the floor.
    """

    what: str
    effect: Estimate
    floor: float
    p: float
    adjusted: float = 1.0
    significant: bool = False
    matters: bool = False

    @property
    def size(self) -> float:
        """The effect in floors; 0 where there is none."""
        return abs(self.effect.value or 0.0) / self.floor


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of rows side by side: a small multiple of one column."""

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


class Share(msgspec.Struct, frozen=True, array_like=True):
    """A share before and now; None where there are no rows."""

    reference: float | None
    current: float | None


#: differences that speak for themselves, the plainest first
_FAULTS = ("type", "missing", "sentinel", "unseen", "infinite")


class ColumnComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One column, reference against current.

    Attributes:
        name: the column.
        kind: number, boolean, time, category, text or embedding.
        status: what became of it.
        why: why it was not compared or could not be told, else empty.
        differences: every test made, the weightiest first.
        resolution: smallest shift, in standard deviations, that would have been found with 90 %
            probability; None where values were not compared.
        missing: share of rows without a value.
        unseen: share of the values that the reference does not hold (numbers: between or beyond
            known values of a discrete column).
        outside: share of the numbers outside the reference's range.
        moved: share of the values that would have to move to make the two alike, less what
            chance alone gives.
        bars: shares over a few groups of values.
        importance: weight of the column, 0 to 1, and `importance_from` says whence.
        score_effect: what the change of this column alone does to the mean score, taking the
            reference's score at each value.
        cost_effect: the same for the expected cost a row.
        matters: whether the model feels it: True, False, or None where that could not be told.
        cause: what probably happened, for a changed column.
    """

    name: str
    kind: str
    status: Status
    why: str = ""
    differences: tuple[Difference, ...] = ()
    resolution: float | None = None
    missing: Share = Share(None, None)
    unseen: Share = Share(None, None)
    outside: Share = Share(None, None)
    moved: float | None = None
    bars: Bars | None = None
    importance: float | None = None
    importance_from: str = ""
    score_effect: float | None = None
    cost_effect: float | None = None
    matters: bool | None = None
    cause: Cause | None = None

    @property
    def main(self) -> Difference | None:
        """The difference to show first: of those that matter a fault, else the largest movement.

        Without any that matters, the surest.
        """
        telling = [d for d in self.differences if d.matters]
        for what in _FAULTS:
            for found in telling:
                if found.what == what:
                    return found
        moved = [d for d in telling if d.effect.unit == "sd"]
        if not telling:
            return min(self.differences, key=lambda d: d.p, default=None)
        if not moved:
            return max(telling, key=lambda d: d.size)
        largest = max(moved, key=lambda d: d.size)
        plain = [d for d in moved if d.what == "shift" and d.size >= 0.5 * largest.size]
        return plain[0] if plain else largest


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """What the change does, once over all columns.

    Attributes:
        what: ``score``, ``decisions``, ``money`` or ``outcome``.
        reference, current: mean score, share decided positive, expected cost a row, share of the
            positive outcome.
        change: current less reference with its 95 % interval.
        moved: True when it moved beyond chance and by more than matters, False when an effect
            that matters is excluded, None when it could not be told.
        note: what the number rests on.
    """

    what: str
    reference: float
    current: float
    change: Estimate
    moved: bool | None
    note: str = ""


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """Two columns that no longer move together as they did, though each looks as before."""

    columns: tuple[str, str]
    reference: float
    current: float
    adjusted: float


class Comparison(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `holdfast.compare`.

    Attributes:
        passed: True when nothing that matters changed as far as could be told, False when
            something did, None when it could not be told.
        verdict: the answer in one or two sentences.
        reference_rows, current_rows: sizes.
        columns: every column, the most changed first.
        consequences: score, decisions, money and outcome, where they could be computed.
        partings: pairs of columns that no longer move together.
        findings: what a person should know, the most severe first.
        resolution: smallest shift of a full column, in standard deviations, that would have been
            found with 90 % probability.
        error: chance that two samples of one source give any change at all.
        floor: effects below so many standard deviations are called negligible.
        untold: what could not be told, and why.
    """

    passed: bool | None
    verdict: str
    reference_rows: int
    current_rows: int
    columns: tuple[ColumnComparison, ...] = ()
    consequences: tuple[Consequence, ...] = ()
    partings: tuple[Parting, ...] = ()
    findings: tuple[Finding, ...] = ()
    resolution: float | None = None
    error: float = 0.01
    floor: float = 0.07
    untold: tuple[str, ...] = ()

    def __repr__(self) -> str:
        word = {True: "passed", False: "did not pass", None: "could not tell"}[self.passed]
        lines = [f"Comparison: {word}. {self.verdict}"]
        lines += [f"  {f.severity.value}: {f.sentence} [{f.code}]" for f in self.findings]
        return "\n".join(lines)

    def column(self, name: str) -> ColumnComparison:
        """The comparison of one column.

        Raises:
            KeyError: there is no such column.
        """
        for found in self.columns:
            if found.name == name:
                return found
        raise KeyError(name)

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the columns that changed, appeared or vanished, the most changed first."""
        told = {Status.CHANGED, Status.APPEARED, Status.VANISHED}
        return tuple(c.name for c in self.columns if c.status in told)

    def to_frame(self) -> pa.Table:
        """One row a column: status, main difference with interval and p, shares, cause."""
        from holdfast.comparison.report import frame

        return frame(self)

    def document(self, name: str = "") -> Document:
        """The comparison as a report; `name` says of what."""
        from holdfast.comparison.report import document

        return document(self, name)
