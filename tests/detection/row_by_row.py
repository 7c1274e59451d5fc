"""The mark detector written again, one row at a time, as slow and plain as possible."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from holdfast.detection.base import Side, Stream
from holdfast.detection.cusum import SCALE, STAKES
from holdfast.detection.recovery import FALSE_END_ROWS, MIN_CLEAN, RELAPSE_ROWS, STRENGTH

END = math.ceil(math.log(FALSE_END_ROWS) * SCALE)


def floor_log(ratio: float) -> int:
    return math.floor(math.log(ratio) * SCALE)


@dataclass
class PlainStream:
    """One stream; `see(yes, number)` answers with ("crossed" | "recovered", onset) or None."""

    stream: Stream
    wealth: list[int] = field(default_factory=lambda: [0] * len(STAKES))
    began: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0)] * len(STAKES))
    rows: int = 0
    yes: int = 0
    fault: int | None = None
    peak: int = 0
    peak_counts: tuple[int, int] = (0, 0)
    onset: tuple[int, int, int] = (0, 0, 0)
    relief: int = 0
    strikes: int = 0
    recovered_at: int | None = None

    def __post_init__(self) -> None:
        up = self.stream.side is Side.UP
        self.edge = self.stream.edge if up else 1 - self.stream.edge
        self.normal = self.stream.share if up else 1 - self.stream.share
        self.qs = [self.edge + (1 - self.edge) * s for s in STAKES]
        self.threshold = math.ceil(self.stream.nats * SCALE)

    def see(self, yes: bool, number: int):
        if self.stream.side is Side.DOWN:
            yes = not yes
        answer = None
        for k, q in enumerate(self.qs):
            if self.fault is not None and k != self.fault:
                continue
            if self.fault is None and self.wealth[k] == 0:
                self.began[k] = (number, self.rows, self.yes)
            step = floor_log(q / self.edge) if yes else floor_log((1 - q) / (1 - self.edge))
            self.wealth[k] = max(self.wealth[k] + step, 0)
        self.rows += 1
        self.yes += yes
        if self.fault is not None:
            return self._over(yes)
        best = max(range(len(self.qs)), key=lambda k: self.wealth[k])
        if self.wealth[best] >= self.threshold:
            self.fault = best
            self.peak = self.wealth[best]
            self.peak_counts = (self.rows, self.yes)
            self.onset = self.began[best]
            self.relief = 0
            lapse = self.recovered_at is not None and self.rows - 1 - self._since() <= RELAPSE_ROWS
            answer = ("crossed", self.onset[0])
            self.strikes = min(self.strikes + 1, 5) if lapse else 0
        return answer

    def _since(self) -> int:
        return self.recovered_at or 0

    def _over(self, yes: bool):
        assert self.fault is not None
        if self.wealth[self.fault] > self.peak:
            self.peak = self.wealth[self.fault]
            self.peak_counts = (self.rows, self.yes)
            self.relief = 0
            return None
        rows, found = self.peak_counts
        strength = (found - self.onset[2]) / (rows - self.onset[1])
        still = min(self.edge + max(strength - self.edge, 0) * STRENGTH, 1 - 1e-4)
        back = (self.normal + self.edge) / 2
        down, up = floor_log(back / still), floor_log((1 - back) / (1 - still))
        if up > END // MIN_CLEAN:
            down, up = down * (END // MIN_CLEAN) // up, END // MIN_CLEAN
        step = min(down, -1) if yes else max(up, 1)
        self.relief = max(self.relief + step, 0)
        if self.relief >= END << self.strikes:
            self.fault = None
            self.wealth = [0] * len(self.qs)
            self.recovered_at = self.rows
            return ("recovered", self.onset[0])
        return None
