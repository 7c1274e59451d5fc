"""Plans of retraining over one stream, window by window, as if live.

Windows are equal parts of the stream; the first four train the first model. The outcomes of a
window come when the next one has passed. Plans: ``never``, ``always`` (after every window),
``alarm`` (when a column's PSI since the last training exceeds 0.2) and ``holdfast``: the policy
with its loss watch, the monitor's incidents as vetoes and spoiled rows, the screening of new rows,
windows tried, and the challenger test on the newest rows. Once a window a stand-in for a person
answers the open incidents, see `Watcher`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from holdfast.retraining.facts import Facts, LossSignal, OpenIncident
from holdfast.retraining.losses import losses_of
from holdfast.retraining.losswatch import LossWatch
from holdfast.retraining.policy import Gates, Limits, Policy, Rise, Unless, When
from holdfast.retraining.units import Rate
from holdfast.retraining.windows import choose
from holdfast.screening import Scan

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WINDOWS, FIRST = 28, 4
NAMES = ("never", "always", "alarm", "holdfast")
#: categories of a text column that have a weight of their own
TOP = 12
#: rows of the monitor's reference at most, and time between two rows
REFERENCE, TICK = 6_000, 1_000_000
#: rows of an incident that a person looks at
LOOKED = 1_500
#: rows that are answered together
PART = 250
#: newest rows that a retraining leaves out, so that the challenger is judged on them at once
HELD = 300
#: windows that a fault lasts, and that are played after it
LASTS, AFTER = 2, 3


class Model(NamedTuple):
    """A fitted model, the rows it learned from, and the inputs that it takes."""

    fit: Any
    rows: Ints
    inputs: Ints


class Counts(NamedTuple):
    """Cost and AUC without the rows of the fault, and the cost of these."""

    cost: float
    during: float
    auc: float


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan came to.

    Attributes:
        cost: cumulative, over the rows that are not the fault's.
        during: the same over the fault's.
        auc: over the rows that are not the fault's.
        retrains, wrongful: trainings after the first, and those on broken rows.
        promotions, rollbacks: of challengers.
        vetoes: decisions that an incident forbade.
    """

    cost: float
    during: float = 0.0
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
        return np.column_stack([part for _, part in self._parts(stream)])

    def without(self, names: frozenset[str]) -> Ints:
        """Which of the d inputs come from other columns."""
        wide = [2] * len(self._numbers) + [len(top) for top in self._words.values()]
        owner = np.repeat([*self._numbers, *self._words], wide)
        return np.flatnonzero(~np.isin(owner, list(names)))

    def _parts(self, stream: Stream) -> Iterator[tuple[str, Floats]]:
        for name, (middle, spread) in self._numbers.items():
            values = stream.numbers[name]
            known = np.where(np.isfinite(values), values, middle)
            yield name, np.clip((known - middle) / spread, -8, 8)
            yield name, (~np.isfinite(values)).astype(float)
        for name, top in self._words.items():
            text = stream.words[name].astype(str)
            for word in top:
                yield name, (text == word).astype(float)


class World:
    """A stream with everything that the plans share.

    Args:
        stream: sound or broken.
        design: how columns become inputs.
        seed: of everything random.
    """

    def __init__(self, stream: Stream, design: Design, seed: int) -> None:
        self.design = design
        self.seed = seed
        self.broken: range | None = None
        self._take(stream)

    def _take(self, stream: Stream) -> None:
        self.stream = stream
        self.x = self.design.matrix(stream)
        self.bad = stream.bad
        self.costs = Costs(*stream.costs)
        self.edges = np.linspace(0, stream.rows, WINDOWS + 1).astype(int)
        self.table = stream.table()
        self.columns: dict[str, Values] = {
            **{n: read_values(ValueKind.NUMBER, v) for n, v in stream.numbers.items()},
            **{n: read_values(ValueKind.CATEGORY, v.tolist()) for n, v in stream.words.items()},
        }

    def breaks(self, stream: Stream, rows: range) -> None:
        """From now on the stream is another one, broken in some rows that nobody has seen yet."""
        self._take(stream)
        self.broken = rows

    def train(self, rows: Ints, without: frozenset[str] = frozenset()) -> Model:
        """A model of some rows, without some columns."""
        inputs = self.design.without(without)
        fit = LogisticRegression(C=1.0, max_iter=200)
        fit.fit(self.x[np.ix_(rows, inputs)], self.bad[rows])
        return Model(fit, rows, inputs)

    def score(self, model: Model, rows: Ints) -> Floats:
        """Probabilities."""
        if not len(rows):
            return np.empty(0)
        found: Floats = model.fit.predict_proba(self.x[np.ix_(rows, model.inputs)])[:, 1]
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


