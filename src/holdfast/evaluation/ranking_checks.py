"""What makes a ranking evaluation worth less than it looks: time, samples, gaps, repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from holdfast.findings import Finding, Severity
from holdfast.records import Estimate

if TYPE_CHECKING:
    from holdfast.evaluation.ranking import Ranked

Ints = npt.NDArray[np.intp]

#: signs of sampled candidates are read from so many users on
_SIGNS_FROM = 20
#: share of relevant items beyond place k from which on "all are listed" is no sign of quality
_LATE = 0.05


def check(
    data: Ranked, shown: Ints, extra: dict[str, Estimate], sampled: bool | None
) -> tuple[Finding, ...]:
    """Every finding about the lists and their test rows, the gravest kinds first."""
    found = [
        *_time(data),
        *_sampled(data, shown.shape[1], sampled),
        *_repeats(data, shown),
        *_lists(data),
        *_popular(extra),
    ]
    if data.train_user is None:
        found.append(
            Finding(
                code="HF-E227",
                severity=Severity.NOTE,
                sentence="No training interactions were given: no baselines, novelty, popularity, "
                "and no look at time.",
                remedy="pass train=, the interactions the recommender learned from",
            )
        )
    return tuple(found)


def _time(data: Ranked) -> list[Finding]:
    if data.truth_time is None or data.train_time is None or data.train_user is None:
        return []
    if not len(data.train_time):
        return []
    row = data.row_of[data.train_user]
    own = row >= 0
    last = np.full(data.rows, -np.inf)
    np.maximum.at(last, row[own], data.train_time[own].astype(np.float64))
    first = np.full(data.rows, np.inf)
    np.minimum.at(first, data.truth_user, data.truth_time.astype(np.float64))
    known = int(np.isfinite(last).sum())
    bad = int((first < last).sum())
    if bad:
        share = bad / max(known, 1)
        return [
            Finding(
                code="HF-E221",
                severity=Severity.ERROR if share > 0.01 else Severity.WARNING,
                sentence=f"{bad:,} of {known:,} users have a test interaction that precedes one of "
                "their training interactions: the lists were learned from the users' future.",
                evidence={"users": bad, "of": known},
                remedy="split by time: train on what came before, test on what came after",
            )
        ]
    start = data.truth_time.min()
    later = float((data.train_time > start).mean())
    if later > 0:
        return [
            Finding(
                code="HF-E222",
                severity=Severity.NOTE,
                sentence=f"{later:.1%} of the training interactions are later than the first test "
                "interaction: each user's own order is kept, but popularity comes from the future.",
                evidence={"share": later},
                remedy="cut all users at one moment",
            )
        ]
    return []


def _sampled(data: Ranked, k: int, sampled: bool | None) -> list[Finding]:
    length = np.zeros(data.rows, np.intp)
    row = data.row_of[data.user]
    own = row >= 0
    np.add.at(length, row[own], 1)
    if sampled is None:
        has = length > 0
        key = row[own].astype(np.int64) * data.items + data.item[own]
        inside = np.isin(data.keys, key)
        late = float(np.isin(key[data.place[own] >= k], data.keys).sum()) / len(data.keys)
        usual = float(np.median(length[has])) if has.any() else 0.0
        sampled = bool(
            has.sum() >= _SIGNS_FROM
            and inside.all()
            and late > _LATE
            and 2 * usual < data.catalogue
            and usual > 2 * float(np.median(data.relevant))
        )
    if not sampled:
        return []
    return [
        Finding(
            code="HF-E220",
            severity=Severity.ERROR,
            sentence="The lists look ranked among sampled candidates, not the whole catalogue of "
            f"{data.catalogue:,} items: every relevant item is on its list. Such numbers are too "
            "high, and can turn the order of two recommenders.",
            evidence={
                "list_length": float(np.median(length)),
                "catalogue": data.catalogue,
                "users": data.rows,
            },
            remedy="rank every item for each user (Krichene and Rendle 2020); if these are full "
            "rankings, pass sampled=False",
        )
    ]


def _repeats(data: Ranked, shown: Ints) -> list[Finding]:
    from holdfast.evaluation.ranking import repeated

    if data.train_user is None or data.train_item is None:
        return []
    found = []
    again = repeated(data)
    if again and not data.repeats:
        found.append(
            Finding(
                code="HF-E228",
                severity=Severity.WARNING,
                sentence=f"{again:.2%} of the test interactions are training interactions too.",
                evidence={"share": again},
                remedy="take them out of the test rows, or pass repeats=True where they count",
            )
        )
    row = data.row_of[data.train_user]
    own = row >= 0
    had = row[own].astype(np.int64) * data.items + data.train_item[own]
    key = np.arange(data.rows, dtype=np.int64)[:, None] * data.items + shown
    there = shown >= 0
    share = float(np.isin(key[there], had).mean()) if there.any() else 0.0
    if share > 0.01 and not data.repeats:
        found.append(
            Finding(
                code="HF-E223",
                severity=Severity.WARNING,
                sentence=f"{share:.1%} of the places go to items that the user already has, which "
                "are no recommendation here.",
                evidence={"share": share},
                remedy="leave known items out before ranking, or pass repeats=True",
            )
        )
    return found


def _lists(data: Ranked) -> list[Finding]:
    found = []
    has = np.zeros(data.rows, bool)
    row = data.row_of[data.user]
    has[row[row >= 0]] = True
    without = int((~has).sum())
    if without:
        share = without / data.rows
        found.append(
            Finding(
                code="HF-E225",
                severity=Severity.WARNING if share > 0.01 else Severity.NOTE,
                sentence=f"{without:,} of {data.rows:,} test users have no list; each scores 0.",
                evidence={"users": without, "of": data.rows},
                remedy="recommend something to everyone, popular items at the least",
            )
        )
    if data.doubles:
        found.append(
            Finding(
                code="HF-E226",
                severity=Severity.WARNING,
                sentence=f"{data.doubles:,} places repeat an item of the same list; the better "
                "place was kept.",
                evidence={"places": data.doubles},
                remedy="let an item occur once in a list",
            )
        )
    return found


def _popular(extra: dict[str, Estimate]) -> list[Finding]:
    for name, e in extra.items():
        if name.startswith("popularity_lift") and e.low is not None and e.low > 0.5 and e.value:
            return [
                Finding(
                    code="HF-E224",
                    severity=Severity.NOTE,
                    sentence=f"Listed items are {e.value:.0%} more popular than what the same "
                    "users chose before.",
                    evidence={"lift": e.value, "low": e.low, "high": e.high, "users": e.n},
                    remedy="if taste matters, penalise popularity and compare NDCG again",
                )
            ]
    return []
