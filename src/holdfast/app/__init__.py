"""The composition root: the only reader of settings, clock and environment.

Everything below gets time, seeds, stores and settings handed in; here they come from. The command
line calls these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

#: public name -> module that defines it
_PUBLIC = {
    "Settings": "holdfast.app.settings",
    "load_settings": "holdfast.app.settings",
    "make_service": "holdfast.app.programs",
    "new_token": "holdfast.app.basics",
    "now_us": "holdfast.app.basics",
    "open_store": "holdfast.app.basics",
    "serve": "holdfast.app.supervise",
}

__all__ = [
    "Settings",
    "load_settings",
    "make_service",
    "new_token",
    "now_us",
    "open_store",
    "serve",
]

if TYPE_CHECKING:
    from holdfast.app.basics import new_token, now_us, open_store
    from holdfast.app.programs import make_service
    from holdfast.app.settings import Settings, load_settings
    from holdfast.app.supervise import serve


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
