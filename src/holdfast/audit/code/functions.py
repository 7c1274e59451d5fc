"""What known functions do to rows: split, score, choose, join, draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.audit.code.arguments import Arguments, rows_of
from holdfast.audit.code.frames import statistic
from holdfast.audit.code.trace import NOTHING, Part, Value
from holdfast.audit.code.vocabulary import PICTURES, Step

if TYPE_CHECKING:
    from holdfast.audit.code.walk import Walk


def split(walk: Walk, arguments: Arguments) -> Value:
    """``train_test_split``: a training and a test part of everything it is given."""
    state = walk.state
    number = state.new_split()
    items: list[Value] = []
    for place in range(len(arguments.given)):
        value = rows_of(walk, arguments, place) or Value("data", state.new_rows())
        state.spread(value, arguments.line, "split")
        side = {p.side for p in value.parts}
        first, second = ("valid", "test") if side == {"test"} else ("train", "test")
        if side in ({"train"}, {"valid"}):
            second = "valid"
        items += [state.cut(value, number, first), state.cut(value, number, second)]
    return Value("tuple", items=tuple(items), name="split")


def folds(walk: Walk, arguments: Arguments) -> Value:
    """``splitter.split(rows)``."""
    state = walk.state
    state.trace.cross_validated = True
    number = state.new_split()
    rows = rows_of(walk, arguments, 0, "X")
    if rows is not None:
        state.spread(rows, arguments.line, "folds")
    return Value("folds", split=number)


def metric(walk: Walk, name: str, arguments: Arguments) -> Value:
    """``metric(y_true, y_pred)``: a score on the rows of its arguments."""
    rows = [v for v in (*arguments.given, *arguments.named.values()) if v.kind in {"data", "mask"}]
    if not rows:
        return NOTHING
    oid = next((v.oid for v in rows if v.oid), 0)
    with_parts = next((v for v in rows if v.oid), rows[0])
    fits = walk.state.fitted.get(oid, frozenset())
    return walk.state.score(arguments.line, with_parts, oid, fits, name in PICTURES)


def chosen(walk: Walk, name: str, arguments: Arguments) -> Value:
    """``max``, ``argmax`` and their like: of scores, a choice; of rows, a statistic."""
    for value in arguments.all():
        if value.kind == "score":
            walk.state.trace.chosen.append((arguments.line, value.parts))
            return NOTHING
    if name in {"max", "min"} and arguments.rows():
        return statistic(walk.state, name, arguments)
    if name in {"argmax", "argmin"} and arguments.rows():
        return arguments.rows()[0]
    return next((v for v in arguments.given if v.kind in {"stat", "tuple"}), NOTHING)


def joined(arguments: Arguments) -> Value:
    """``concat``, ``vstack``: the rows of all."""
    rows = [v for v in arguments.all() if v.kind == "data"]
    if not rows:
        return NOTHING
    parts = frozenset[Part]().union(*(v.parts for v in rows))
    label = all(v.label for v in rows)
    return Value("data", parts, arguments.touch(), label)


def together(name: str, arguments: Arguments) -> Value:
    """``enumerate`` and ``zip``."""
    if name == "enumerate" and arguments.given:
        return Value("tuple", items=(arguments.given[0],), name="numbered")
    items = []
    for value in arguments.given:
        inner = [i for i in value.items if i.kind == "estimator"] if value.kind == "tuple" else []
        items.append(inner[0] if inner else NOTHING)
    return Value("tuple", items=(Value("tuple", items=tuple(items)),))


def selection(walk: Walk, name: str, arguments: Arguments) -> Value:
    """Scores of the features against the label: whoever chooses by them learned from these rows."""
    rows = [v for v in arguments.rows() if v.parts]
    if not rows:
        return NOTHING
    number = walk.state.fit(arguments.line, name, Step.SELECT, rows[0].parts, 0)
    return Value("stat", rows[0].parts, frozenset({number}))


def drawn(walk: Walk, arguments: Arguments) -> Value:
    """``sklearn.utils.resample``: repetition, where more rows are drawn than there are."""
    rows = arguments.rows()
    made = []
    for value in rows:
        touch = value.touch
        repeats = "replace" not in arguments.named or getattr(
            arguments.says("replace"), "value", True
        )
        if (
            repeats
            and "n_samples" in arguments.named
            and {p.side for p in value.parts} <= {"all", "train"}
        ):
            number = walk.state.fit(arguments.line, "resample", Step.RESAMPLE, value.parts, 0)
            touch |= {number}
        made.append(value.having(touch=touch, name=""))
    return made[0] if len(made) == 1 else Value("tuple", items=tuple(made))
