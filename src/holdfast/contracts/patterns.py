r"""Regular expressions that cannot run away: a bounded subset, matched in full.

A contract may come from a file, and its patterns meet every request. So only patterns are taken
whose every choice is decided by the next character, or that have at most a few undecided choices
in sequence, none of them inside a repeat. For those the backtracking of ``re`` is bounded, and
the bound gives the longest text a pattern is asked about.

The subset: literals, ``.``, classes ``[...]``, ``\d \w \s`` and their capitals (ASCII), groups
``(...)`` and ``(?:...)``, ``|``, ``* + ? {m} {m,} {m,n}``, ``^`` at the start and ``$`` at the
end. No back-references, look-arounds, flags, lazy or possessive repeats.

Example:
    >>> match = compile_pattern(r"[A-Z]{2}-\d{4}")
    >>> match("ES-2026"), match("ES-2026\n")
    (True, False)
    >>> compile_pattern("(a+)+b")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    holdfast.errors.ContractError: [HF-E-CONTRACT-PATTERN] the pattern is not safe to match: ...
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, NoReturn

from holdfast.errors import ContractError

#: longest pattern, in characters
MAX_PATTERN = 500
#: largest count in ``{m,n}``, and most states after writing counts out
MAX_COUNT = 1000
MAX_STATES = 5000
MAX_DEPTH = 20
#: most steps of the matcher on one text; a step is about ten nanoseconds
MAX_STEPS = 1_000_000
#: a text longer than this never matches
MAX_TEXT = 10_000
#: a pattern that is not safe for texts of this length is refused
MIN_TEXT = 64

_DIGIT = frozenset("0123456789")
_WORD = _DIGIT | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SPACE = frozenset(" \t\n\r\f\v")
#: stands for every character outside ASCII
_OTHER = "\uffff"
_ALL = frozenset(map(chr, range(128))) | {_OTHER}
_CLASSES = {
    "d": _DIGIT, "w": _WORD, "s": _SPACE,
    "D": _ALL - _DIGIT, "W": _ALL - _WORD, "S": _ALL - _SPACE,
}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_FLAT = "repeat the inner part a fixed number of times, or list the forms with |"


class _Part(NamedTuple):
    """What is known of a piece of a pattern."""

    first: frozenset[str]  # characters it can begin with
    nullable: bool  # whether it can match nothing
    longest: float  # most characters it can match
    states: int  # size after writing counts out
    ways: tuple[float, ...]  # for each undecided choice, how many outcomes it can have
    choices: tuple[tuple[frozenset[str], float], ...]  # open choices: decided by what follows
    unbounded: bool  # holds an unbounded repeat


_NOTHING = _Part(frozenset(), True, 0, 0, (), (), False)


def _char(first: frozenset[str]) -> _Part:
    return _Part(first, False, 1, 1, (), (), False)


class _Reader:
    """Recursive descent over the pattern; every step refuses what the subset lacks."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.text = pattern
        self.at = 0
        self.depth = 0

    def refuse(
        self, why: str, remedy: str = "write it in the subset that docs describe"
    ) -> NoReturn:
        raise ContractError(
            f"the pattern is not safe to match: {why}",
            code="HF-E-CONTRACT-PATTERN",
            got=f"pattern={self.pattern[:80]!r}",
            remedy=remedy,
        )

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        char = self.peek()
        if not char:
            self.refuse("it ends too early")
        self.at += 1
        return char

    def whole(self) -> _Part:
        if len(self.text) > MAX_PATTERN:
            self.refuse(f"it is longer than {MAX_PATTERN} characters")
        if self.text.startswith("^"):
            self.text = self.text[1:]
        if self.text.endswith("$") and not self.text.endswith("\\$"):
            self.text = self.text[:-1]
        part = self.branches()
        if self.peek():
            self.refuse(f"{self.peek()!r} without its beginning")
        return part

    def branches(self) -> _Part:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"groups nest deeper than {MAX_DEPTH}")
        parts = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.sequence())
        self.depth -= 1
        if len(parts) == 1:
            return parts[0]
        overlap = _overlap(parts)
        empty = [p for p in parts if p.nullable]
        first = frozenset().union(*(p.first for p in parts))
        ways = tuple(w for p in parts for w in p.ways)
        choices = tuple(c for p in parts for c in p.choices)
        if overlap or len(empty) > 1:
            ways += (float(len(parts)),)
        elif empty:
            choices += ((first, 2.0),)
        return self.sized(
            _Part(
                first,
                bool(empty),
                max(p.longest for p in parts),
                sum(p.states for p in parts) + 1,
                ways,
                choices,
                any(p.unbounded for p in parts),
            )
        )

    def sequence(self) -> _Part:
        whole = _NOTHING
        while self.peek() not in {"", "|", ")"}:
            whole = self.sized(_then(whole, self.piece()))
        return whole

    def sized(self, part: _Part) -> _Part:
        if part.states > MAX_STATES:
            self.refuse("its counts multiply to too many states")
        return part

    def piece(self) -> _Part:
        atom = self.atom()
        low, high = self.quantifier()
        if (low, high) == (1, 1):
            return atom
        if self.peek() in {"*", "+", "?", "{"} and self.peek():
            self.refuse("a repeat of a repeat, or a lazy or possessive one")
        return self.repeat(atom, low, high)

    def repeat(self, atom: _Part, low: int, high: float) -> _Part:
        many = high > 1
        if many and atom.nullable:
            self.refuse("a repeat of something that can be empty", _FLAT)
        if high == float("inf") and atom.unbounded:
            self.refuse("an unbounded repeat inside a repeat", _FLAT)
        if many and (atom.ways or any(first & atom.first for first, _ in atom.choices)):
            self.refuse("a repeat of something that can match in several ways", _FLAT)
        choices = atom.choices
        if low != high:
            choices += ((atom.first, high - low + 1),)
        count = low if high == float("inf") else int(high)
        return self.sized(
            _Part(
                atom.first,
                low == 0 or atom.nullable,
                atom.longest * high if atom.longest else 0,
                atom.states * max(count, 1) + 1,
                atom.ways,
                choices,
                atom.unbounded or high == float("inf"),
            )
        )

    def quantifier(self) -> tuple[int, float]:
        char = self.peek()
        if char == "*":
            self.at += 1
            return 0, float("inf")
        if char == "+":
            self.at += 1
            return 1, float("inf")
        if char == "?":
            self.at += 1
            return 0, 1
        if char != "{":
            return 1, 1
        found = re.compile(r"\{([0-9]{1,4})(,([0-9]{0,4}))?\}").match(self.text, self.at)
        if not found:
            self.refuse("a brace that is not a count (write it as \\{)")
        self.at = found.end()
        low = int(found[1])
        high: float = low
        if found[2]:
            high = int(found[3]) if found[3] else float("inf")
        if low > MAX_COUNT or (high > MAX_COUNT and high != float("inf")) or high < max(low, 1):
            self.refuse(f"a count outside 1 to {MAX_COUNT}, or with its ends swapped")
        return low, high

    def atom(self) -> _Part:
        char = self.take()
        if char == "(":
            if self.peek() == "?":
                if self.text[self.at : self.at + 2] != "?:":
                    self.refuse("a look-around, flag, name or back-reference")
                self.at += 2
            part = self.branches()
            if self.take() != ")":
                self.refuse("a group that does not end")
            return part
        if char == "[":
            return _char(self.char_class())
        if char == "\\":
            return _char(self.escape())
        if char == ".":
            return _char(_ALL - {"\n"})
        if char in "*+?{}]^$":
            self.refuse(f"{char!r} where a character should stand (write it as \\{char})")
        return _char(_fold(char))

    def escape(self) -> frozenset[str]:
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _ESCAPES:
            return frozenset(_ESCAPES[char])
        if char in _WORD:
            self.refuse(f"the escape \\{char}")
        return _fold(char)

    def char_class(self) -> frozenset[str]:
        negated = self.peek() == "^"
        if negated:
            self.at += 1
        members: frozenset[str] = frozenset()
        start = self.at
        while self.peek() != "]" or self.at == start:
            if self.peek() in {"[", "]"} or self.text[self.at : self.at + 2] in {
                "--",
                "&&",
                "~~",
                "||",
            }:
                self.refuse("a bracket or set operation inside a class (escape it)")
            low, single = self.class_member()
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in {"", "]"}:
                self.at += 1
                high, ends = self.class_member()
                if not (single and ends) or ord(high) < ord(low):
                    self.refuse("a range in a class with its ends swapped or without ends")
                members |= _span(low, high)
            else:
                members |= _fold(low) if single else _CLASSES[low]
        self.at += 1
        return _ALL - (members - {_OTHER}) if negated else members

    def class_member(self) -> tuple[str, bool]:
        """One member of a class: a character and True, or the letter of a class and False."""
        char = self.take()
        if char != "\\":
            return char, True
        char = self.take()
        if char in _CLASSES:
            return char, False
        if char in _ESCAPES:
            return _ESCAPES[char], True
        if char in _WORD:
            self.refuse(f"the escape \\{char}")
        return char, True


