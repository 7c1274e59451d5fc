"""The history of one model of a store: its own events, and the freezes that held every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.releases.history import KINDS, Entry, history

if TYPE_CHECKING:
    from holdfast.storage import Store

_FREEZES = ("lifecycle.freeze", "lifecycle.unfreeze")


def history_of(
    store: Store, model: str, *, newest_first: bool = True, topics: Sequence[str] = ()
) -> tuple[Entry, ...]:
    """What happened to a model, as `holdfast.releases.history.history` tells it.

    Args:
        store: an open store.
        model: name of the model; one that is not known has no history.
        newest_first: the order.
        topics: only these of `holdfast.releases.history.TOPICS`; empty for all.

    Example:
        >>> import pathlib, tempfile
        >>> from holdfast.releases.lifecycle import Lifecycle
        >>> from holdfast.storage import Store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         how = {"by": "ada", "reason": "holidays"}
        ...         _ = Lifecycle(store, "spam").freeze(everywhere=True, at=0, **how)
        ...         [entry.sentence for entry in history_of(store, "loan")]
        ['Promotions are frozen for every model.']
    """
    elsewhere = [
        event
        for event in store.control.events(kinds=_FREEZES)
        if event.model != model and event.payload.get("scope") == "all"
    ]
    events = store.control.events(model, KINDS) + elsewhere
    events.sort(key=lambda event: event.seq)
    return history(events, newest_first=newest_first, topics=topics)
