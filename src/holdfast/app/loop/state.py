"""What the loop remembers of a model between two looks, kept in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from holdfast.storage import Store


class LoopState(msgspec.Struct, frozen=True, kw_only=True):
    """How far the loop has come with a model.

    Attributes:
        release: the champion whose losses are watched; empty before the first.
        until: when the last row that was taken had matured, microseconds since 1970 (UTC).
        maturity: how old a prediction must be before its outcome counts, microseconds; None until
            that is known.
        rows: judged rows taken of it.
        watch: the watch over its losses, as it keeps itself.
        spoiled: the event times that were left out of it, as [since, until].
        decided: the last decision that was told; the same one again is not told again.
    """

    release: str = ""
    until: int = 0
    maturity: int | None = None
    rows: int = 0
    watch: bytes = b""
    spoiled: tuple[tuple[int, int | None], ...] = ()
    decided: str = ""


def load(store: Store, model: str) -> LoopState:
    """The state of a model; a fresh one where there is none yet."""
    found = store.catalog.get_state(_key(model))
    return LoopState() if found is None else msgspec.msgpack.decode(found[0], type=LoopState)


def save(store: Store, model: str, state: LoopState) -> None:
    """Keep the state of a model; inside the caller's transaction, if there is one."""
    store.catalog.put_state(_key(model), msgspec.msgpack.encode(state))


def _key(model: str) -> str:
    return f"loop/{model}"
