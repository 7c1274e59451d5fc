"""The mirroring of a whole store: one at a time, models one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from holdfast.app.basics import now_us
from holdfast.errors import StoreError
from holdfast.integrations.mlflow.model import Mirrored, mirror_model
from holdfast.integrations.mlflow.wanted import wanted

if TYPE_CHECKING:
    from holdfast.integrations.mlflow.client import Mlflow
    from holdfast.storage import Store

_LEASE = "mirror/mlflow"
#: a lease lasts so long unless it is renewed, microseconds; a release takes a few requests
_TTL = 300_000_000


def mirror(
    store: Store,
    client: Mlflow,
    models: Sequence[str] | None = None,
    *,
    write: bool = True,
    now: Callable[[], int] = now_us,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Mirrored, ...]:
    """Make MLflow say what the store says, or only tell where it does not.

    Args:
        store: an open store; for reading only it will do without `write`.
        client: the server.
        models: names of models of the store; None: all of them.
        write: mend what differs. Only one mirroring of a store writes at a time.
        now: microseconds since 1970 (UTC).
        progress: told each model.

    Raises:
        MlflowError: the server is away, refuses, or is none of MLflow (``HF-E-MLFLOW``). What was
            written by then stays, and the next mirroring goes on from there.
        StoreError: another mirroring writes (``HF-E-MLFLOW-BUSY``).
    """
    names = store.catalog.models() if models is None else models
    holder = secrets.token_hex(8)

    def renew() -> None:
        if write and store.catalog.acquire(_LEASE, holder, _TTL, now()) is None:
            raise StoreError(
                "another mirroring of this store writes to MLflow",
                code="HF-E-MLFLOW-BUSY",
                expected="one at a time",
                got=f"lease={_LEASE!r} is held",
                remedy="wait until it is done; one that was killed is forgotten in five minutes",
            )

    renew()
    try:
        found = []
        for name in names:
            progress(name)
            found.append(
                mirror_model(client, wanted(store, name), write=write, before_release=renew)
            )
        return tuple(found)
    finally:
        if write:
            store.catalog.release_lease(_LEASE, holder)