def counted(world: World, scores: Floats, first: int = FIRST, end: int = WINDOWS) -> Counts:
    """Cost and AUC over some windows; rows of the fault are counted apart."""
    from sklearn.metrics import roc_auc_score

    rows = np.arange(world.edges[first], world.edges[end])
    cost = losses_of(
        "cost", world.bad[rows] == 1, scores[rows], threshold=world.costs.threshold,
        costs=world.costs,
    )  # fmt: skip
    during = np.zeros(len(rows), bool)
    if world.broken is not None:
        during = (rows >= world.broken.start) & (rows < world.broken.stop)
    left = rows[~during]
    return Counts(
        float(cost[~during].sum()), float(cost[during].sum()),
        float(roc_auc_score(world.bad[left], scores[left])),
    )  # fmt: skip


class Fixed:
    """``never``, ``always`` or ``alarm``, window by window.

    Args:
        world: what is played.
        plan: which.
    """

    def __init__(self, world: World, plan: str) -> None:
        self._world = world
        self._plan = plan
        self._model = world.train(np.arange(world.edges[FIRST]))
        self.scores = np.full(world.stream.rows, np.nan)
        self.retrains = self.wrongful = 0

    def step(self, number: int) -> None:
        """One window."""
        world = self._world
        self.scores[world.window(number)] = world.score(self._model, world.window(number))
        due = self._plan == "always" or (
            self._plan == "alarm" and drifted(world, self._model.rows, number)
        )
        if due and number < WINDOWS - 1:
            rows = np.arange(world.edges[number])  # outcomes of the last window are not here yet
            self._model = world.train(rows)
            self.retrains += 1
            self.wrongful += world.wrongful(rows)

    def played(self, first: int = FIRST, end: int = WINDOWS) -> Played:
        """What it came to over some windows."""
        cost, during, auc = counted(self._world, self.scores, first, end)
        return Played(
            cost=cost, during=during, auc=auc, retrains=self.retrains, wrongful=self.wrongful
        )


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
        when=When(incident=False, loss_increase=Rise(min=0.05), growth=1.3),
        unless=Unless(matured_labels=200, cooldown=2 * window),
        limits=Limits(per_model=Rate(1, window)),
        gates=Gates(decide_at=HELD),
    )


class Watcher:
    """The monitor over the inputs of one champion, and the rows that its incidents spoil."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._scan = Scan(world.table, int(world.edges[FIRST]), patience=0, seed=world.seed)
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

    def breaks(self) -> None:
        """The world's stream is another one from the next row on."""
        self._scan = self._scan.fork(self._world.table)

    def _close(self, row: int) -> None:
        self._spoiled = {k: (a, row if b is None else b) for k, (a, b) in self._spoiled.items()}

    def observe(self, part: Ints) -> None:
        """Rows that came together: seen by the screening and by the monitor."""
        self._scan.take(int(part[-1]) + 1)
        if self._monitor is None:
            return
        self._now = int(part[-1]) * TICK
        columns = {name: v.take(part) for name, v in self._world.columns.items()}
        for incident in self._monitor.observe_columns(columns, at=part * TICK):
            self._note(incident, int(part[-1]) + 1)
        self.open = [i for i in self._monitor.incidents if i.status is IncidentStatus.OPEN]

    def guilty(self) -> frozenset[str]:
        """Columns that an open incident of a broken pipeline names."""
        return frozenset(name for one in self.open if spoils(one) for name in one.features)

    def attend(self, row: int) -> None:
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
        self.open = [i for i in monitor.incidents if i.status is IncidentStatus.OPEN]

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


