"""The state of the walk: numbers for rows, splits, fits and loops, and how values mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from holdfast.audit.code.trace import NOTHING, Fit, Part, Reach, Scored, Trace, Value
from holdfast.audit.code.vocabulary import Step, is_label, side_of

_SUPERVISED = {Step.SELECT, Step.ENCODE, Step.RESAMPLE}


class State:
    """Counters and the trace; every method is one thing that happens to rows."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.targets: frozenset[str] = frozenset()
        self.fitted: dict[int, frozenset[int]] = {}
        self.loops: list[int] = []
        self._count = 0

    def number(self) -> int:
        """The next number."""
        self._count += 1
        return self._count

    # rows

    def new_rows(self) -> frozenset[Part]:
        """Rows of a new source."""
        return frozenset({Part(self.number())})

    def new_split(self) -> int:
        """A split made here."""
        split = self.number()
        self.trace.made_in[split] = frozenset(self.loops)
        return split

    def cut(self, value: Value, split: int, side: str) -> Value:
        """The rows of one side of a split."""
        parts = frozenset(Part(p.root, (*p.path, (split, side))) for p in value.parts)
        return value.having(parts=parts)

    def named(self, name: str, value: Value) -> Value:
        """Rows bound to a name: ``X_test`` says that whole rows from a file are the test rows."""
        if value.kind == "tuple" and value.name == "split":
            return value
        if value.kind not in {"data", "mask"}:
            return value
        label = value.label or is_label(name)
        side = side_of(name)
        if side is None or value.kind == "mask":
            return value.having(label=label, name="")
        sides = {p.side for p in value.parts}
        if sides == {"all"} and len(value.parts) == 1 and value.name in {"", "rows"}:
            if value.name == "rows":  # a cut by rows: this is where the script splits
                self.spread(value, value.split, "split")
            value = self.cut(value, self._hand_split(value), side)
        elif side == "valid" and sides == {"test"}:
            value = value.having(
                parts=frozenset(
                    Part(p.root, (*p.path[:-1], (p.path[-1][0], "valid"))) for p in value.parts
                )
            )
        return value.having(label=label, name="")

    def _hand_split(self, value: Value) -> int:
        """One number for all splits by hand of the same source."""
        root = next(iter(value.parts)).root
        self.trace.made_in.setdefault(-root, frozenset(self.loops))
        return -root

    def unpack(self, value: Value, count: int, names: Sequence[str], line: int) -> list[Value]:
        """The members of a tuple that is unpacked into names."""
        if value.kind == "tuple" and len(value.items) == count:
            return list(value.items)
        if value.kind == "tuple" and len(value.items) == 1:
            return [value.items[0]] * count
        if value.kind == "data":
            sides = {side_of(name) for name in names}
            if len(sides & {"train", "test", "valid"}) > 1 and value.name != "split":
                self.spread(value, line, "split")  # an unknown function that splits
            return [value.having(name="", label=False)] * count
        return [NOTHING] * count

    def member(self, value: Value, line: int) -> Value:
        """What a loop over a value gives each time."""
        if value.kind == "folds":
            made = self.trace.made_in.get(value.split, frozenset())
            self.trace.made_in[value.split] = made | frozenset(self.loops)
            train = Value("index", split=value.split, side="train", touch=value.touch)
            return Value("tuple", items=(train, train.having(side="test")))
        if value.kind == "tuple":
            if value.name == "numbered":
                return Value("tuple", items=(NOTHING, self.member(value.items[0], line)))
            kinds = {item.kind for item in value.items}
            if len(kinds) == 1 and value.items:
                return value.items[-1]
            return next((i for i in value.items if i.kind in {"estimator", "tuple"}), NOTHING)
        return NOTHING

    # fits

    def fit(self, line: int, name: str, step: Step, parts: frozenset[Part], oid: int) -> int:
        """Something was learned from rows; gives the number of the fit."""
        number = self.number()
        self.trace.fits[number] = Fit(line, name, step, parts, oid, number)
        if step is Step.MODEL:
            self.trace.fit_loops.update(self.loops)
        return number

    def spread(self, value: Value, line: int, way: str) -> None:
        """Rows are split here: whatever was learned from them before has reached both sides."""
        for number in value.touch:
            fit = self.trace.fits[number]
            inside = all(p.side == "train" for p in value.parts)
            if inside and fit.step not in _SUPERVISED:
                continue  # a scaler fitted on the training side, then cross-validated: too small
            if any(one.covers(p) for one in fit.parts for p in value.parts):
                self.trace.reaches.append(Reach(number, line, way, value.parts))

    def reach(self, source: Value, rows: Value, line: int) -> Value:
        """What was learned is used on rows; it matters where they are a part of what taught it."""
        for number in source.touch:
            fit = self.trace.fits[number]
            for part in rows.parts:
                if part.side == "all":
                    continue
                wider = [one for one in fit.parts if one.covers(part)]
                if any(one != part and one.side == "all" for one in wider):
                    self.trace.reaches.append(Reach(number, line, "apply", rows.parts))
                elif fit.step is not Step.MODEL and part in wider and part.side == "test":
                    self.trace.reaches.append(Reach(number, line, "test", rows.parts))
        return source

    def choosing(self, touch: frozenset[int]) -> frozenset[int]:
        """Those fits that choose features: a choice of columns or rows by them depends on them."""
        return frozenset(n for n in touch if self.trace.fits[n].step is Step.SELECT)

    def combine(self, left: Value, right: Value, line: int) -> Value:
        """Arithmetic: rows with rows, or rows with what was learned from rows."""
        rows = [v for v in (left, right) if v.kind == "data"]
        stats = [v for v in (left, right) if v.kind == "stat"]
        touch = left.touch | right.touch
        label = left.label or right.label
        if rows:
            if not label:
                for stat in stats:
                    self.reach(stat, rows[0], line)
            elif stats:
                touch = frozenset[int]().union(*(v.touch for v in rows))
            oid = next((v.oid for v in rows if v.oid), 0)
            return Value("data", rows[0].parts, touch, label, oid=oid)
        for kind in ("score", "mask", "stat"):
            found = [v for v in (left, right) if v.kind == kind]
            if found:
                return found[0].having(touch=touch)
        lists = [v for v in (left, right) if v.kind == "tuple"]
        if lists:
            return Value("tuple", items=tuple(i for v in lists for i in v.items))
        return NOTHING

    # scores

    def score(self, line: int, rows: Value, oid: int, fits: frozenset[int], picture: bool) -> Value:
        """A score on rows."""
        loops = [n for n in self.loops if not any(n in self._loops_of(p) for p in rows.parts)]
        loop = loops[-1] if loops else 0
        self.trace.scores.append(Scored(line, rows.parts, fits, oid, loop, picture, self.number()))
        return Value("score", rows.parts)

    def _loops_of(self, part: Part) -> frozenset[int]:
        return frozenset[int]().union(
            *(self.trace.made_in.get(n, frozenset()) for n, _ in part.path)
        )

    def decide(self, value: Value, line: int) -> None:
        """A comparison decides something; a score in it has chosen."""
        if value.kind == "score" and self.loops:
            self.trace.chosen.append((line, value.parts))

    @contextmanager
    def loop(self) -> Iterator[int]:
        """The body of a loop."""
        number = self.number()
        self.loops.append(number)
        try:
            yield number
        finally:
            self.loops.remove(number)
