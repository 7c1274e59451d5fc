"""Find the format that codes share: runs of digits, capitals, small letters, fixed characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

_MAX_RUNS = 12
_CLASSES = {"d": "[0-9]", "u": "[A-Z]", "l": "[a-z]"}


def _class(char: str) -> str:
    if "0" <= char <= "9":
        return "d"
    if "A" <= char <= "Z":
        return "u"
    if "a" <= char <= "z":
        return "l"
    return char


def runs_of(text: str) -> tuple[tuple[str, int], ...]:
    """A text as runs of a character class and their lengths.

    >>> runs_of("7590-VHVEG")
    (('d', 4), ('-', 1), ('u', 5))
    """
    return tuple((kind, len(list(run))) for kind, run in groupby(text, key=_class))


def pattern_of(texts: Sequence[str], share: float = 0.95) -> str | None:
    r"""A regular expression that at least `share` of the distinct texts match, or None.

    Only codes get one: all with the same runs, two runs or more or one run of fixed length, with
    at least one digit or mark in them. Half of the texts proposes the pattern, the other half
    must confirm it. Lengths that vary get room for twice as many characters.

    Args:
        texts: distinct texts, 20 or more.
        share: of the confirming half that must match.

    Example:
        >>> pattern_of([f"{i:04d}-AB" for i in range(100)])
        '[0-9]{4}\\-[A-Z]{2}'
    """
    if len(texts) < 20 or any(len(text) > 64 for text in texts[:200]):
        return None
    proposing, confirming = texts[::2], texts[1::2]
    shapes: dict[tuple[str, ...], int] = {}
    for text in proposing:
        key = tuple(kind for kind, _ in runs_of(text))
        shapes[key] = shapes.get(key, 0) + 1
    shape, times = max(shapes.items(), key=lambda item: (item[1], item[0]))
    if times < share * len(proposing) or not 1 <= len(shape) <= _MAX_RUNS:
        return None
    members = [r for r in map(runs_of, proposing) if tuple(kind for kind, _ in r) == shape]
    lengths = [[run[i][1] for run in members] for i in range(len(shape))]
    if set(shape) <= {"l"} or (set(shape) <= {"u", "l"} and not _fixed(lengths)):
        return None
    if len(shape) == 1 and not _fixed(lengths):
        return None
    pattern = "".join(_part(kind, sizes) for kind, sizes in zip(shape, lengths, strict=True))
    matched = sum(re.fullmatch(pattern, text) is not None for text in confirming)
    return pattern if matched >= share * len(confirming) else None


def _fixed(lengths: Sequence[Sequence[int]]) -> bool:
    return all(min(sizes) == max(sizes) for sizes in lengths)


def _part(kind: str, sizes: Sequence[int]) -> str:
    base = _CLASSES.get(kind) or re.escape(kind)
    low, high = min(sizes), max(sizes)
    if low == high:
        return base if low == 1 else f"{base}{{{low}}}"
    return f"{base}{{1,{2 * high}}}"