class Holdfast:
    """The policy, with the real modules, window by window."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = policy(world)
        self.scores = np.full(world.stream.rows, np.nan)
        self._champion = world.train(np.arange(world.edges[FIRST]))
        self._standby: Model | None = None
        self._challenger: Model | None = None
        self._promoted, self._cause = FIRST, ""
        self._without: tuple[tuple[int, frozenset[str]], Model] | None = None
        self._retrained: list[int] = []
        self._tally = dict.fromkeys(("wrongful", "promotions", "rollbacks", "vetoes"), 0)
        self.watcher = Watcher(world)
        self._begin(FIRST - 1)

    def _begin(self, number: int) -> None:
        """The champion is another one from the end of a window on."""
        self._judged = int(self._world.edges[number + 1])
        self.watcher.begin(self._champion.rows, self._judged)
        self._watch = _watch(self._world, self._champion, self._rules)

    def step(self, number: int) -> None:
        """One window: answers, looks, decides; outcomes are those of the windows before."""
        world, champion = self._world, self._champion
        rows, matured = world.window(number), int(world.edges[number])
        for part in np.array_split(rows, max(1, len(rows) // PART)):
            self.scores[part] = world.score(self._answering(), part)
            self.watcher.observe(part)
        self.watcher.attend(int(rows[-1]) + 1)
        fresh = self.watcher.sound(np.arange(self._judged, matured))
        self._watch.update(world.losses(champion, fresh), fresh * TICK)
        self._judged = max(self._judged, matured)
        if self._challenger is not None:  # not decided on the rows that were held back
            self._try(self._challenger, number, matured)
            return
        signal = self._watch.signal()
        if self._standby is not None and signal.risen and number - self._promoted <= 3:
            both = self.watcher.sound(np.arange(int(champion.rows[-1]) + 1, matured))
            if self._verdict(self._standby, both, certain=True) == "better":
                self._champion, self._standby = self._standby, None
                self._tally["rollbacks"] += 1
                self._begin(number)
                return
        now = int(world.edges[number + 1]) * TICK
        decision = decide(self._rules, self._facts(signal, matured, now))
        self._tally["vetoes"] += decision.outcome is Outcome.VETOED
        due = decision.outcome is Outcome.RETRAIN and decision.cause != self._cause
        if due and number < WINDOWS - 2:
            self._cause = decision.cause or ""
            self._retrained.append(now)
            self._train(signal, number, matured)

    def _answering(self) -> Model:
        """The champion; while an incident names columns as broken, what it is without them."""
        guilty = self.watcher.guilty()
        if not guilty or not len(self._world.design.without(guilty)):
            return self._champion
        if self._without is None or self._without[0] != (int(self._champion.rows[-1]), guilty):
            key = (int(self._champion.rows[-1]), guilty)
            self._without = key, self._world.train(self._champion.rows, guilty)
        return self._without[1]

    def _facts(self, signal: LossSignal, matured: int, now: int) -> Facts:
        rows = self._champion.rows
        return Facts(
            model=self._world.stream.name, now=now, champion=f"c{int(rows[-1])}",
            trained_rows=len(rows), retrains=tuple(self._retrained),
            matured=len(self.watcher.sound(np.arange(int(rows[-1]) + 1, matured))),
            incidents=tuple(_told(i) for i in self.watcher.open), loss=signal,
        )  # fmt: skip

    def _train(self, signal: LossSignal, number: int, matured: int) -> None:
        world, usable = self._world, self.watcher.sound(np.arange(matured))
        changes = [] if signal.since is None else [signal.since // TICK]
        found = choose(
            usable.astype(np.int64), changes,
            lambda fit, held: world.losses(world.train(usable[fit]), usable[held]),
        )  # fmt: skip
        begin = found.window.since
        chosen = usable if begin is None else usable[usable >= begin]
        if len(chosen) // 4 >= HELD:
            chosen = chosen[:-HELD]
        challenger = world.train(chosen)
        self._tally["wrongful"] += world.wrongful(chosen)
        self._try(challenger, number, matured)

    def _try(self, challenger: Model, number: int, matured: int) -> None:
        """Judges a challenger on sound rows that neither has learned from."""
        seen = max(int(challenger.rows[-1]), int(self._champion.rows[-1]))
        verdict = self._verdict(challenger, self.watcher.sound(np.arange(seen + 1, matured)))
        self._challenger = challenger if verdict == "undecided" else None
        if verdict == "better":
            self._standby, self._champion, self._promoted = self._champion, challenger, number
            self._tally["promotions"] += 1
            self._begin(number)

    def _verdict(self, challenger: Model, rows: Ints, *, certain: bool = False) -> str:
        world, gates = self._world, self._rules.gates
        found = challenge(
            world.losses(self._champion, rows), world.losses(challenger, rows), by=gates.by,
            confidence=gates.confidence, decide_at=gates.decide_at,
        )  # fmt: skip
        return found.state if found.certain or not certain else "undecided"

    def played(self, first: int = FIRST, end: int = WINDOWS) -> Played:
        """What it came to over some windows."""
        cost, during, auc = counted(self._world, self.scores, first, end)
        return Played(
            cost=cost, during=during, auc=auc, retrains=len(self._retrained), **self._tally
        )


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


def plans(world: World, names: Sequence[str] = NAMES) -> dict[str, Fixed | Holdfast]:
    """Every plan over one world, at its begin."""
    return {name: Holdfast(world) if name == "holdfast" else Fixed(world, name) for name in names}


def play(world: World, names: Sequence[str] = NAMES) -> dict[str, Played]:
    """Every plan over all windows of a world."""
    playing = plans(world, names)
    for number in range(FIRST, WINDOWS):
        for one in playing.values():
            one.step(number)
    return {name: one.played() for name, one in playing.items()}
