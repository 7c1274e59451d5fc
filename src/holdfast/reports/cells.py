"""How a cell is written, the same in every format, and what may never reach a terminal or XML."""

from __future__ import annotations

import datetime
import math
import re

from holdfast.reports.document import Cell, Format

#: control characters (an escape sequence could repaint a terminal; XML forbids most) and the
#: marks that turn the direction of text around
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def clean(text: str) -> str:
    r"""The text with control and direction characters spelled out.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _CONTROL.sub(
        lambda m: repr(m.group())[1:-1] if ord(m.group()) < 256 else f"\\u{ord(m.group()):04x}",
        text,
    )


def one_line(text: str) -> str:
    r"""`clean`, with line breaks and tabs as spaces.

    >>> one_line("a\n b")
    'a b'
    """
    return re.sub(r"\s+", " ", clean(text)).strip()


def write(value: Cell, format: Format = Format.PLAIN) -> str:  # noqa: A002 - the field's name
    """A cell as text; None is a dash, not a zero.

    >>> write(0.9584, Format.SHARE), write(None), write(20000, Format.COUNT)
    ('95.8%', '–', '20,000')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(value)
    return _number(value, format)


def _number(value: float, format: Format) -> str:  # noqa: A002
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if format is Format.SHARE:
        return f"{100 * value:.1f}%"
    if format is Format.COUNT:
        return f"{round(value):,}"
    if format is Format.DECIMAL:  # three places would show a small cost as nothing
        return f"{value:.2g}" if 0.0 < abs(value) < 0.01 else f"{value:,.3f}"
    if format is Format.TIME:
        return moment(int(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def moment(micros: int) -> str:
    """Microseconds since 1970 as a minute in UTC.

    >>> moment(0)
    '1970-01-01 00:00 UTC'
    """
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    try:
        return (epoch + datetime.timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M UTC")
    except OverflowError:
        return f"{micros} us"


def is_number(value: Cell) -> bool:
    """Whether a cell is aligned right."""
    return isinstance(value, int | float) and not isinstance(value, bool)
