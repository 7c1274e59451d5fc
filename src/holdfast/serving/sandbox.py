"""A worker never unpickles. An audit hook, once set, cannot be taken away again."""

from __future__ import annotations

import sys
from typing import Any

_installed = False


class PickleRefusedError(RuntimeError):
    """Something in this process tried to load a pickle."""


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        raise PickleRefusedError(
            "a server process does not load pickles; build the release with a safe format"
        )


def forbid_pickle() -> None:
    """From now on, loading any class or function from a pickle raises in this process."""
    global _installed  # noqa: PLW0603 - a process has one set of audit hooks
    if not _installed:
        sys.addaudithook(_refuse)
        _installed = True
