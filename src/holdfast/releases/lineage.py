"""Where a release comes from: packages, and the code that trained."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from holdfast.errors import ReleaseError


def environment_lock() -> dict[str, str]:
    """Every installed package with its version, and Python itself, sorted by name."""
    found = {
        distribution.metadata["Name"].lower(): distribution.version
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"]
    }
    found["python"] = platform.python_version()
    return dict(sorted(found.items()))


def environment_hash(environment: Mapping[str, str]) -> str | None:
    """sha256 of a list of packages, whatever its order; None for an empty one.

    Args:
        environment: package → version, as `environment_lock` gives it.

    Example:
        >>> environment_hash({"b": "2", "a": "1"}) == environment_hash({"a": "1", "b": "2"})
        True
    """
    if not environment:
        return None
    return hashlib.sha256(msgspec.json.encode(dict(environment), order="sorted")).hexdigest()


def code_hash(code: Any) -> str | None:
    """sha256 of training code.

    Args:
        code: a path, several paths, a module or function (its source), or None.
    """
    if code is None:
        return None
    digest = hashlib.sha256()
    for part in code if isinstance(code, list | tuple) else [code]:
        if isinstance(part, str | Path):
            try:
                digest.update(Path(part).read_bytes())
            except OSError as error:
                raise ReleaseError(
                    "the training code cannot be read", expected="a file", got=f"code={part!s}"
                ) from error
        else:
            try:
                digest.update(inspect.getsource(part).encode())
            except (OSError, TypeError) as error:
                raise ReleaseError(
                    "the training code has no source to hash",
                    expected="a path, a module or a function",
                    got=f"type={type(part).__name__}",
                ) from error
    return digest.hexdigest()
