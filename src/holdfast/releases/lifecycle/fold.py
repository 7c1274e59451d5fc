"""The state as a fold over control events, the state as the tables say, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.errors import ReleaseError
from holdfast.releases.lifecycle.rules import refusal
from holdfast.releases.lifecycle.stage import ALLOWED, Stage
from holdfast.releases.lifecycle.state import State, latest
from holdfast.storage import ControlEvent, Store
from holdfast.storage.lifecycle import EVERY_MODEL, CheckRow, MoveRow, scope_of

#: the moves; the control event of each is ``lifecycle.<move>``
MOVES = (
    "add", "audit", "shadow", "canary", "promote", "rollback", "quarantine", "reject", "retire",
    "adopt", "check", "freeze", "unfreeze",
)  # fmt: skip
KINDS = tuple(f"lifecycle.{move}" for move in MOVES)


def fold(model: str, events: Iterable[ControlEvent], before: Sequence[MoveRow] = ()) -> State:
    """The state of a model that its control events tell.

    Args:
        model: name of the model.
        events: control events in their order, of all models (some freeze all); other kinds are
            passed over.
        before: the move that tells of a champion of before there was a lifecycle, if any.

    Raises:
        ReleaseError: a gap in the revisions, or a step that no rule allows (``HF-E-LIFECYCLE``).

    Example:
        >>> told = ControlEvent(seq=1, at=0, kind="lifecycle.add", model="loan", key=None, hash="",
        ...     payload={"rev": 1, "release": "a1", "stages": [["a1", "candidate"]]})
        >>> fold("loan", [told]).stages["a1"].value
        'candidate'
    """
    rev = len(before)
    stages = {move.release: Stage.CHAMPION for move in before if move.release is not None}
    frozen: set[str] = set()
    checks: list[CheckRow] = []
    for event in events:
        told = event.payload
        if event.kind == "lifecycle.freeze":
            frozen.add(_scope(event))
        elif event.kind == "lifecycle.unfreeze":
            frozen.discard(_scope(event))
        if event.model != model or event.kind not in KINDS:
            continue
        rev += 1
        if told["rev"] != rev:
            raise _broken(event, f"revision {rev}", f"revision {told['rev']}")
        for release, name in told["stages"]:
            now, stage = stages.get(release), Stage(name)
            following = {Stage.CANDIDATE} if now is None else ALLOWED[now]
            if stage not in following:
                raise _broken(event, f"one of {sorted(following)}", f"stage={name}")
            stages[release] = stage
        if event.kind == "lifecycle.check":
            checks.append(
                CheckRow(
                    told["release"],
                    told["name"],
                    told["passed"],
                    event.at,
                    told["expires"],
                    event.seq,
                )
            )
    held = tuple(sorted(frozen & {EVERY_MODEL, scope_of(model)}))
    return State(rev=rev, stages=stages, frozen=held, checks=latest(checks))


def _scope(event: ControlEvent) -> str:
    return EVERY_MODEL if event.payload["scope"] == EVERY_MODEL else scope_of(event.model)


def _broken(event: ControlEvent, expected: str, got: str) -> ReleaseError:
    return refusal(
        f"event {event.seq} does not follow from those before it",
        expected=expected,
        got=got,
        remedy="restore the store from a backup and find out who changed the file",
    )


def read(store: Store, model: str) -> State:
    """The state of a model as the tables say."""
    tables = store.lifecycle
    with tables.snapshot():
        return State(
            rev=tables.rev(model),
            stages={release: Stage(stage) for release, stage in tables.stages(model).items()},
            frozen=tables.freezes(model),
            checks=latest(tables.checks(model)),
        )


def verify(store: Store, model: str) -> tuple[str, ...]:
    """Whether the tables of a model say what its events tell.

    The chain of the events themselves is walked by `Store.verify`.

    Returns:
        One sentence for each difference; none if all is well.
    """
    with store.lifecycle.snapshot():
        moves = store.lifecycle.moves(model)
        events = store.control.events(kinds=KINDS)
        state = read(store, model)
        row = store.catalog.champion(model)
    before = [move for move in moves if move.event == 0]
    try:
        told = fold(model, events, before)
    except ReleaseError as error:
        return (error.message,)
    found = [
        f"{part} differ from the events: {getattr(state, part)} instead of {getattr(told, part)}"
        for part in ("rev", "stages", "frozen", "checks")
        if getattr(state, part) != getattr(told, part)
    ]
    kept = [(move.event, f"lifecycle.{move.kind}", move.release) for move in moves if move.event]
    if kept != [(e.seq, e.kind, e.payload["release"]) for e in events if e.model == model]:
        found.append("moves differ from the events")
    champion = told.holder(Stage.CHAMPION)
    if (row.release if row else None) != champion:
        found.append(
            f"the champion {row and row.release} was set outside of the lifecycle, "
            f"whose champion is {champion}"
        )
    return tuple(found)
