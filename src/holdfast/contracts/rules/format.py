"""Format: marks texts that do not match a pattern or a time format.

Patterns are matched in full by Python's `re` on the distinct texts, so that a column and a row
cannot disagree. `refuse_unsafe` keeps patterns in the bounded subset: no back-references, no
look-around, no unbounded repeat inside a repeat.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, FormatRule
from holdfast.contracts.rules.scalar import is_null, well_typed
from holdfast.errors import ContractError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "format"
_UNSAFE = re.compile(r"\\[1-9]|\(\?(?!:)|[*+}]\s*\)\s*[*+{]|\(\?P=")


def refuse_unsafe(pattern: str) -> str:
    """The pattern itself, or `ContractError` when it is invalid or outside the safe subset.

    >>> refuse_unsafe(r"[A-Z]{2}[0-9]+")
    '[A-Z]{2}[0-9]+'
    """
    unsafe = _UNSAFE.search(pattern)
    try:
        re.compile(pattern)
    except re.error as error:
        raise ContractError(
            "a format pattern is not a regular expression",
            expected="a pattern Python's re understands",
            got=f"pattern={pattern!r}, {error.msg}",
            remedy="mend the pattern",
        ) from error
    if unsafe is not None:
        raise ContractError(
            "a format pattern could take very long on a hostile text",
            expected="no back-references, no look-around, no unbounded repeat inside a repeat",
            got=f"pattern={pattern!r}, at={unsafe.start()}",
            remedy="write it with bounded repeats such as {1,20}",
        )
    return pattern


@functools.lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Callable[[str], Any]:
    return re.compile(refuse_unsafe(pattern)).fullmatch


def matches(rule: FormatRule, text: str) -> bool:
    """Whether a text has the rule's format."""
    if rule.pattern is not None and _matcher(rule.pattern)(text) is None:
        return False
    if rule.time_format is not None:
        try:
            dt.datetime.strptime(text, rule.time_format)  # noqa: DTZ007 - only the form matters
        except ValueError:
            return False
    return True


def clean(rule: FormatRule, field: Field, column: ColumnView) -> bool:
    """True when the column holds no text."""
    return column.storage.value != "text" or column.present_count == 0


def check(rule: FormatRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed texts without the format."""
    from holdfast.contracts.rules.columns import nothing, text_mask, well_typed_mask

    if column.storage.value != "text":
        return nothing(column)
    return text_mask(column, lambda text: not matches(rule, text)) & well_typed_mask(field, column)


def check_one(rule: FormatRule, field: Field, value: Any) -> bool:
    """Whether a well-typed text lacks the format."""
    return (
        isinstance(value, str)
        and not is_null(value)
        and well_typed(field, value)
        and not matches(rule, value)
    )
