"""Public names of a package that are imported only when they are asked for (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose names live in other modules.

    Args:
        package: name of the package, its ``__name__``.
        names: public name -> module that defines it.

    Example:
        >>> getattr_, dir_ = lazy_names("holdfast.lazy", {"sqrt": "math"})
        >>> getattr_("sqrt")(9.0), "sqrt" in dir_()
        (3.0, True)
        >>> getattr_("cbrt")
        Traceback (most recent call last):
            ...
        AttributeError: module 'holdfast.lazy' has no attribute 'cbrt'
    """
    namespace = vars(sys.modules[package])

    def find(name: str) -> Any:
        module = names.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module), name)
        namespace[name] = value
        return value

    def listing() -> list[str]:
        return sorted({*namespace, *names})

    return find, listing
