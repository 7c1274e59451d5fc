"""One source watched: its clock, the open slot, seven bets, and the faults going on.

Everything that decides is a function of the rows and of the clock's path alone: sums are integers,
a silence crosses at a time that is computed, not at the moment somebody looks. So neither the
cutting into batches nor extra ticks change an event.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from holdfast.detection.base import EventKind, IntArray
from holdfast.detection.cusum import SCALE
from holdfast.detection.season import DAY
from holdfast.detection.volume_bets import ABOVE, BELOW, LEAST, silence, silence_ends, step
from holdfast.detection.volume_counts import BASE
from holdfast.detection.volume_faults import (
    MAX_STRIKES,
    PARTS,
    RELAPSE,
    STRENGTH,
    TRICKLE,
    Change,
    Excursion,
    Fault,
    VolumeKind,
    change_of,
    relieve,
)
from holdfast.detection.volume_rates import Rates, Traffic

#: silences are followed slot by slot for so long
FOLLOWED = 400 * DAY


class Watch(msgspec.Struct):
    """State of one source.

    Attributes:
        traffic: what is normal.
        threshold: of each bet, in units of 2^-20 nat.
        clock: up to when everything is known, microseconds.
        pulse, rows, began: the open stretch of five minutes, its rows so far, and from when in it
            we watch.
        last: time of the last row (or the start).
        quiet: evidence of the silence up to the open stretch.
        seen, due: rows so far, and rows expected (in parts of `PARTS`) up to the open stretch.
        last_seen, last_due: the same at the last row.
        slot_began, slot_seen, slot_due: the same at the start of the open slot.
    """

    traffic: Traffic
    threshold: int
    clock: int
    pulse: int
    began: int
    last: int
    slot_began: int
    rows: int = 0
    quiet: int = 0
    seen: int = 0
    due: int = 0
    last_seen: int = 0
    last_due: int = 0
    slot_seen: int = 0
    slot_due: int = 0
    low: list[Excursion] = []
    high: list[Excursion] = []
    faults: dict[str, Fault] = {}
    lapses: dict[str, tuple[int, int]] = {}


def begin(traffic: Traffic, threshold: int, at: int) -> Watch:
    """A fresh watch from time `at` on; `threshold` of each of its bets, in units of 2^-20 nat."""
    return Watch(
        traffic=traffic,
        threshold=threshold,
        clock=at,
        pulse=at // BASE,
        began=at,
        last=at,
        slot_began=at,
        low=[Excursion(at=at) for _ in BELOW],
        high=[Excursion(at=at) for _ in ABOVE],
    )


def advance(w: Watch, now: int, out: list[Change]) -> None:
    """Moves the clock to `now`, in which no row came: silences cross, slots close."""
    if now - w.clock > FOLLOWED:
        _skip(w, (now - FOLLOWED) // BASE)
    while True:
        end = (w.pulse + 1) * BASE
        _listen(w, min(now, end), out)
        if now < end:
            break
        if not _coast(w, now):
            _close(w, end, out)
    w.clock = max(w.clock, now)


def take(w: Watch, times: IntArray, out: list[Change]) -> None:
    """Counts rows; `times` ascend and are not before the clock."""
    cuts = np.append(np.flatnonzero(np.diff(times // BASE)) + 1, len(times)).tolist()
    start = 0
    for cut in cuts:
        part = times[start:cut]
        advance(w, int(part[0]), out)
        _arrive(w, part, out)
        start = cut


def _arrive(w: Watch, times: IntArray, out: list[Change]) -> None:
    """Counts rows of the open stretch, the first of which is at the clock."""
    count = len(times)
    if count > 1 and VolumeKind.NO_DATA not in w.faults and not w.traffic.unknown:
        r, mean = 1.0 / max(w.traffic.pulse.spread, LEAST), _low(w)
        rows = w.rows + np.arange(1, count)
        place = (times - w.began) / BASE
        gained = (r + rows) * np.log1p(mean * np.diff(place) / (r + mean * place[:-1]))
        need = w.threshold / SCALE * w.traffic.thin * (1.0 - 1e-6) - 1e-6
        for i in np.flatnonzero(gained >= need).tolist():
            _count(w, int(times[i]), w.rows + i + 1)
            before = len(out)
            _listen(w, int(times[i + 1]), out)
            w.rows -= i + 1
            w.seen -= i + 1
            if len(out) > before:
                break
    _count(w, int(times[-1]), w.rows + count)


def _count(w: Watch, at: int, rows: int) -> None:
    """The open stretch has `rows` rows, the last of them at `at`."""
    w.seen += rows - w.rows
    w.rows, w.last, w.clock, w.quiet = rows, at, at, 0
    w.last_seen, w.last_due = w.seen, due_by(w, at)


def _low(w: Watch) -> float:
    """The lower end for a silence: that of the fault where traffic is known to be low."""
    pulse, fault = w.traffic.pulse, w.faults.get(VolumeKind.TRAFFIC_LOW)
    low = pulse.low[pulse.cell(w.pulse)]
    return low if fault is None else low * fault.factor


def due_by(w: Watch, at: int) -> int:
    """Expected rows (in parts) up to a time in the open stretch."""
    pulse = w.traffic.pulse
    return w.due + math.floor(pulse.mean[pulse.cell(w.pulse)] * PARTS * ((at - w.began) / BASE))


def _listen(w: Watch, until: int, out: list[Change]) -> None:
    """Opens a fault where the silence since the last row crosses by `until`, in this stretch."""
    if w.traffic.unknown or VolumeKind.NO_DATA in w.faults:
        return
    start = (max(w.last, w.began) - w.began) / BASE
    need = max(w.threshold - w.quiet, 0) / SCALE * w.traffic.thin
    fraction = silence_ends(w.rows, _low(w), w.traffic.pulse.spread, start, need)
    if not fraction < 1e9:
        return
    at = w.began + math.ceil(fraction * BASE)
    if at <= until:
        _open(w, _silence(w, at, w.threshold / SCALE), due_by(w, at), out)


def _silence(w: Watch, at: int, nats: float) -> Fault:
    """The fault of a silence since the last row."""
    return Fault(
        kind=VolumeKind.NO_DATA, onset=w.last, at=at, nats=nats,
        seen=w.last_seen, due=w.last_due,
    )  # fmt: skip


def _close(w: Watch, end: int, out: list[Change]) -> None:
    """Ends the open stretch, and the slot where it ends too."""
    traffic, width = w.traffic, w.traffic.slots.width
    before = w.seen - w.rows, w.due
    start = (max(w.last, w.began) - w.began) / BASE
    heard = silence(w.rows, _low(w), traffic.pulse.spread, start, (end - w.began) / BASE)
    w.quiet += math.floor(heard / traffic.thin * SCALE)
    whole = w.began == w.pulse * BASE
    w.due = due_by(w, end)
    silent = w.faults.get(VolumeKind.NO_DATA)
    if silent is not None and whole and w.began >= silent.at:
        pulse = traffic.pulse
        low = pulse.low[pulse.cell(w.pulse)]
        gained = step(w.rows, low * TRICKLE, low, pulse.spread)
        _try_end(w, relieve(silent, gained, end, w.began, before), out)
    if end % width == 0:
        if w.slot_began == end - width and not (traffic.muted or traffic.unknown):
            _settle(w, traffic.slots.cell(end // width - 1), end, out)
        w.slot_began, w.slot_seen, w.slot_due = end, w.seen, w.due
    w.pulse += 1
    w.began, w.rows = end, 0
    w.clock = max(w.clock, end)


def _settle(w: Watch, cell: int, end: int, out: list[Change]) -> None:
    """Adds the closed slot to the tests for an end, then to the bets on less and on more."""
    slots = w.traffic.slots
    rows, before = w.seen - w.slot_seen, (w.slot_seen, w.slot_due)
    silent = VolumeKind.NO_DATA in w.faults
    for kind, bets, edge, stakes in (
        (VolumeKind.TRAFFIC_LOW, w.low, slots.low[cell], BELOW),
        (VolumeKind.TRAFFIC_HIGH, w.high, slots.high[cell], ABOVE),
    ):
        fault = w.faults.get(kind)
        if fault is not None:
            still = _still(w, fault, slots.mean[cell], edge)
            gained = step(rows, still, slots.mean[cell], slots.spread)
            _try_end(w, relieve(fault, gained, end, w.slot_began, before), out)
            continue
        if silent:
            continue  # an empty slot under a silence says nothing new, nor does its catching up
        best: Excursion | None = None
        for bet, stake in zip(bets, stakes, strict=True):
            if bet.wealth <= 0:
                bet.wealth, bet.at = 0, w.slot_began
                bet.seen, bet.due = before
            gained = step(rows, edge, edge * stake, slots.spread)
            if kind is VolumeKind.TRAFFIC_HIGH:
                gained = min(gained, w.threshold // 2)  # one burst alone never alarms
            bet.wealth = max(bet.wealth + gained, 0)
            if bet.wealth >= w.threshold and (best is None or bet.wealth > best.wealth):
                best = bet
        if best is None:
            continue
        if kind is VolumeKind.TRAFFIC_LOW and w.seen == best.seen:
            _open(w, _silence(w, end, best.wealth / SCALE), w.due, out)
            continue
        fault = Fault(
            kind=kind, onset=best.at, at=end, nats=best.wealth / SCALE,
            seen=best.seen, due=best.due,
        )  # fmt: skip
        _open(w, fault, w.due, out)


def _still(w: Watch, fault: Fault, mean: float, edge: float) -> float:
    """Rows of a slot if the fault went on with a quarter of its strength."""
    factor = (w.seen - fault.seen) * PARTS / max(w.due - fault.due, 1)
    beyond = factor * mean - edge
    sign = 1.0 if fault.kind is VolumeKind.TRAFFIC_HIGH else -1.0
    return edge + sign * max(sign * beyond, 0.0) * STRENGTH


def _open(w: Watch, fault: Fault, due: int, out: list[Change]) -> None:
    strikes, ended = w.lapses.get(fault.kind, (0, -RELAPSE - 1))
    if fault.at - ended <= RELAPSE:
        fault.strikes = min(strikes + 1, MAX_STRIKES)
    factor = (w.seen - fault.seen) * PARTS / max(due - fault.due, 1)
    fault.factor = min(max(factor, 0.02), 1.0)
    w.faults[fault.kind] = fault
    for bet in w.high if fault.kind is VolumeKind.TRAFFIC_HIGH else w.low:
        bet.wealth = 0
    out.append(change_of(fault, EventKind.CROSSED, fault.at, fault.at, (w.seen, due), fault.nats))


def _try_end(w: Watch, ended: Change | None, out: list[Change]) -> None:
    """Ends a fault whose recovery has been shown."""
    if ended is not None:
        out.append(ended)
        w.lapses[ended.kind] = w.faults.pop(ended.kind).strikes, ended.at


def current(w: Watch) -> list[Change]:
    """The faults going on, with their counts up to the clock."""
    sums = w.seen, due_by(w, w.clock)
    return [
        change_of(fault, EventKind.CROSSED, fault.at, w.clock, sums, fault.nats)
        for fault in w.faults.values()
    ]


def _coast(w: Watch, now: int) -> bool:
    """Passes empty stretches at once while only a silence goes on, where nothing can change."""
    ongoing = w.faults.get(VolumeKind.NO_DATA)
    if ongoing is None or len(w.faults) > 1 or ongoing.relief > 0:
        return False
    if w.rows or w.began != w.pulse * BASE or now // BASE - w.pulse < 2:
        return False
    _skip(w, now // BASE)
    return True


def _skip(w: Watch, to: int) -> None:
    """Goes to the start of a later stretch without settling the ones between."""
    if to <= w.pulse:
        return
    rates, width = w.traffic.pulse, w.traffic.slots.width
    per, first = rates.unit // BASE, w.pulse + 1
    parts = [math.floor(mean * PARTS) for mean in rates.mean]
    pattern = np.repeat(np.array(parts, np.int64), per)
    pattern = np.roll(pattern, -(first % len(pattern)))

    def due(stretches: int) -> int:
        rounds, rest = divmod(stretches, len(pattern))
        return rounds * int(pattern.sum()) + int(pattern[:rest].sum())

    base = due_by(w, first * BASE)
    slot = to * BASE // width * width // BASE  # where the slot that is open then began
    if slot >= first:
        w.slot_began, w.slot_seen, w.slot_due = slot * BASE, w.seen, base + due(slot - first)
    w.due = base + due(to - first)
    w.pulse, w.began, w.rows = to, to * BASE, 0
    w.clock = max(w.clock, to * BASE)


def restart(w: Watch, at: int) -> None:
    """Sets the clock back to a trusted time; the open slot and the silence begin afresh."""
    w.clock = w.began = w.last = w.slot_began = at
    w.pulse, w.rows, w.quiet = at // BASE, 0, 0
    w.last_seen = w.slot_seen = w.seen
    w.last_due = w.slot_due = w.due
    for bet in (*w.low, *w.high):
        bet.wealth = 0


def dismiss(w: Watch, kind: VolumeKind, accept: bool) -> bool:
    """Forgets a fault; with `accept`, what it brought is the normal level from now on."""
    fault = w.faults.pop(kind, None)
    if fault is None:
        return False
    due = (due_by(w, w.clock) - fault.due) / PARTS
    w.due = due_by(w, w.clock)
    restart(w, w.clock)
    if accept and due >= 1.0:
        factor = max((w.seen - fault.seen) / due, 1e-3)
        w.traffic = msgspec.structs.replace(
            w.traffic,
            pulse=_scaled(w.traffic.pulse, factor),
            slots=_scaled(w.traffic.slots, factor),
        )
    return True


def _scaled(rates: Rates, factor: float) -> Rates:
    return msgspec.structs.replace(
        rates,
        mean=tuple(x * factor for x in rates.mean),
        low=tuple(x * factor for x in rates.low),
        high=tuple(x * factor for x in rates.high),
    )
