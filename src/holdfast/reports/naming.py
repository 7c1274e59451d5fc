"""Names from outside, made safe to print and joined for reading."""

from __future__ import annotations

from collections.abc import Sequence


def clean(text: str, limit: int = 80) -> str:
    r"""Text from outside made safe to print: no control characters, no backticks, not long.

    >>> clean("Job\n`x`")
    "Job?'x'"
    """
    safe = "".join(c if c.isprintable() else "?" for c in text.replace("`", "'"))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def names(columns: Sequence[str], limit: int = 4) -> str:
    """Column names in backticks, joined for reading.

    >>> names(["Job", "Age", "Income"])
    '`Job`, `Age` and `Income`'
    """
    quoted = [f"`{clean(column)}`" for column in columns]
    if len(quoted) > limit:
        quoted = [*quoted[:limit], f"{len(columns) - limit} more"]
    if len(quoted) < 2:
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + " and " + quoted[-1]
