"""What all words of a history are made of: texts of a payload, read without trust.

A payload may be of another version or written by hand: what is missing or of another type is left
out of the sentence, and an event whose subject is missing is not told at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Payload = Mapping[str, Any]
#: incident id → what it is called
Called = Mapping[str, str]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An event in words; see `holdfast.releases.history.Entry`."""

    sentence: str
    release: str | None = None
    incident: str | None = None
    why: str = ""
    tone: str = ""


Teller = Callable[[Payload, Called], Told | None]


def text(payload: Payload, name: str) -> str:
    """A text of the payload, or the empty one.

    >>> text({"by": "ada", "rev": 3}, "by"), text({"by": 3}, "by")
    ('ada', '')
    """
    value = payload.get(name)
    return value.strip() if isinstance(value, str) else ""


def texts(payload: Payload, name: str) -> list[str]:
    """The texts of a list of the payload; a single text is a list of one."""
    value = payload.get(name)
    found = value if isinstance(value, list | tuple) else [value]
    return [part.strip() for part in found if isinstance(part, str) and part.strip()]


def short(release: str) -> str:
    """The id of a release as a sentence has it.

    >>> short("1f0c9a7b3d5e77aa")
    '`1f0c9a7b3d5e`'
    """
    return f"`{release[:12]}`"


def joined(*parts: str) -> str:
    """Reasons one after the other, each a sentence.

    >>> joined("drift in `income`", "", "It holds.")
    'drift in `income`. It holds.'
    """
    told = [part for part in parts if part]
    ended = [part if part.endswith((".", "!", "?")) else f"{part}." for part in told[:-1]]
    return " ".join([*ended, *told[-1:]])
