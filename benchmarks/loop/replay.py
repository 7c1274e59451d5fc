"""Plans of retraining over one stream, window by window, as if live.

Windows are equal parts of the stream; the first four train the first model. The outcomes of a
window come when the next one has passed. Plans: ``never``, ``always`` (after every window),
``alarm`` (when a column's PSI since the last training exceeds 0.2) and ``holdfast``: the policy
with its loss watch, the monitor's incidents as vetoes and spoiled rows, windows tried, and the
challenger test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from benchmarks.loop.streams import Stream
from holdfast.diagnosis.spoiling import rows_in_doubt, spoils
from holdfast.evaluation.costs import Costs
from holdfast.frames.values import ValueKind, Values, read_values
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.table_reference import TableReference
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.retraining.challenging import challenge
from holdfast.retraining.deciding import Outcome, decide
from holdfast.retraining.facts import Facts, OpenIncident
from holdfast.retraining.losses import losses_of
from holdfast.retraining.losswatch import LossWatch
from holdfast.retraining.policy import Gates, Limits, Policy, Rise, Unless, When
from holdfast.retraining.units import Rate
from holdfast.retraining.windows import choose
from holdfast.screening import Scan

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WINDOWS, FIRST = 28, 4
#: categories of a text column that have a weight of their own
TOP = 12
#: rows of the monitor's reference at most, and time between two rows
REFERENCE, TICK = 6_000, 1_000_000
#: rows of an incident that a person looks at
LOOKED = 1_500
#: newest rows that a retraining leaves out, so that the challenger is judged on them at once
HELD = 300
DECIDE = 0
COOL = 3
RISE = 0.05


class Model(NamedTuple):
    """A fitted model and the rows it learned from."""

    fit: Any
    rows: Ints


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan came to.

    Attributes:
        cost: cumulative, over the rows that count.
        auc: over the same rows.
        retrains, wrongful: trainings after the first, and those on broken rows.
        promotions, rollbacks: of challengers.
        vetoes: decisions that an incident forbade.
    """

    cost: float
    auc: float
    retrains: int
    wrongful: int
    promotions: int = 0
    rollbacks: int = 0
    vetoes: int = 0


class Design:
    """The columns as a model takes them, fixed by the first rows: standardised, words apart."""

    def __init__(self, stream: Stream, rows: Ints) -> None:
        self._numbers = {}
        for name, values in stream.numbers.items():
            known = values[rows][np.isfinite(values[rows])]
            middle = float(np.median(known)) if len(known) else 0.0
            spread = float(known.std()) or 1.0 if len(known) else 1.0
            self._numbers[name] = (middle, spread)
        self._words = {}
        for name, values in stream.words.items():
            found, counts = np.unique(values[rows].astype(str), return_counts=True)
            self._words[name] = found[np.argsort(-counts)][:TOP].tolist()

    def matrix(self, stream: Stream) -> Floats:
        """Shape (n, d)."""
        parts = []
        for name, (middle, spread) in self._numbers.items():
            values = stream.numbers[name]
            parts.append(
                np.clip((np.where(np.isfinite(values), values, middle) - middle) / spread, -8, 8)
            )
            parts.append((~np.isfinite(values)).astype(float))
        for name, top in self._words.items():
            text = stream.words[name].astype(str)
            parts += [(text == word).astype(float) for word in top]
        return np.column_stack(parts)


