"""The store: catalog and control events in SQLite, predictions and labels in an append-only log.

One file to start (``holdfast.db``) and one folder beside it (``holdfast.files/``). A row that was
acknowledged is on disk; a write that cannot be kept is refused, never half done.

Example:
    >>> import tempfile, pathlib
    >>> from holdfast.storage import Store
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store.open(pathlib.Path(folder.name) / "holdfast.db")
    >>> store.control.append("release.promoted", "loan", {"release": "1f0c"}, at=0)
    1
    >>> store.close(); folder.cleanup()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "Catalog": "holdfast.storage.catalog",
    "Champion": "holdfast.storage.catalog",
    "ControlEvent": "holdfast.storage.control",
    "ControlLog": "holdfast.storage.control",
    "Cursor": "holdfast.storage.reader",
    "EventLog": "holdfast.storage.log",
    "LABELS": "holdfast.storage.schema",
    "PREDICTIONS": "holdfast.storage.schema",
    "Position": "holdfast.storage.writer",
    "Store": "holdfast.storage.store",
}

__all__ = [
    "LABELS",
    "PREDICTIONS",
    "Catalog",
    "Champion",
    "ControlEvent",
    "ControlLog",
    "Cursor",
    "EventLog",
    "Position",
    "Store",
]

if TYPE_CHECKING:
    from holdfast.storage.catalog import Catalog, Champion
    from holdfast.storage.control import ControlEvent, ControlLog
    from holdfast.storage.log import EventLog
    from holdfast.storage.reader import Cursor
    from holdfast.storage.schema import LABELS, PREDICTIONS
    from holdfast.storage.store import Store
    from holdfast.storage.writer import Position


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
