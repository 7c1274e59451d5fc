"""Clock, store and tokens: what every command begins with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.settings import Settings
from holdfast.errors import ConfigError

if TYPE_CHECKING:
    from holdfast.storage import Store


def now_us() -> int:
    """The clock: microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def open_store(settings: Settings, *, writer: str | None = None, read_only: bool = False) -> Store:
    """Open the store that the settings name."""
    from holdfast.storage import Store

    return Store.open(settings.store, writer=writer, read_only=read_only)


def new_token(settings: Settings, name: str, role: str, *, days: float | None = None) -> str:
    """Make a token, keep its hash in the token file, return the token (shown only now)."""
    from holdfast.serving.auth import add_token

    if settings.token_file is None:
        raise ConfigError("no token file is named", remedy="give --token-file PATH")
    return add_token(Path(settings.token_file), name, role, now=now_us(), days=days)