def _fold(char: str) -> frozenset[str]:
    return frozenset(char if ord(char) < 128 else _OTHER)


def _span(low: str, high: str) -> frozenset[str]:
    members = {chr(c) for c in range(ord(low), min(ord(high), 127) + 1)}
    return frozenset(members | ({_OTHER} if ord(high) > 127 else set()))


def _overlap(parts: list[_Part]) -> bool:
    seen: frozenset[str] = frozenset()
    for part in parts:
        if seen & part.first:
            return True
        seen |= part.first
    return False


def _then(left: _Part, right: _Part) -> _Part:
    """`left` followed by `right`: the open choices of `left` meet what follows them."""
    ways, choices = left.ways + right.ways, right.choices
    for first, outcomes in left.choices:
        if first & right.first:
            ways += (outcomes,)
        elif right.nullable:
            choices += ((first, outcomes),)
    return _Part(
        left.first | right.first if left.nullable else left.first,
        left.nullable and right.nullable,
        left.longest + right.longest,
        left.states + right.states,
        ways,
        choices,
        left.unbounded or right.unbounded,
    )


def _steps(part: _Part, size: int) -> float:
    """A bound on the matcher's steps over a text of `size` characters."""
    steps = size + 1.0
    for outcomes in part.ways:
        steps *= min(outcomes, size + 1)
    return steps


