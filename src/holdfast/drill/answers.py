"""What serving would answer, row by row, with and without a fault; and what the guard marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from holdfast.contracts.model import Violation
from holdfast.detection.base import Stream
from holdfast.detection.mark_streams import NEEDS, NEEDS_VALUE, stream_key
from holdfast.drill.faults.base import Injected
from holdfast.drill.feed import records
from holdfast.drill.outcome import Served
from holdfast.drill.scene import IntArray, Scene

#: rows after the onset that are asked
ASKED = 400


class Share(NamedTuple):
    """Of `rows` rows to which a question applies, `yes` are yes."""

    yes: int
    rows: int

    @property
    def value(self) -> float:
        """Yes / rows; 0 without rows."""
        return self.yes / self.rows if self.rows else 0.0


class Asked:
    """The answers to the first rows after the onset.

    Args:
        scorer: what answers rows, as a release gives it.
        injected: the rows.
        positions: which of them.
    """

    def __init__(self, scorer: Any, injected: Injected, positions: IntArray) -> None:
        self.positions = positions
        self.answers: Sequence[Any] = scorer.answer(records(injected, positions))
        self._marks: Counter[str] = Counter()
        for answer in self.answers:
            marks = {_key(v) for v in answer.violations}
            self._marks.update({*marks, f":{answer.verdict}"})

    def share(self, stream: Stream) -> Share:
        """How often the question of a stream is answered yes."""
        rows = len(self.answers)
        if stream.field:
            needs = NEEDS.get(stream.code, NEEDS_VALUE)
            rows -= sum(self._marks[f"{stream.field}:{code}"] for code in needs)
        return Share(min(self._marks[stream.key], max(rows, 0)), max(rows, 0))


def _key(violation: Violation) -> str:
    return stream_key(f"{violation.field}:{violation.code}")


def asked(scorer: Any, injected: Injected, scene: Scene) -> Asked:
    """Asks the first rows after the onset."""
    last = min(injected.table.num_rows, scene.onset + ASKED)
    return Asked(scorer, injected, np.arange(scene.onset, last))


def served(clean: Asked, faulty: Asked, injected: Injected) -> Served:
    """The answers to the affected rows, compared with those to the clean ones."""
    hit = np.flatnonzero(injected.affected[faulty.positions]).tolist()
    verdicts = Counter(str(faulty.answers[i].verdict) for i in hit)
    flipped = unseen = compared = 0
    if injected.aligned:
        for i in hit:
            before = getattr(clean.answers[i], "decision", None)
            after = getattr(faulty.answers[i], "decision", None)
            if before is not None and after is not None:
                compared += 1
                flipped += before != after
                unseen += before != after and str(faulty.answers[i].verdict) == "ok"
    return Served(
        rows=len(hit),
        verdicts=dict(verdicts),
        flipped=flipped / compared if compared else None,
        unseen=unseen / compared if compared else None,
    )
