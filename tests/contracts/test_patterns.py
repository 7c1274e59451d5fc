"""Patterns that a contract may hold: useful ones work, evil ones are refused or fast."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.contracts.patterns import compile_pattern, compile_time_format, longest_text
from holdfast.errors import ContractError


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[A-Z]{2}\d{4}", ["ES1234"], ["ES123", "ES12345", "ES1234\n", "é"]),
        (r"^\d+-\d+$", ["1-2"], ["1-", "1-2\n"]),
        (r"(?:\d{1,3}\.){3}\d{1,3}", ["10.0.0.1"], ["10.0.0", "10.0.0.1."]),
        (r"[^@\s]+@[^@\s]+\.[a-z]{2,}", ["a.b@c.de"], ["a@b", "@c.de"]),
        (r"[\w.-]+", ["a-b.c_1"], ["", "a b"]),
        (r"(?:yes|no|n/a)", ["yes", "no"], ["maybe", "y"]),
        (r"a?b?c?", ["", "ac"], ["ca"]),
        (r"\+?[0-9 ()-]{6,20}", ["+34 (91) 123"], ["12"]),
        (r"[a-f0-9]{8}(?:-[a-f0-9]{4}){3}", ["0" * 8 + "-12af" * 3], ["0"]),
        (r".*\.csv", ["a.csv"], ["a.csvx"]),
        (r"[\[\]\\^-]", ["[", "]", "\\", "^", "-"], ["a"]),
        (r"[^\d]", ["a", "é"], ["1"]),
        (r"é+", ["éé"], ["e"]),
        (r"", [""], ["a"]),
        (r"a|", ["", "a"], ["b"]),
        (r"\$\{\}", ["${}"], ["$"]),
    ],
)  # fmt: skip
def test_useful_patterns_match_in_full(pattern, good, bad):
    match = compile_pattern(pattern)
    assert [match(text) for text in good] == [True] * len(good)
    assert [match(text) for text in bad] == [False] * len(bad)


NESTED = [
    "(a+)+", "(a*)*", "(a+)*", "(a*)+", "(a?)*", "(a?)+", "((a+)+)+", "(a+){2,}", "(a*){10}",
    "([a-z]+)*", "(.*)*", "(.+)+", "(\\w+\\s?)*", "(\\d+)+x", "(a|a)*", "(a|aa)+", "(a|a?)+",
    "(a|b|ab)*", "(.|a)+", "(x+x+)+y", "(([a-z])+.)+[A-Z]([a-z])+", "(a{1,30}){1,30}",
    "(a?){30}a{30}", "((a{0,9}){0,9}){0,9}", "(?:a+)+$", "^(a+)+$", "([a-zA-Z]+)*$", "(a|[ab])*c",
    "(\\s|\\t)+x", "(?:\\w|\\d)+", "(ab?a?)+", "(a*a*)+", "(a+b?)*", "(a+|b+)*", "(a+b+)+",
    "(?:(?:a)+)+", "((ab)*)*", "(a{2,})+", "(.{1,9})+",
]  # fmt: skip
SEQUENCES = [
    "a*a*a*a*a*a*b", ".*.*.*x", "\\w*\\w*\\w*\\w*\\d", "\\d+\\d+\\d+\\d+\\d+x",
    "a?" * 30 + "a" * 30, ".{0,50}.{0,50}.{0,50}.{0,50}.{0,50}x", "[a-z]*[a-m]*[a-f]*[a-c]*z",
    "(a|a)(a|a)(a|a)" * 20, "x*" * 100, "(a|ab)(c|bcd)" * 40, "a{1,1000}a{1,1000}a{1,1000}",
    "\\s+.*\\s+.*\\s+.*x", ".*a.*a.*a.*a.*b", "[ab]*[bc]*[ca]*[ab]*d", "a*b?a*c?a*d?a*x",
    "(a{0,200}){1}a{0,200}a{0,200}x",
]  # fmt: skip
FOREIGN = [
    "(a)\\1", "(?P<x>a)(?P=x)", "(?=a+)a", "(?!a)b", "(?<=a)b", "(?<!a)b", "(?i)a", "(?x) a",
    "(?>a+)", "a*+", "a*?", "a++", "a??", "a{2,3}?", "\\bword\\b", "\\Aa\\Z", "(?#c)a",
    "(?(1)a|b)", "\\p{L}", "\\x41", "\\u0041", "\\N{DIGIT ONE}", "\\07", "\\Z", "a**", "(", ")",
    "a{3,2}", "a{5000}", "[z-a]", "[a", "[[:alpha:]]", "[a--b]", "[a&&b]", "*", "+a", "a|*", "{",
    "}", "]", "\\", "a^b", "a$b", "()*", "(" * 30 + ")" * 30, "a" * 501,
    "((((a{100}){100}){100}){100})", "(?:a{1000}){1000}", "a{99999}",
]  # fmt: skip
EVIL = NESTED + SEQUENCES + FOREIGN
BAIT = ["a", "ab", "x", "1", " ", "a b ", "A", "aA1 ", "\t", "é", "aab", "aac"]


def test_there_are_a_hundred_evil_patterns():
    assert len(set(EVIL)) >= 100


@pytest.mark.parametrize("pattern", FOREIGN, ids=lambda p: repr(p[:30]))
def test_what_is_outside_the_subset_is_refused(pattern):
    with pytest.raises(ContractError, match="not safe"):
        compile_pattern(pattern)


def slowest(match):
    """CPU seconds of the worst bait, at the lengths where a matcher suffers most."""
    worst = 0.0
    for bait in BAIT:
        for size in (30, 100, 1000, 10_000, 1_000_000):
            for tail in ("", "!", "\x00"):
                text = (bait * (size // len(bait))) + tail
                start = time.thread_time()
                match(text)
                worst = max(worst, time.thread_time() - start)
    return worst


@pytest.mark.parametrize("pattern", NESTED + SEQUENCES, ids=lambda p: repr(p[:40]))
def test_an_evil_pattern_is_refused_or_fast(pattern):
    try:
        match = compile_pattern(pattern)
    except ContractError:
        return
    assert slowest(match) < 0.05


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a|a)*", "(\\w+\\s?)*", "(a?){30}a{30}", "a*a*a*a*a*a*b", ".*.*.*x"]
)
def test_the_famous_ones_are_refused(pattern):
    with pytest.raises(ContractError):
        compile_pattern(pattern)


pieces = st.sampled_from(
    ["a", "b", "[ab]", ".", "\\d", "\\w", "x", "(a|b)", "(?:ab)", "(a)", "(a|ab)", "-", "(b|a?)"]
)
repeats = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,3}", "{1,40}", "{2,}"])
sequences = st.lists(st.tuples(pieces, repeats), max_size=5).map(
    lambda parts: "".join(a + b for a, b in parts)
)
patterns = st.one_of(
    sequences,
    st.tuples(sequences, repeats, sequences).map(lambda p: f"({p[0]}){p[1]}{p[2]}"),
    st.tuples(sequences, sequences, repeats, sequences).map("(?:{0[0]}|{0[1]}){0[2]}{0[3]}".format),
)


@given(patterns, st.text("abx1-", max_size=12))
@settings(max_examples=300, deadline=None)
def test_an_accepted_pattern_says_what_re_says(pattern, text):
    try:
        match = compile_pattern(pattern)
    except ContractError:
        return
    assert len(text) <= longest_text(pattern) or not re.fullmatch(pattern, text)
    assert match(text) == bool(re.fullmatch(pattern, text, re.ASCII))


@given(patterns)
@settings(max_examples=60, deadline=None)
def test_an_accepted_pattern_is_fast_on_any_bait(pattern):
    try:
        match = compile_pattern(pattern)
    except ContractError:
        return
    assert slowest(match) < 0.05


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_pattern_or_a_contract_error(pattern):
    try:
        compile_pattern(pattern)("abc")
    except ContractError:
        return


@pytest.mark.parametrize("bad", ["", "no percent", "%Q", "%Y" * 40, "%Y%Y", "%", "%d\x00%"])
def test_a_time_format_that_strptime_lacks_is_refused(bad):
    with pytest.raises(ContractError):
        compile_time_format(bad)


def test_a_time_format_is_matched_in_full():
    match = compile_time_format("%d/%m/%Y")
    assert match("23/11/2026")
    assert not any(match(text) for text in ("2026-11-23", "23/11/2026x", "", "9" * 10**6))