def longest_text(pattern: str) -> int:
    """The longest text that `pattern` is asked about; longer ones do not match.

    Raises:
        ContractError: when the pattern is outside the subset, or not safe to match.
    """
    reader = _Reader(pattern)
    part = reader.whole()
    size = int(min(part.longest, MAX_TEXT))
    while _steps(part, size) > MAX_STEPS:
        size = size * 3 // 4
        if size < MIN_TEXT:
            reader.refuse(
                "too many choices that the next character does not decide",
                "make neighbouring parts begin with different characters",
            )
    return size


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test whether a whole text matches `pattern`.

    Raises:
        ContractError: when the pattern is outside the subset, or not safe to match.
    """
    limit = longest_text(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fullmatch = re.compile(pattern, re.ASCII).fullmatch
    except (re.error, OverflowError, RecursionError, Warning) as error:
        _Reader(pattern).refuse(f"it is not a regular expression ({str(error)[:80]})")
    return lambda text: len(text) <= limit and fullmatch(text) is not None


@lru_cache(maxsize=256)
def compile_time_format(time_format: str) -> Callable[[str], bool]:
    """A test whether a text is a time in the strptime format.

    >>> compile_time_format("%d/%m/%Y")("23/11/2026")
    True

    Raises:
        ContractError: when the format is not one of strptime's.
    """
    refused: str | None = None
    if not 0 < len(time_format) <= 64 or "%" not in time_format:
        refused = "length or no %"
    else:
        try:
            datetime.strptime("", time_format)  # noqa: DTZ007 - only the form is looked at
        except re.error as error:
            refused = str(error)
        except (ValueError, IndexError) as error:
            refused = None if "does not match" in str(error) else str(error)
    if refused is not None:
        raise ContractError(
            "the time format is not one of strptime's",
            code="HF-E-CONTRACT-PATTERN",
            expected="something like '%Y-%m-%d'",
            got=f"time_format={time_format[:64]!r} ({refused[:80]})",
        )

    def matches(text: str) -> bool:
        if len(text) > 128:
            return False
        try:
            datetime.strptime(text, time_format)  # noqa: DTZ007 - only the form is looked at
        except (ValueError, OverflowError):
            return False
        return True

    return matches