class World:
    """A stream with everything that the plans share.

    Args:
        stream: sound or broken.
        design: how columns become inputs.
        broken: rows of the fault, or None.
        seed: of everything random.
    """

    def __init__(self, stream: Stream, design: Design, broken: range | None, seed: int) -> None:
        self.stream = stream
        self.x = design.matrix(stream)
        self.bad = stream.bad
        self.broken = broken
        self.seed = seed
        self.costs = Costs(*stream.costs)
        self.edges = np.linspace(0, stream.rows, WINDOWS + 1).astype(int)
        self.table = stream.table()
        self.columns: dict[str, Values] = {
            **{n: read_values(ValueKind.NUMBER, v) for n, v in stream.numbers.items()},
            **{n: read_values(ValueKind.CATEGORY, v.tolist()) for n, v in stream.words.items()},
        }

    def train(self, rows: Ints) -> Model:
        """A model of some rows."""
        fit = LogisticRegression(C=1.0, max_iter=200)
        fit.fit(self.x[rows], self.bad[rows])
        return Model(fit, rows)

    def score(self, model: Model, rows: Ints) -> Floats:
        """Probabilities."""
        if not len(rows):
            return np.empty(0)
        found: Floats = model.fit.predict_proba(self.x[rows])[:, 1]
        return found

    def losses(self, model: Model, rows: Ints, metric: str = "log_loss") -> Floats:
        """Losses of rows."""
        return losses_of(
            metric, self.bad[rows] == 1, self.score(model, rows),
            threshold=self.costs.threshold, costs=self.costs,
        )  # fmt: skip

    def window(self, number: int) -> Ints:
        """Rows of one window."""
        return np.arange(self.edges[number], self.edges[number + 1])

    def wrongful(self, rows: Ints) -> bool:
        """Whether some rows are broken."""
        return self.broken is not None and bool(
            ((rows >= self.broken.start) & (rows < self.broken.stop)).any()
        )


def counted(world: World, scores: Floats) -> tuple[float, float]:
    """Cost and AUC over the windows after the first, without rows of the fault itself."""
    from sklearn.metrics import roc_auc_score

    rows = np.arange(world.edges[FIRST], world.edges[-1])
    if world.broken is not None:
        rows = rows[(rows < world.broken.start) | (rows >= world.broken.stop)]
    cost = losses_of(
        "cost", world.bad[rows] == 1, scores[rows], threshold=world.costs.threshold,
        costs=world.costs,
    )  # fmt: skip
    return float(cost.sum()), float(roc_auc_score(world.bad[rows], scores[rows]))


def fixed(world: World, plan: str) -> Played:
    """``never``, ``always`` or ``alarm``."""
    model = world.train(np.arange(world.edges[FIRST]))
    scores = np.full(world.stream.rows, np.nan)
    retrains = wrongful = 0
    for number in range(FIRST, WINDOWS):
        scores[world.window(number)] = world.score(model, world.window(number))
        due = plan == "always" or (plan == "alarm" and drifted(world, model.rows, number))
        if due and number < WINDOWS - 1:
            rows = np.arange(world.edges[number])  # outcomes of the last window are not here yet
            model = world.train(rows)
            retrains += 1
            wrongful += world.wrongful(rows)
    cost, auc = counted(world, scores)
    return Played(cost=cost, auc=auc, retrains=retrains, wrongful=wrongful)


def drifted(world: World, trained: Ints, number: int) -> bool:
    """Whether a column's PSI between the last training's newest rows and a window exceeds 0.2."""
    old, new = trained[-20_000:], world.window(number)
    for values in world.stream.numbers.values():
        edges = np.unique(np.nanquantile(values[old], np.linspace(0, 1, 11)[1:-1]))
        if psi(_cells(values[old], edges), _cells(values[new], edges)) > 0.2:
            return True
    for values in world.stream.words.values():
        names = sorted(set(values[old].astype(str)) | set(values[new].astype(str)))
        if len(names) <= 50:
            counts = [
                np.array([(values[r].astype(str) == n).sum() for n in names]) for r in (old, new)
            ]
            if psi(*counts) > 0.2:
                return True
    return False


def _cells(values: Floats, edges: Floats) -> Ints:
    code = np.where(np.isfinite(values), np.searchsorted(edges, values), len(edges) + 1)
    return np.bincount(code, minlength=len(edges) + 2)


def psi(old: Ints, new: Ints) -> float:
    """Population stability index of two counts, half a row added to each cell."""
    p, q = (old + 0.5) / (old + 0.5).sum(), (new + 0.5) / (new + 0.5).sum()
    return float(((p - q) * np.log(p / q)).sum())


def policy(world: World) -> Policy:
    """The policy that is played: the defaults, cut to the length of the stream."""
    window = int(world.edges[1]) * TICK
    return Policy(
        automatic=True,
        when=When(incident=False, loss_increase=Rise(min=RISE), growth=1.3),
        unless=Unless(matured_labels=200, cooldown=COOL * window),
        limits=Limits(per_model=Rate(1, window)),
        gates=Gates(decide_at=DECIDE or HELD),
    )


