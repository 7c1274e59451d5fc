"""The drill itself: a clean stretch once, then every fault from the same state on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from holdfast.drill import answers, feed, judge, misses
from holdfast.drill.casting import make_scene
from holdfast.drill.faults import FAULTS
from holdfast.drill.faults.base import SEVERITIES, Fault, Injected, Skipped
from holdfast.drill.outcome import Control, NotApplied, Outcome
from holdfast.drill.report import DrillReport
from holdfast.drill.scene import Scene
from holdfast.drill.sensitivity import table_of
from holdfast.errors import UsageError
from holdfast.monitoring.monitor import Monitor, now_us
from holdfast.monitoring.reference import reference_of
from holdfast.records import Incident

#: rows of the table that are used, at most
ROWS = 4000
#: rows fed after an alarm, so that its diagnosis can settle
FOLLOW = 400


def drill(
    release: Any,
    frame: Any,
    *,
    faults: str | Fault | Iterable[str | Fault] | None = None,
    severities: Sequence[int] = SEVERITIES,
    target: str | None = None,
    seed: int = 0,
    budget: str = "1 false incident per month",
    rows: int = ROWS,
    rows_per_day: float | None = None,
    progress: Callable[[str], object] = lambda _: None,
    clock: Callable[[], int] = now_us,
) -> DrillReport:
    """Injects known faults into your own rows and reports what your monitoring makes of them.

    The rows go through the release's guard, model and monitor, as in production. A first part of
    them stays clean; then each fault begins, once for each severity, every time from the same
    state. The same rows without any fault are the control.

    Args:
        release: the release that serves the rows.
        frame: rows like those of production that the model was not trained on; anything that
            `holdfast.frames.read` takes. Its first `rows` rows are used, in their order.
        faults: names out of `holdfast.drill.FAULTS`, or faults of your own; None is all of them.
        severities: out of 1 (mild), 2 and 3 (gross).
        target: column with the outcome; the contract's target where the table has it.
        seed: of the columns and rows drawn.
        budget: the false-alarm promise of the monitor.
        rows: at least 200.
        rows_per_day: expected traffic, for a promise per time. Without it delays are told in time
            by the traffic that event times show, and the promise is that of `Monitor`.
        progress: told which fault is at work.
        clock: gives the current time in microseconds since 1970 (UTC).

    Raises:
        UsageError: unknown fault or severity, fewer than 200 rows asked for.
        DataError: the table has fewer than 200 rows, or not one input of the model.
    """
    chosen = _chosen(faults)
    levels = _levels(severities, rows)
    scene = make_scene(release, frame, target=target, rows=rows)
    traffic = rows_per_day or scene.rows_per_day
    now = clock()
    base = Monitor(release, budget=budget, rows_per_day=rows_per_day, clock=lambda: now)
    progress("clean rows")
    clean = _clean(scene)
    _fed(base, clean, 0, scene.onset, None)
    twin = base.fork()
    _fed(twin, clean, scene.onset, len(scene), None)
    control = {i.id: i for i in twin.incidents}
    runner = _Runner(scene, base, control, release.scorer(), clean)
    outcomes: list[Outcome] = []
    skipped: list[NotApplied] = []
    for fault in chosen:
        for severity in levels:
            progress(f"{fault.name}, severity {severity}")
            injected = inject(fault, scene, severity, seed)
            if isinstance(injected, Skipped):
                why = NotApplied(fault=fault.name, severity=severity, why=injected.why)
                skipped.append(why)
            else:
                outcomes.append(runner.run(fault, severity, injected))
    reference = reference_of(release)
    return DrillReport(
        model=str(getattr(release, "name", "") or ""),
        release=release.id,
        rows=len(scene),
        onset=scene.onset,
        target=scene.target,
        seed=seed,
        promise=base.promise,
        rows_per_day=traffic,
        reference_rows=reference.rows,
        watched=sum(not s.muted for s in base.streams),
        muted=tuple(f"{s.key}: {s.muted}" for s in base.streams if s.muted),
        control=Control(rows=len(scene), incidents=tuple(i.sentence for i in control.values())),
        outcomes=tuple(outcomes),
        skipped=tuple(skipped),
        power=tuple(
            table_of(
                base.streams,
                max(reference.rows, 1),
                numbers=misses.watches_values(base.streams, scene.numbers),
                categories=misses.watches_values(base.streams, scene.categories),
                rows_per_day=traffic,
            )
        ),
    )


def inject(fault: Fault, scene: Scene, severity: int, seed: int) -> Injected | Skipped:
    """A fault in the rows; the columns and rows drawn depend on its name and the seed alone."""
    rng = np.random.default_rng([seed, zlib.crc32(fault.name.encode())])
    return fault.inject(scene, rng, severity)


class _Runner:
    """Runs one fault after the other, each from the same state."""

    def __init__(
        self,
        scene: Scene,
        base: Monitor,
        control: dict[str, Incident],
        scorer: Any,
        clean: Injected,
    ) -> None:
        self._scene = scene
        self._base = base
        self._control = control
        self._scorer = scorer
        self._clean = answers.asked(scorer, clean, scene)

    def run(self, fault: Fault, severity: int, injected: Injected) -> Outcome:
        """Feeds the rows from the onset on and says what came of it."""
        scene, onset = self._scene, self._scene.onset
        watcher = judge.Watcher(self._control, onset)
        _fed(self._base.fork(), injected, onset, injected.table.num_rows, watcher)
        found = judge.verdict(fault, injected, watcher.alarms, onset)
        asked = answers.asked(self._scorer, injected, scene)
        missed = None
        if fault.expect and not found["caught"]:
            missed = misses.explain(fault, scene, injected, self._base.streams, self._clean, asked)
        return Outcome(
            fault=fault.name,
            severity=severity,
            kind=fault.kind,
            class_=fault.class_,
            columns=injected.columns,
            note=injected.note,
            expect=fault.expect,
            rows=injected.table.num_rows - onset,
            affected=float(injected.affected[onset:].mean()),
            served=None if fault.labels else answers.served(self._clean, asked, injected),
            missed=missed,
            **found,
        )


def _fed(
    monitor: Monitor, injected: Injected, low: int, high: int, watcher: judge.Watcher | None
) -> None:
    """Feeds rows step by step; with a watcher, stops some rows after its first alarm."""
    start, stop = low, high
    while low < stop:
        end = min(low + (feed.STEP if watcher is None else feed.step(low - start)), stop)
        changed = feed.observe(monitor, injected, low, end)
        if watcher is not None:
            watcher.take(changed, end)
            if stop == high and watcher.alarms:
                stop = min(high, end + FOLLOW)
        low = end


def _clean(scene: Scene) -> Injected:
    """The rows as they are."""
    return Injected(scene.table, (), "", 0.0, np.zeros(len(scene), np.bool_))


def _chosen(faults: str | Fault | Iterable[str | Fault] | None) -> list[Fault]:
    if faults is None:
        return list(FAULTS.values())
    wanted = [faults] if isinstance(faults, str | Fault) else list(faults)
    unknown = [f for f in wanted if not isinstance(f, Fault) and f not in FAULTS]
    if unknown or not wanted:
        raise UsageError(
            "there is no such fault" if unknown else "no fault is named",
            expected=f"names out of {', '.join(FAULTS)}",
            got=f"faults={', '.join(map(repr, unknown)) or 'none'}",
        )
    return [f if isinstance(f, Fault) else FAULTS[f] for f in wanted]


def _levels(severities: Sequence[int], rows: int) -> list[int]:
    levels = sorted(set(severities))
    if not levels or not set(levels) <= set(SEVERITIES):
        raise UsageError(
            "there is no such severity",
            expected="some of 1 (mild), 2 and 3 (gross)",
            got=f"severities={list(severities)}",
        )
    if rows < 200:
        raise UsageError("a drill needs rows", expected="rows of 200 or more", got=f"rows={rows}")
    return levels
