"""Spellings of one thing: what two names of a category have in common."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: words that stand for nothing
NOTHING = frozenset(
    [
        "unknown",
        "null",
        "none",
        "nan",
        "n/a",
        "na",
        "missing",
        "other",
        "others",
        "undefined",
        "unspecified",
        "unk",
        "empty",
        "default",
        "not-available",
        "notavailable",
        "nil",
        "void",
        "tbd",
        "-",
        "--",
        "?",
        ".",
        "0",
        "-1",
        "99",
        "999",
        "9999",
        "#n/a",
        "nat",
    ]
)


def is_nothing(name: str) -> bool:
    """Whether a spelling stands for "no value".

    >>> is_nothing(" Unknown"), is_nothing("n/a"), is_nothing(""), is_nothing("berlin")
    (True, True, True, False)
    """
    plain = name.strip().casefold().strip("<>()[]'\"").replace(" ", "-").replace("_", "-")
    return not plain or plain in NOTHING


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    r"""A spelling without case, blanks, signs, accents and garbling.

    >>> plain(" Never-Married"), plain("Citt\u00e0"), plain("Job\u00c3\u00a9"), plain("3.0")
    ('nevermarried', 'citta', 'joba', '3')
    """
    text = name.strip().casefold()
    if text.endswith(".0") and text[:-2].lstrip("-").isdigit():
        text = text[:-2]
    folded = unicodedata.normalize("NFKD", text)
    return "".join(c for c in folded if c.isalnum())


def likeness(new: str, old: str) -> float:
    """How surely a new spelling is an old one: 0 to 1.

    Equal without case, blanks and signs: 1. One contains the other, whole (prefix, suffix,
    garbling): 0.9 for three letters or more, 0.7 for a beginning cut off. The same letters in
    another order, no digits among them: 0.8. Else the share of common letter pairs, times 0.8.
    Whole numbers are equal without leading zeros; code 25 has nothing to do with code 2.

    >>> likeness("PRIVATE", "private"), likeness("v2_etavirP", "Private"), likeness("x", "berlin")
    (1.0, 0.8, 0.0)
    >>> likeness("7", "07"), likeness("25", "2")
    (1.0, 0.0)
    """
    a, b = plain(new), plain(old)
    if a and a == b:
        return 1.0
    if not a or not b:
        return 1.0 if new.strip() == old.strip() else 0.0
    digits = a.isdigit() and b.isdigit()
    if digits and a.lstrip("0") == b.lstrip("0"):
        return 1.0
    if len(b) >= 3 and b in a and len(b) >= 0.5 * len(a):
        return 0.9
    if len(b) < 3 and not digits and (a.startswith(b) or a.endswith(b)):
        return 0.7
    if len(a) >= 2 and b.startswith(a):  # cut off
        return 0.7
    if len(b) >= 2 and b[::-1] in a:
        return 0.8
    if a.isalpha() and len(b) >= 4 and len(a) == len(b) and sorted(a) == sorted(b):
        return 0.8
    pairs = _pairs(a), _pairs(b)
    size = len(pairs[0]) + len(pairs[1])
    return 0.8 * 2.0 * len(pairs[0] & pairs[1]) / size if size else 0.0


@lru_cache(maxsize=4096)
def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))