class Watcher:
    """The monitor over the inputs of one champion, and the rows that its incidents spoil."""

    def __init__(self, world: World, scan: Scan) -> None:
        self._world = world
        self._scan = scan
        self._now = 0
        self._spoiled: dict[str, tuple[int, int | None]] = {}
        self._monitor: Monitor | None = None
        self.first = 0
        self.open: list[Incident] = []

    def begin(self, rows: Ints, first: int) -> None:
        """A new champion: its newest rows are the reference from now on."""
        self._close(first)
        newest = rows[-REFERENCE:]
        columns = {name: v.take(newest) for name, v in self._world.columns.items()}
        reference = TableReference.of(columns, seed=self._world.seed)
        self._monitor = Monitor(
            reference, budget="1 false incident per 10000 windows", clock=lambda: self._now
        )
        self.first, self.open = first, []

    def _close(self, row: int) -> None:
        self._spoiled = {k: (a, row if b is None else b) for k, (a, b) in self._spoiled.items()}

    def observe(self, rows: Ints) -> None:
        """Rows of a window, in parts."""
        self._scan.take(int(rows[-1]) + 1)
        if self._monitor is None:
            return
        for part in np.array_split(rows, max(1, len(rows) // 500)):
            self._now = int(part[-1]) * TICK
            columns = {name: v.take(part) for name, v in self._world.columns.items()}
            for incident in self._monitor.observe_columns(columns, at=part * TICK):
                self._note(incident, int(part[-1]) + 1)
        self._attend(int(rows[-1]) + 1)
        self.open = [i for i in self._monitor.incidents if i.status is IncidentStatus.OPEN]

    def _attend(self, row: int) -> None:
        """What a person does once a window: answers the open incidents that spoil rows.

        The person knows what the screening says. An incident whose first rows it does not doubt is
        accepted as normal; one that it shared, and that has healed by now, is closed.
        """
        monitor = self._monitor
        if monitor is None:
            return
        sound = self._scan.found().sound()
        for one in monitor.incidents:
            if one.status is not IncidentStatus.OPEN or not spoils(one):
                continue
            name, first = f"{self.first}/{one.id}", one.since // TICK
            shared = not sound[first : min(first + LOOKED, row)].mean() > 0.5
            if shared and not sound[row - LOOKED // 6 : row].all():
                continue
            monitor.accept(one.id)
            begin, _ = self._spoiled.pop(name)
            if shared:
                self._spoiled[name] = (begin, row)

    def _note(self, incident: Incident, row: int) -> None:
        name = f"{self.first}/{incident.id}"
        if not spoils(incident):
            if name in self._spoiled and self._spoiled[name][1] is None:
                self._spoiled[name] = (self._spoiled[name][0], row)
            return
        since = incident.since // TICK - rows_in_doubt(incident)
        begin = min(since, self._spoiled.get(name, (since, None))[0])
        ended = incident.status is IncidentStatus.CLOSED
        self._spoiled[name] = (begin, row if ended else None)

    def sound(self, rows: Ints) -> Ints:
        """Rows that no incident spoils, and that the screening does not doubt."""
        keep = self._scan.found().sound()[rows]
        for begin, end in self._spoiled.values():
            keep &= (rows < begin) | (rows >= (end if end is not None else np.inf))
        return rows[keep]


def holdfast(world: World) -> Played:
    """The policy, with the real modules."""
    rules, scores = policy(world), np.full(world.stream.rows, np.nan)
    champion = world.train(np.arange(world.edges[FIRST]))
    standby: Model | None = None
    challenger: Model | None = None
    promoted_at, last_cause = FIRST, ""
    retrains: list[int] = []
    wrongful = promotions = rollbacks = vetoes = 0
    scan = Scan(world.table, int(world.edges[FIRST]), patience=0, seed=world.seed)
    watcher = Watcher(world, scan)
    watcher.begin(champion.rows, int(world.edges[FIRST]))
    watch = _watch(world, champion, rules)
    judged = int(world.edges[FIRST])
    for number in range(FIRST, WINDOWS):
        rows = world.window(number)
        scores[rows] = world.score(champion, rows)
        watcher.observe(rows)
        matured = int(world.edges[number])  # the last window's outcomes are not here yet
        fresh = watcher.sound(np.arange(judged, matured))
        watch.update(world.losses(champion, fresh), fresh * TICK)
        judged = max(judged, matured)
        now = int(world.edges[number + 1]) * TICK
        if challenger is not None:  # not told better on the rows that were held back
            both = watcher.sound(np.arange(int(challenger.rows[-1]) + 1, matured))
            verdict = _verdict(world, champion, challenger, both, rules)
            if verdict in ("better", "worse", "slice_worse"):
                if verdict == "better":
                    standby, champion, promoted_at = champion, challenger, number
                    promotions += 1
                    watcher.begin(champion.rows, int(world.edges[number + 1]))
                    watch, judged = _watch(world, champion, rules), int(world.edges[number + 1])
                challenger = None
            continue
        signal = watch.signal()
        if standby is not None and signal.risen and number - promoted_at <= 3:
            both = watcher.sound(np.arange(int(champion.rows[-1]) + 1, matured))
            if _verdict(world, champion, standby, both, rules, certain=True) == "better":
                champion, standby, rollbacks = standby, None, rollbacks + 1
                watch, judged = _watch(world, champion, rules), int(world.edges[number + 1])
                watcher.begin(champion.rows, int(world.edges[number + 1]))
                continue
        decision = decide(
            rules,
            Facts(
                model=world.stream.name, now=now, champion=f"c{int(champion.rows[-1])}",
                trained_rows=len(champion.rows), retrains=tuple(retrains),
                matured=len(watcher.sound(np.arange(int(champion.rows[-1]) + 1, matured))),
                incidents=tuple(_told(i) for i in watcher.open), loss=signal,
            ),
        )  # fmt: skip
        vetoes += decision.outcome is Outcome.VETOED
        if decision.outcome is not Outcome.RETRAIN or number >= WINDOWS - 2:
            continue
        if decision.cause == last_cause:
            continue
        usable = watcher.sound(np.arange(matured))
        since = None if signal.since is None else signal.since // TICK
        changes = [] if since is None else [since]
        found = choose(
            usable.astype(np.int64), changes,
            lambda fit, held, usable=usable: world.losses(world.train(usable[fit]), usable[held]),
        )  # fmt: skip
        begin = found.window.since
        chosen = (usable if begin is None else usable[usable >= begin])[:-HELD]
        challenger = world.train(chosen)
        retrains.append(now)
        last_cause = decision.cause or ""
        wrongful += world.wrongful(chosen)
        verdict = _verdict(world, champion, challenger, usable[-HELD:], rules)
        if verdict == "better":
            standby, champion, promoted_at = champion, challenger, number
            promotions += 1
            watcher.begin(champion.rows, int(world.edges[number + 1]))
            watch, judged = _watch(world, champion, rules), int(world.edges[number + 1])
        if verdict != "undecided":
            challenger = None
    cost, auc = counted(world, scores)
    return Played(
        cost=cost, auc=auc, retrains=len(retrains), wrongful=wrongful, promotions=promotions,
        rollbacks=rollbacks, vetoes=vetoes,
    )  # fmt: skip


def _told(incident: Incident) -> OpenIncident:
    asks = "retrain" if incident.action is Action.RETRAIN else ""
    return OpenIncident(
        id=incident.id, class_=incident.class_, kind=incident.kind, sentence=incident.sentence,
        asks=asks,
    )  # fmt: skip


def _watch(world: World, model: Model, rules: Policy) -> LossWatch:
    """A watch whose baseline is the loss of the newest quarter, by a model of the rest."""
    cut = len(model.rows) * 3 // 4
    rest, held = model.rows[:cut], model.rows[cut:]
    losses = world.losses(world.train(rest), held)
    mean, error = float(losses.mean()), float(losses.std() / np.sqrt(len(losses)))
    rise = rules.when.loss_increase
    return LossWatch(mean, mean + 2 * error, rise=rise.min if rise else 0.05)


def _verdict(
    world: World, champion: Model, challenger: Model, rows: Ints, rules: Policy,
    *, certain: bool = False,
) -> str:  # fmt: skip
    gates = rules.gates
    found = challenge(
        world.losses(champion, rows), world.losses(challenger, rows), by=gates.by,
        confidence=gates.confidence, decide_at=gates.decide_at,
    )  # fmt: skip
    return found.state if found.certain or not certain else "undecided"


def plans(world: World, names: Sequence[str] = ("never", "always", "alarm")) -> dict[str, Played]:
    """Every plan over one world."""
    return {**{name: fixed(world, name) for name in names}, "holdfast": holdfast(world)}
