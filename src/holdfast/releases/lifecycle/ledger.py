"""One move, one transaction: what every move of a lifecycle has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Required, TypedDict

import msgspec

from holdfast.errors import StoreError
from holdfast.releases.lifecycle.fold import read
from holdfast.releases.lifecycle.rules import Plan, refusal
from holdfast.releases.lifecycle.stage import Stage
from holdfast.releases.lifecycle.state import State
from holdfast.storage import Store
from holdfast.storage.lifecycle import EVERY_MODEL, CheckRow, MoveRow, scope_of

_UPWARD = frozenset({"audit", "shadow", "canary", "promote"})
#: moves that need no champion in line with the stages
_ASIDE = frozenset({"add", "adopt", "check", "freeze", "unfreeze"})
#: other readers (registry, dashboard) follow the champion by these events
_TOLD = {"promote": "release.promoted", "rollback": "release.rolled_back"}


class How(TypedDict, total=False):
    """What every move is told.

    Attributes:
        at: when, microseconds since 1970 (UTC).
        by: who moves; not empty.
        reason: why; a person will read it; not empty.
        key: the same key again changes nothing and gives the first move's answer.
        expected: the revision the caller saw; another one is refused.
        fence: name and token of the lease the caller works under.
    """

    at: Required[int]
    by: Required[str]
    reason: Required[str]
    key: str | None
    expected: int | None
    fence: tuple[str, int] | None


class Move(msgspec.Struct, frozen=True):
    """A move that was made.

    Attributes:
        rev: 1 for the model's first move, one more with each.
        event: number of the control event ``lifecycle.<kind>``.
        release: the release moved, after a rollback the one that answers; None for freezes.
        stage: where it stands then; None for freezes.
    """

    rev: int
    event: int
    release: str | None
    stage: Stage | None


def _plain(text: str) -> bool:
    """Whether a text stands in JSON as it is, so that the store finds it in the event.

    >>> _plain("0c1d"), _plain('a"b'), _plain("")
    (True, False, False)
    """
    return bool(text.strip()) and text.isprintable() and not set(text) & {'"', "\\"}


class Ledger:
    """Writes the moves of one model: all of a move, or nothing.

    Args:
        store: an open store.
        model: name of the model.
    """

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self.model = model

    def move(
        self,
        kind: str,
        release: str | None,
        decide: Callable[[State], Plan | None],
        how: How,
        **told: Any,
    ) -> Move:
        """Make a move.

        Args:
            kind: what is done, one of `fold.MOVES`.
            release: the release it is asked for; None where the plan names it, or for none.
            decide: from the state to what is to happen; runs inside the transaction.
            how: see `How`.
            told: what the event says besides.

        Raises:
            ReleaseError: the rules forbid it (``HF-E-LIFECYCLE``) or upward moves are frozen
                (``HF-E-LIFECYCLE-FROZEN``).
            StoreError: stale revision, lost lease, a key used twice, or an unknown gate.
        """
        if not how["by"].strip() or not how["reason"].strip():
            raise refusal(
                "a move says who made it and why",
                expected="by and reason",
                got=f"by={how['by']!r}, reason={how['reason']!r}",
                remedy="name a person or program, and say why",
            )
        for text in (release, told.get("name")):
            if text is not None and not _plain(text):
                raise refusal(
                    "this cannot name a release or a check",
                    expected="printable text without quotes and backslashes",
                    got=f"characters={len(text)}",
                    remedy="use the id of the release, or a word for the check",
                )
        key = how.get("key")
        with self._store.transaction():
            again = None if key is None else self._again(key, kind, release)
            if again is not None:
                return again
            state = self._admitted(kind, how)
            if kind not in _ASIDE:
                self._in_line(state)
            if release is not None and kind != "add":
                self._known(release)
            plan = decide(state)
            return self._write(kind, state, plan, how, told)

    def _again(self, key: str, kind: str, release: str | None) -> Move | None:
        row = self._store.lifecycle.move_of(key)
        if row is None:
            return None
        if (row.model, row.kind) != (self.model, kind) or release not in (None, row.release):
            raise StoreError(
                "an idempotency key was used for two different moves",
                code="HF-E-STORE-KEY",
                expected=f"{row.kind} of {row.release} for {row.model!r}",
                got=f"{kind} of {release} for {self.model!r}",
                remedy="give every move its own key",
            )
        (event,) = self._store.control.events(after=row.event - 1, limit=1)
        stage = event.payload["stage"]
        return Move(row.rev, row.event, row.release, None if stage is None else Stage(stage))

    def _admitted(self, kind: str, how: How) -> State:
        fence, expected = how.get("fence"), how.get("expected")
        if fence is not None:
            self._store.catalog.check_fence(*fence)
        state = read(self._store, self.model)
        if expected is not None and expected != state.rev:
            raise StoreError(
                f"the lifecycle of {self.model!r} has moved meanwhile",
                code="HF-E-STORE-REVISION",
                expected=f"revision {expected}",
                got=f"revision {state.rev}",
                remedy="look at it again and decide again",
            )
        if state.frozen and kind in _UPWARD:
            raise refusal(
                "upward moves are frozen",
                code="HF-E-LIFECYCLE-FROZEN",
                expected="no freeze",
                got=f"frozen={list(state.frozen)}",
                remedy="unfreeze first; a rollback is never frozen",
            )
        return state

    def _in_line(self, state: State) -> None:
        row = self._store.catalog.champion(self.model)
        champion = state.holder(Stage.CHAMPION)
        if (row.release if row else None) != champion:
            raise refusal(
                "the champion was set outside of the lifecycle",
                expected=f"champion={champion}",
                got=f"champion={row and row.release}",
                remedy="adopt it first: `Lifecycle.adopt`",
            )

    def _known(self, release: str) -> None:
        if all(row.id != release for row in self._store.catalog.releases(self.model)):
            raise refusal(
                f"release {release[:12]} is not known for model {self.model!r}",
                expected="the full id of a release added before",
                got=f"release={release[:12]}",
                remedy="add the release first",
            )

    def _write(
        self, kind: str, state: State, plan: Plan | None, how: How, told: Mapping[str, Any]
    ) -> Move:
        control, tables, at, key = (
            self._store.control,
            self._store.lifecycle,
            how["at"],
            how.get("key"),
        )
        steps = () if plan is None else plan.stages
        release = None if plan is None else plan.release
        stages = {**state.stages, **dict(steps)}
        stage = None if release is None else stages[release]
        payload: dict[str, Any] = {
            "rev": state.rev + 1,
            "release": release,
            "stage": stage,
            "stages": [list(pair) for pair in steps],
            "by": how["by"],
            "reason": how["reason"],
            **told,
        }
        if kind == "promote" and plan is not None:
            payload["waived"] = plan.waived
        event = control.append(
            f"lifecycle.{kind}",
            self.model,
            payload,
            at=at,
            key=None if key is None else f"lifecycle:{key}",
        )
        move = MoveRow(self.model, state.rev + 1, event, kind, release, key)
        tables.add_move(move)
        tables.set_stages(move, steps)
        if kind == "check" and release is not None:
            tables.add_check(
                self.model,
                CheckRow(release, told["name"], told["passed"], at, told["expires"], event),
            )
        elif kind == "freeze":
            tables.freeze(self._scope(told), event)
        elif kind == "unfreeze":
            tables.unfreeze(self._scope(told))
        elif kind in _TOLD and plan is not None:
            self._set_champion(kind, plan, how)
        return Move(move.rev, event, release, stage)

    def _scope(self, told: Mapping[str, Any]) -> str:
        return EVERY_MODEL if told["scope"] == EVERY_MODEL else scope_of(self.model)

    def _set_champion(self, kind: str, plan: Plan, how: How) -> None:
        catalog, at = self._store.catalog, how["at"]
        row = catalog.champion(self.model)
        # inside one transaction that holds the write lock, nobody moves it in between
        revision = catalog.compare_and_set(
            self.model, row.revision if row else 0, plan.release, at=at
        )
        self._store.control.append(
            _TOLD[kind],
            self.model,
            {
                "release": plan.release,
                "before": plan.before,
                "reason": how["reason"],
                "revision": revision,
            },
            at=at,
            key=f"champion:{self.model}:{revision}",
        )
