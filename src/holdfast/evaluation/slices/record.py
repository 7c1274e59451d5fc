"""What was found in the slices, as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Block, Document

#: slices that become findings; the table holds them all
TOLD = 5


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a slice: the column, and in words what holds of it."""

    column: str
    condition: str

    def __str__(self) -> str:
        return f"{self.column} {self.condition}"


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A group of rows with more loss than the others.

    Every number is of the half of the rows on which it was not found.

    Attributes:
        literals: one or two conditions that all hold.
        rows: rows of the slice in the held-out half.
        share: the same as a share of that half.
        inside, outside: mean loss of the slice's rows and of the others.
        excess: inside less outside, with its interval.
        p: chance of such an excess, or a larger one, in a group picked at random.
        adjusted: the same over all candidates (Benjamini and Hochberg).
        confirmed: whether `adjusted` is at or below the error asked for.
        found_z: standard errors that it stood out by in the half where it was found. Chosen as the
            largest of many, so it flatters; kept for the record.
    """

    literals: tuple[Literal, ...]
    rows: int
    share: float
    inside: float
    outside: float
    excess: Estimate
    p: float
    adjusted: float
    confirmed: bool
    found_z: float

    @property
    def words(self) -> str:
        """The conditions in words."""
        return " and ".join(str(literal) for literal in self.literals)


class Slices(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `slices_of`.

    Attributes:
        rows: all rows with a loss.
        loss_name: what was measured, for example ``error``.
        overall: mean loss of all rows with its interval.
        columns: columns that were sliced.
        skipped: column -> why it was not.
        tried: slices of one and two conditions that had support.
        support: fewest rows of a slice, over both halves.
        slices: every candidate, confirmed ones first, the most costly first.
        error: chance of any confirmed slice where there is none.
        why_not: why nothing could be told, when so.
    """

    rows: int
    loss_name: str
    overall: Estimate
    columns: tuple[str, ...] = ()
    skipped: dict[str, str] = {}
    tried: int = 0
    support: int = 0
    slices: tuple[Slice, ...] = ()
    error: float = 0.04
    why_not: str = ""

    @property
    def confirmed(self) -> tuple[Slice, ...]:
        """The slices that held on the rows they were not found on."""
        return tuple(s for s in self.slices if s.confirmed)

    @property
    def passed(self) -> bool | None:
        """False with a confirmed slice, None when nothing could be told, else True."""
        return None if self.why_not else not self.confirmed

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The five costliest confirmed slices, or that none could be told."""
        if self.why_not:
            return (
                Finding(
                    code="HF-E302",
                    severity=Severity.NOTE,
                    sentence=f"Slices could not be told: {self.why_not}.",
                    remedy="Evaluate more rows, or name columns that take a few values.",
                ),
            )
        return tuple(_finding(s, self.loss_name) for s in self.confirmed[:TOLD])

    def blocks(self) -> tuple[Block, ...]:
        """Heading, verdict, findings and table of the slices, for a larger report."""
        from holdfast.reports.document import Callout, Findings, Heading, Text, Tone

        if self.why_not:
            title, tone = f"Slices: could not tell. {self.why_not}.", Tone.NEUTRAL
        elif self.confirmed:
            count = len(self.confirmed)
            title = f"{count} slice{'s' if count > 1 else ''} with more {self.loss_name}."
            tone = Tone.BAD
        else:
            title, tone = "No slice was confirmed, as far as tested.", Tone.GOOD
        blocks: list[Block] = [
            Heading(text="Slices"),
            Callout(title=title, text=self._how(), tone=tone),
        ]
        if self.findings:
            blocks.append(Findings(findings=self.findings))
        if self.slices:
            blocks.append(self._table())
        if self.skipped:
            said = "; ".join(f"{name} ({why})" for name, why in self.skipped.items())
            blocks.append(Text(text=f"Not sliced: {said}."))
        return tuple(blocks)

    def _how(self) -> str:
        mean, low, high = self.overall.value, self.overall.low, self.overall.high
        said = f"{self.tried:,} slices of one or two conditions with at least {self.support:,} rows"
        if mean is None or low is None or high is None:
            return said + "."
        return (
            f"{said} were searched on one half of the rows and tested on the other, both ways. "
            f"The numbers of a slice are of rows it was not found on. Mean {self.loss_name} of all "
            f"{self.rows:,} rows: {mean:.4g} ({low:.4g} to {high:.4g})."
        )

    def _table(self) -> Block:
        from holdfast.reports.document import Column, Format, Table, Tone

        level = self.overall.level
        return Table(
            columns=(
                Column(name="slice"),
                Column(name="rows", format=Format.COUNT),
                Column(name="inside", format=Format.DECIMAL),
                Column(name="others", format=Format.DECIMAL),
                Column(name="excess", format=Format.DECIMAL),
                Column(name="low", format=Format.DECIMAL),
                Column(name="high", format=Format.DECIMAL),
                Column(name="p adjusted", format=Format.DECIMAL),
                Column(name="verdict"),
            ),
            rows=tuple(
                (
                    s.words, s.rows, s.inside, s.outside, s.excess.value, s.excess.low,
                    s.excess.high, s.adjusted, "confirmed" if s.confirmed else "not confirmed",
                )
                for s in self.slices
            ),
            tones=tuple(Tone.BAD if s.confirmed else Tone.NEUTRAL for s in self.slices),
            caption=f"Mean {self.loss_name} of held-out rows; low and high are {level:.0%} "
            "intervals of the excess.",
        )  # fmt: skip

    def document(self, name: str = "") -> Document:
        """The slices as a report; `name` says of what."""
        from holdfast.reports.document import Document

        return Document(
            title=f"Slices of {name}" if name else "Slices",
            summary=f"{self.rows:,} rows, {len(self.columns)} columns sliced.",
            blocks=self.blocks()[1:],  # the title is its heading
            passed=self.passed,
            data=self.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, with `passed` and the findings."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {
            "passed": self.passed,
            **plain,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_frame(self) -> pa.Table:
        """One row a candidate: slice, rows, inside, outside, excess, low, high, p, confirmed."""
        import pyarrow as pa

        names = ("rows", "share", "inside", "outside", "p", "adjusted", "confirmed")
        ends = ("value", "low", "high")
        return pa.table(
            {
                "slice": pa.array([s.words for s in self.slices], pa.string()),
                **{name: [getattr(s, name) for s in self.slices] for name in names},
                **{f"excess_{end}": [getattr(s.excess, end) for s in self.slices] for end in ends},
            }
        )


def _finding(s: Slice, loss: str) -> Finding:
    return Finding(
        code="HF-E301",
        severity=Severity.WARNING,
        sentence=f"Where {s.words}, the mean {loss} is {s.inside:.4g} against {s.outside:.4g} "
        f"elsewhere ({s.excess.value:+.4g}, {s.excess.low:+.4g} to {s.excess.high:+.4g}; "
        f"{s.rows:,} held-out rows).",
        columns=tuple(literal.column for literal in s.literals),
        evidence={
            "rows": s.rows,
            "share": s.share,
            "inside": s.inside,
            "outside": s.outside,
            "low": s.excess.low,
            "high": s.excess.high,
            "p": s.p,
            "p_adjusted": s.adjusted,
        },
        remedy="Look at these rows' labels and inputs first; then give the model more of them, an "
        "input that tells them apart, or hand them to a person.",
    )
