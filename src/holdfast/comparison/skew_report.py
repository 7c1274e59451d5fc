"""What a comparison of serving with training found, as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdfast.findings import Finding
from holdfast.frames.equality import Tolerance
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Block, Cell, Document


class FeatureSkew(msgspec.Struct, frozen=True, kw_only=True):
    """One feature, logged against training.

    Attributes:
        name: the column.
        kind: how it was compared: ``number``, ``time``, ``text`` or ``list``.
        types: stored types, logged and training.
        pairs: joined rows.
        mismatches: pairs that differ in any way.
        share: mismatches / pairs with its Wilson interval.
        different: pairs of two values that differ.
        null_logged: pairs with a value in training only.
        null_training: pairs with a value in the log only.
        same: True (as far as tested), False (differs beyond what is allowed), None (too few pairs).
        pattern: what the differing values have in common, or empty.
    """

    name: str
    kind: str
    types: tuple[str, str]
    pairs: int
    mismatches: int
    share: Estimate
    different: int
    null_logged: int
    null_training: int
    same: bool | None
    pattern: str = ""


class WorstRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row whose score depends on whether it comes alone: its number, id where shown, scores."""

    row: int
    single: float
    batch: float
    id: str | None = None


class ScoreSkew(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of single rows against those of the batch.

    Attributes:
        rows: rows looked at.
        compared: rows that the guard let through unchanged and both ways scored.
        share: rows that differ / compared, with its Wilson interval.
        different: how many differ.
        flips: rows whose decision differs.
        largest: largest difference of two scores; 0 without any row.
        worst: the rows with the largest differences, the worst first.
    """

    rows: int
    compared: int
    share: Estimate
    different: int
    flips: int
    largest: float
    worst: tuple[WorstRow, ...] = ()


class SkewReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `skew`, `replay` and `single_batch`.

    Attributes:
        passed: True as far as tested, False when something differs, None when it could not be told.
        mode: ``join``, ``replay`` or ``single_batch``.
        logged_rows, training_rows: sizes of the two tables.
        pairs: joined rows.
        without_partner: logged rows that the training side lacks.
        left_out: logged rows with an ambiguous key or none.
        duplicates: rows beyond the first of their key: logged, training.
        allowed: share of mismatches that is allowed.
        tolerance: when two numbers count as equal.
        features: every feature compared, the most different first.
        only_logged, only_training: columns that one side has alone.
        scores: scores of single rows against the batch, in that mode.
        findings: what a person should know, the most severe first.
    """

    passed: bool | None
    mode: str
    logged_rows: int
    training_rows: int
    pairs: int
    without_partner: int = 0
    left_out: int = 0
    duplicates: tuple[int, int] = (0, 0)
    allowed: float = 0.0
    tolerance: Tolerance = Tolerance()
    features: tuple[FeatureSkew, ...] = ()
    only_logged: tuple[str, ...] = ()
    only_training: tuple[str, ...] = ()
    scores: ScoreSkew | None = None
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        word = {True: "passed", False: "did not pass", None: "could not tell"}[self.passed]
        lines = [f"SkewReport: {word}, {self.pairs} pairs, {len(self.findings)} finding(s)"]
        lines += [f"  {f.severity.value}: {f.sentence} [{f.code}]" for f in self.findings]
        return "\n".join(lines)

    def to_frame(self) -> pa.Table:
        """One row a feature: counts, share with its interval, verdict, pattern.

        For single rows against the batch, one row for each of the worst rows.
        """
        import pyarrow as pa

        if self.scores is not None:
            worst = self.scores.worst
            return pa.table(
                {
                    "row": pa.array([w.row for w in worst], pa.int64()),
                    "id": pa.array([w.id for w in worst], pa.string()),
                    "single": pa.array([w.single for w in worst], pa.float64()),
                    "batch": pa.array([w.batch for w in worst], pa.float64()),
                }
            )
        names = ("name", "kind", "pairs", "mismatches", "different", "null_logged", "null_training")
        return pa.table(
            {
                **{n: [getattr(f, n) for f in self.features] for n in names},
                "share": [f.share.value for f in self.features],
                "low": [f.share.low for f in self.features],
                "high": [f.share.high for f in self.features],
                "same": pa.array([f.same for f in self.features], pa.bool_()),
                "pattern": [f.pattern for f in self.features],
            }
        )

    def document(self, name: str = "") -> Document:
        """The comparison as a report; `name` says of what."""
        from holdfast.reports.document import Callout, Document, Findings, KeyValues, Tone

        words = {
            True: ("Serving and training see the same values, as far as tested.", Tone.GOOD),
            False: ("Serving and training do not see the same values.", Tone.BAD),
            None: (
                "Could not tell whether serving and training see the same values.",
                Tone.NEUTRAL,
            ),
        }
        if self.mode == "single_batch":
            words = {
                True: ("A row is scored alone as in a batch, as far as tested.", Tone.GOOD),
                False: ("A row is not scored alone as in a batch.", Tone.BAD),
                None: ("Could not tell whether a row is scored alone as in a batch.", Tone.NEUTRAL),
            }
        sentence, tone = words[self.passed]
        silent = tuple(f.name for f in self.features if f.same and not f.mismatches)
        blocks: list[Block] = [
            Callout(title=sentence, tone=tone),
            Findings(findings=self.findings, passed=silent),
            self._table(),
            KeyValues(items=tuple(self._facts())),
        ]
        title = "Train/serve skew" if self.scores is None else "Single rows against the batch"
        return Document(
            title=f"{title} of {name}" if name else title,
            summary=self._summary(),
            blocks=tuple(blocks),
            passed=self.passed,
            data=self.to_dict(),
        )

    def _summary(self) -> str:
        if self.scores is not None:
            return (
                f"{self.scores.compared:,} rows scored alone and together; "
                f"{self.scores.different:,} differ, {self.scores.flips:,} decisions with them."
            )
        wrong = sum(f.same is False for f in self.features)
        how = {"join": "joined", "replay": "replayed"}[self.mode]
        return (
            f"{self.pairs:,} of {self.logged_rows:,} logged rows {how}, "
            f"{len(self.features)} features compared, {wrong} differ."
        )

    def _facts(self) -> list[tuple[str, Cell]]:
        near = self.tolerance
        facts: list[tuple[str, Cell]] = [
            (
                "equal means",
                f"|a - b| <= {near.absolute:g} + {near.relative:g} max(|a|, |b|), or the same "
                "32-bit number; integers exactly, times to the millisecond, texts by letter",
            )
        ]
        if self.scores is not None:
            return [*facts, ("largest difference", self.scores.largest)]
        return [
            *facts,
            ("allowed share of mismatches", f"{self.allowed:g}"),
            ("logged rows without partner", self.without_partner),
            ("logged rows with an ambiguous key or none", self.left_out),
            ("rows beyond the first of their key, logged", self.duplicates[0]),
            ("rows beyond the first of their key, training", self.duplicates[1]),
        ]

    def _table(self) -> Block:
        from holdfast.reports.document import Column, Format, Table, Tone

        if self.scores is not None:
            cells: list[tuple[Cell, ...]] = [
                (w.id if w.id is not None else f"row {w.row}", w.single, w.batch)
                for w in self.scores.worst
            ]
            return Table(
                columns=tuple(Column(name=n) for n in ("row", "alone", "in the batch")),
                rows=tuple(cells),
                caption="The rows with the largest differences.",
            )
        tones = {True: Tone.NEUTRAL, False: Tone.BAD, None: Tone.NEUTRAL}
        words = {True: "same", False: "differs", None: "too few pairs to tell"}
        heads = (
            ("feature", Format.PLAIN), ("mismatch", Format.SHARE), ("low", Format.SHARE),
            ("high", Format.SHARE), ("values differ", Format.COUNT), ("null in log", Format.COUNT),
            ("null in training", Format.COUNT), ("verdict", Format.PLAIN),
        )  # fmt: skip
        return Table(
            columns=tuple(Column(name=n, format=f) for n, f in heads),
            rows=tuple(
                (
                    f.name, f.share.value, f.share.low, f.share.high, f.different, f.null_logged,
                    f.null_training, words[f.same] + (f": {f.pattern}" if f.pattern else ""),
                )
                for f in self.features
            ),
            tones=tuple(tones[f.same] for f in self.features),
            caption=f"{self.pairs:,} joined rows; low and high are 95% Wilson intervals.",
        )  # fmt: skip
