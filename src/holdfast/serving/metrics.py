"""Counters of the service in the Prometheus text format, summed over the workers.

Every label comes from a closed set: route names, status classes, verdicts, names of registered
models. Each worker writes its numbers to a file of its own now and then; whichever worker is
asked adds them up. A worker that is restarted goes on from its file, so counters do not fall.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import msgspec

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Numbers(msgspec.Struct):
    """The numbers of one worker.

    Attributes:
        requests: "route status" -> requests answered, status as ``2xx``.
        rows: "model verdict" -> rows answered.
        seconds: histogram of request durations, one count per bucket and one beyond.
        seconds_sum: their sum.
        batches, batch_rows: group commits and the rows in them.
        refused: rows or requests refused because queues were full.
        scoring_errors: rows that the model could not score.
        unwritten: rows answered under ``--ack fast`` whose write failed afterwards.
    """

    requests: dict[str, int] = msgspec.field(default_factory=dict)
    rows: dict[str, int] = msgspec.field(default_factory=dict)
    seconds: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds_sum: float = 0.0
    batches: int = 0
    batch_rows: int = 0
    refused: int = 0
    scoring_errors: int = 0
    unwritten: int = 0

    def add(self, other: Numbers) -> None:
        """Add the numbers of another worker."""
        for mine, theirs in ((self.requests, other.requests), (self.rows, other.rows)):
            for key, value in theirs.items():
                mine[key] = mine.get(key, 0) + value
        self.seconds = [a + b for a, b in zip(self.seconds, other.seconds, strict=True)]
        self.seconds_sum += other.seconds_sum
        self.batches += other.batches
        self.batch_rows += other.batch_rows
        self.refused += other.refused
        self.scoring_errors += other.scoring_errors
        self.unwritten += other.unwritten


class Metrics:
    """Counts for one worker, and the sum over all of them.

    Args:
        folder: where workers leave their numbers; None for a worker alone.
        worker: number of this worker.

    Example:
        >>> metrics = Metrics()
        >>> metrics.request("predict", 200, 0.004)
        >>> 'holdfast_requests_total{route="predict",status="2xx"} 1' in metrics.render()
        True
    """

    def __init__(self, folder: Path | None = None, worker: int = 0) -> None:
        self._folder = folder
        self._file = None if folder is None else folder / f"worker-{worker}.json"
        self.now = self._read(self._file) or Numbers()

    @staticmethod
    def _read(path: Path | None) -> Numbers | None:
        if path is None:
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=Numbers)
        except (OSError, msgspec.MsgspecError):
            return None

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one request answered."""
        numbers = self.now
        key = f"{route} {status // 100}xx"
        numbers.requests[key] = numbers.requests.get(key, 0) + 1
        numbers.seconds[bisect_left(BUCKETS, seconds)] += 1
        numbers.seconds_sum += seconds

    def answered(self, model: str, verdicts: Sequence[str]) -> None:
        """Count rows answered, by verdict."""
        rows = self.now.rows
        for verdict in set(verdicts):
            key = f"{model} {verdict}"
            rows[key] = rows.get(key, 0) + verdicts.count(verdict)

    def save(self) -> None:
        """Leave this worker's numbers for the others; a failure to write is not worth a crash."""
        if self._file is None:
            return
        temporary = self._file.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            temporary.write_bytes(msgspec.json.encode(self.now))
            temporary.replace(self._file)

    def total(self) -> Numbers:
        """The numbers of all workers together."""
        total = Numbers()
        total.add(self.now)
        if self._folder is not None:
            for path in sorted(self._folder.glob("worker-*.json")):
                other = None if path == self._file else self._read(path)
                if other is not None:
                    total.add(other)
        return total

    def render(self, gauges: dict[str, float] | None = None) -> str:
        """The numbers as Prometheus text."""
        total = self.total()
        lines = _counter("holdfast_requests_total", "Requests answered.")
        for key, value in sorted(total.requests.items()):
            route, status = key.rsplit(" ", 1)
            labels = f'{{route="{_escaped(route)}",status="{status}"}}'
            lines.append(f"holdfast_requests_total{labels} {value}")
        lines += _counter("holdfast_rows_total", "Rows answered, by verdict.")
        for key, value in sorted(total.rows.items()):
            model, verdict = key.rsplit(" ", 1)
            labels = f'{{model="{_escaped(model)}",verdict="{verdict}"}}'
            lines.append(f"holdfast_rows_total{labels} {value}")
        lines += [
            "# HELP holdfast_request_seconds Time from headers to answer.",
            "# TYPE holdfast_request_seconds histogram",
        ]
        running = 0
        for bound, count in zip((*BUCKETS, None), total.seconds, strict=True):
            running += count
            le = "+Inf" if bound is None else f"{bound:g}"
            lines.append(f'holdfast_request_seconds_bucket{{le="{le}"}} {running}')
        lines += [
            f"holdfast_request_seconds_sum {total.seconds_sum:.6f}",
            f"holdfast_request_seconds_count {running}",
        ]
        for name, text, value in (
            ("commits_total", "Durable writes of the prediction log.", total.batches),
            ("commit_rows_total", "Rows in those writes.", total.batch_rows),
            ("refused_total", "Requests refused because queues were full.", total.refused),
            ("scoring_errors_total", "Rows the model could not score.", total.scoring_errors),
            ("unwritten_total", "Rows answered (ack fast) but not written.", total.unwritten),
        ):
            lines += _counter(f"holdfast_{name}", text)
            lines.append(f"holdfast_{name} {value}")
        for name, number in (gauges or {}).items():
            lines += [f"# TYPE holdfast_{name} gauge", f"holdfast_{name} {number:g}"]
        return "\n".join(lines) + "\n"


def _counter(name: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} counter"]


def _escaped(value: str) -> str:
    r"""A label value, with backslash, quote and control characters escaped.

    >>> _escaped('a"b\n')
    'a\\"b\\n'
    """
    value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(char if char.isprintable() else "?" for char in value)
