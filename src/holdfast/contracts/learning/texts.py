"""Learn a column of texts: categories with their rare tail, ids, formats, dates as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from holdfast.contracts.learning.patterns import pattern_of
from holdfast.contracts.learning.tails import bounds
from holdfast.contracts.learning.times import time_rules
from holdfast.contracts.model import (
    CategoriesRule,
    Evidence,
    FormatRule,
    Kind,
    LengthRule,
    Role,
    SentinelRule,
)
from holdfast.contracts.rules.scalar import micros
from holdfast.stats.intervals import allowance, round_up, unseen_mass

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames import ColumnView

#: texts that stand for "nothing", compared without case and outer blanks; a bare "none" is not
#: among them: it often means "there is none", which is an answer
SENTINELS = frozenset(
    {"", "?", "-", "--", ".", "unknown", "unk", "n/a", "na", "#n/a", "null", "nan", "missing"}
    | {"not available", "not known", "unspecified", "undefined", "tbd", "-999", "9999", "-1"}
    | {"unknown/invalid", "not applicable", "(null)", "<na>"}
)
TIME_FORMATS = (
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y%m%d",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b-%Y",
    "%b %d, %Y",
    "%H:%M",
    "%H:%M:%S",
)
MAX_CATEGORIES = 1000
MAX_UNSEEN = 0.05
_RARE = 0.01
_DATE_LIKE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def text_field(column: ColumnView, role: Role) -> tuple[Kind, Role, list[Any], Any, str]:
    """Kind, role, rules beyond null and type, impute value and note of a column of texts."""
    rows = column.present_count
    if not rows:
        return Kind.TEXT, role, [], None, "never present"
    dictionary = column.dictionary
    counts = np.bincount(column.codes + 1, minlength=len(dictionary) + 1)[1:]
    sample = dictionary.slice(0, 600).to_pylist()
    if all(_DATE_LIKE.match(word) and micros(word) is not None for word in sample):
        instants = [micros(word) for word in dictionary.to_pylist()]
        if None not in instants:
            values = np.array(instants, dtype=np.int64)
            return Kind.TIME, role, time_rules(values, counts, role), None, ""
    sentinel = _sentinel_rule(dictionary, counts, rows)
    extra = [sentinel] if sentinel is not None else []
    time_format = _time_format(sample)
    if time_format is not None:
        rule = _format_rule(FormatRule(time_format=time_format), column)
        return Kind.TEXT, role, [*extra, rule], None, "dates or times as text"
    singles = int(np.count_nonzero(counts == 1))
    unseen = unseen_mass(singles, int(np.count_nonzero(counts == 2)), rows)
    if len(dictionary) <= MAX_CATEGORIES and (unseen.value or 0.0) <= MAX_UNSEEN:
        words = dictionary.to_pylist()
        order = np.lexsort((np.arange(len(words)), -counts))
        mode = words[int(order[0])]
        share = round_up(unseen.high if unseen.high is not None else 1.0)
        categories = CategoriesRule(
            values=tuple(sorted(words)),
            rows=singles == 0 or share <= _RARE,
            max_share=share,
            evidence=Evidence(rows=rows),
        )
        return Kind.CATEGORICAL, role, [*extra, categories], mode, ""
    return _free_text(column, role, extra, counts, sample)


def _free_text(
    column: ColumnView,
    role: Role,
    extra: list[Any],
    counts: npt.NDArray[np.int64],
    sample: Sequence[str],
) -> tuple[Kind, Role, list[Any], Any, str]:
    rows = column.present_count
    lengths = np.sort(np.asarray(column.length_array.drop_null()))
    low, high = bounds(lengths)
    rules = [
        *extra,
        LengthRule(
            low=low,
            high=high,
            max_share=allowance(0, rows),
            evidence=Evidence(rows=rows),
        ),
    ]
    pattern = pattern_of(sample)
    if pattern is not None:
        rule = _format_rule(FormatRule(pattern=pattern), column)
        if rule.max_share <= 0.05:
            rules.append(rule)
    short = int(lengths[-1]) <= 64 and not any(" " in word for word in sample)
    if rows >= 50 and len(counts) >= 0.99 * rows and short:
        return Kind.ID, Role.ID if role is Role.FEATURE else role, rules, None, ""
    return Kind.TEXT, role, rules, None, ""


def _format_rule(rule: FormatRule, column: ColumnView) -> FormatRule:
    """The rule with its evidence, counted on at most 20,000 distinct texts."""
    import msgspec

    from holdfast.contracts.rules.format import matches

    dictionary = column.dictionary.slice(0, 20_000).to_pylist()
    counts = np.bincount(column.codes + 1, minlength=len(column.dictionary) + 1)[1:]
    bad = np.array([not matches(rule, word) for word in dictionary], dtype=bool)
    rows = int(counts[: len(dictionary)].sum())
    marked = int(counts[: len(dictionary)][bad].sum())
    share = allowance(marked, rows)
    return msgspec.structs.replace(
        rule,
        rows=marked == 0 or share <= _RARE,
        max_share=share,
        evidence=Evidence(rows=rows, marked=marked),
    )


def _sentinel_rule(
    dictionary: Any, counts: npt.NDArray[np.int64], rows: int
) -> SentinelRule | None:
    if len(dictionary) > 100_000:
        return None
    folded = pc.utf8_lower(pc.utf8_trim_whitespace(dictionary)).to_pylist()
    places = [i for i, word in enumerate(folded) if word in SENTINELS]
    if not places or len(places) == len(folded):
        return None
    words = dictionary.take(places).to_pylist()
    marked = int(counts[places].sum())
    return SentinelRule(
        values=tuple(sorted(words)),
        rows=False,
        max_share=allowance(marked, rows),
        evidence=Evidence(rows=rows, marked=marked),
    )


def _time_format(sample: Sequence[str]) -> str | None:
    """The only format that every sampled text has; None when none does or the sample is small."""
    if len(sample) < 3 or not all(word[:1].isalnum() and len(word) >= 5 for word in sample):
        return None
    for form in TIME_FORMATS:
        if _all_parse(sample, form):
            return form
    return None


def _all_parse(sample: Sequence[str], form: str) -> bool:
    try:
        for word in sample:
            parsed = dt.datetime.strptime(word, form)  # noqa: DTZ007 - only the form matters
            if "%Y" in form and not 1800 <= parsed.year <= 2200:
                return False
    except ValueError:
        return False
    return True
