"""Leaks planted into clean tables: one function a type, each with the seed it was given.

A planted case is what an auditor gets: training and test table, what is declared about their
columns, and (for scoring only) the guilty columns and which findings count as having found it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.leakage.tables import Clean


@dataclass(frozen=True)
class Case:
    """One audit to be made, and what it should say.

    Attributes:
        kind: type of the planted leak; ``clean`` for none.
        options: keyword arguments of the audit besides the tables.
        guilty: columns that must be named; empty where the finding is about rows.
        codes: words, one of which the code of a finding must contain to count as found.
    """

    name: str
    kind: str
    half: str
    train: pd.DataFrame
    test: pd.DataFrame | None
    options: dict[str, Any] = field(default_factory=dict)
    guilty: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def truth(clean: Clean) -> np.ndarray:
    """The target as numbers: 0/1, or the value itself for a regression; shape (n,)."""
    y = clean.frame[clean.target]
    if pd.api.types.is_numeric_dtype(y) and y.nunique() > 2:
        return y.to_numpy(float)
    positive = clean.positive if clean.positive is not None else sorted(y.dropna().unique())[-1]
    return (y == positive).to_numpy(float)


def binary(clean: Clean) -> bool:
    """Whether the target has two labels."""
    return clean.frame[clean.target].nunique() == 2


def options(clean: Clean) -> dict[str, Any]:
    """What a careful user would declare of a clean table."""
    found: dict[str, Any] = {"target": clean.target, **clean.options}
    if clean.positive is not None:
        found["positive"] = clean.positive
    if clean.event_time:
        found["event_time"] = clean.event_time
    if clean.entity:
        found["entity"] = clean.entity
    if clean.ids:
        found["ids"] = clean.ids
    return found


def split(clean: Clean, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An honest split: by time where there is one, else at random, 70 to 30."""
    frame = clean.frame
    if clean.event_time:
        frame = frame.sort_values(clean.event_time, kind="stable")
        cut = int(len(frame) * 0.7)
        edge = frame[clean.event_time].iloc[cut]
        late = (frame[clean.event_time] >= edge).to_numpy()
        return frame[~late].reset_index(drop=True), frame[late].reset_index(drop=True)
    order = rng.permutation(len(frame))
    cut = int(len(frame) * 0.7)
    return (
        frame.iloc[np.sort(order[:cut])].reset_index(drop=True),
        frame.iloc[np.sort(order[cut:])].reset_index(drop=True),
    )


def _case(clean: Clean, kind: str, train, test, guilty=(), codes=(), **more: Any) -> Case:
    return Case(
        name=clean.name, kind=kind, half=clean.half, train=train, test=test,
        options={**options(clean), **more}, guilty=tuple(guilty), codes=tuple(codes),
    )  # fmt: skip


def none(clean: Clean, rng: np.random.Generator) -> Case:
    """No leak at all."""
    return _case(clean, "clean", *split(clean, rng))


def exact_duplicates(clean: Clean, rng: np.random.Generator) -> Case:
    """5 % of the test rows are copies of training rows, in any order."""
    train, test = split(clean, rng)
    n = max(8, int(0.05 * len(test)))
    rows = train.iloc[rng.choice(len(train), n, replace=False)]
    test = pd.concat([test, rows]).sample(frac=1, random_state=int(rng.integers(1 << 30)))
    # ids and times of a copy are its own: the rest of the row is what repeats
    test = _own_roles(clean, test.reset_index(drop=True), train, rng)
    return _case(clean, "exact_duplicates", train, test, codes=("DUPLICATE",))


def _own_roles(clean: Clean, test, train, rng) -> pd.DataFrame:
    late = clean.event_time
    if late:
        edge = train[late].max()
        span = test[late].max() - edge
        moved = test[late] <= edge
        test.loc[moved, late] = edge + span * 0.5
        test = test.sort_values(late, kind="stable").reset_index(drop=True)
    return test


def near_duplicates(clean: Clean, rng: np.random.Generator) -> Case:
    """8 % of the test rows are training rows with a few cells changed a little."""
    train, test = split(clean, rng)
    n = max(12, int(0.08 * len(test)))
    rows = train.iloc[rng.choice(len(train), n, replace=False)].copy()
    numbers = [
        c
        for c in clean.features
        if pd.api.types.is_float_dtype(rows[c])
        or (pd.api.types.is_integer_dtype(rows[c]) and rows[c].nunique() > 20)
    ]
    for c in rng.choice(numbers, min(2, len(numbers)), replace=False) if numbers else []:
        step = train[c].std() * 0.02
        moved = rows[c].to_numpy(float) + rng.normal(0, step, n)
        if pd.api.types.is_integer_dtype(rows[c]):
            moved = np.round(moved + np.sign(moved - rows[c].to_numpy(float)))
            rows[c] = moved.astype(train[c].dtype)
        else:
            rows[c] = moved.astype(train[c].dtype)
    test = pd.concat([test, rows]).sample(frac=1, random_state=int(rng.integers(1 << 30)))
    test = _own_roles(clean, test.reset_index(drop=True), train, rng)
    return _case(clean, "near_duplicates", train, test, codes=("NEAR", "DUPLICATE"))


def post_outcome(clean: Clean, rng: np.random.Generator) -> Case:
    """A number written after the outcome: it follows the target with noise."""
    y = truth(clean)
    spread = y.std() or 1.0
    column = y + rng.normal(0, spread * rng.uniform(0.25, 0.7), len(y))
    return _with_column(
        clean, rng, "post_outcome", np.exp(column / spread / 2), ("OUTCOME", "GOOD")
    )


def outcome_category(clean: Clean, rng: np.random.Generator) -> Case:
    """A status code written after the outcome: one of six letters, right in 90 %."""
    y = truth(clean)
    level = (y > np.median(y)).astype(int) if not binary(clean) else y.astype(int)
    level = np.where(rng.random(len(y)) < 0.1, 1 - level, level)
    letters = np.array(list("ABCDEF"))
    return _with_column(
        clean, rng, "outcome_category", letters[level * 3 + rng.integers(0, 3, len(y))],
        ("OUTCOME", "GOOD", "ENCOD"),
    )  # fmt: skip


def null_pattern(clean: Clean, rng: np.random.Generator) -> Case:
    """Filled mostly where the outcome was the one looked for; the values say nothing."""
    y = truth(clean)
    high = y > np.median(y) if not binary(clean) else y > 0
    filled = np.where(high, rng.random(len(y)) < 0.92, rng.random(len(y)) < 0.06)
    column = np.where(filled, rng.normal(50, 10, len(y)), np.nan)
    return _with_column(clean, rng, "null_pattern", column, ("NULL", "OUTCOME", "GOOD"))


def _with_column(clean: Clean, rng, kind: str, column, codes) -> Case:
    name = f"x{int(rng.integers(100, 999))}"
    frame = clean.frame.copy()
    frame.insert(int(rng.integers(0, len(frame.columns))), name, column)
    planted = replace(clean, frame=frame)
    return _case(clean, kind, *split(planted, rng), guilty=(name,), codes=codes)


def row_order(clean: Clean, rng: np.random.Generator) -> Case:
    """The file is sorted by the target, roughly, and numbered in that order."""
    y = truth(clean)
    rank = np.argsort(np.argsort(y + rng.normal(0, (y.std() or 1) * 0.6, len(y)), kind="stable"))
    frame = clean.frame.copy()
    frame["row_id"] = 10_000 + rank
    planted = replace(clean, frame=frame, event_time=None)
    train, test = split(planted, rng)
    return _case(planted, "row_order", train, test, guilty=("row_id",),
                 codes=("ORDER", "OUTCOME", "GOOD", "ID"))  # fmt: skip


def joint(clean: Clean, rng: np.random.Generator) -> Case:
    """Two columns that tell the target only together (exclusive or), right in 93 %."""
    y = truth(clean)
    level = (y > np.median(y)) if not binary(clean) else y > 0
    first = rng.random(len(y)) < 0.5
    second = first ^ level ^ (rng.random(len(y)) < 0.07)
    frame = clean.frame.copy()
    frame["a_part"] = np.where(first, "left", "right")
    frame["b_part"] = np.where(second, rng.normal(3, 1, len(y)), rng.normal(9, 1, len(y)))
    planted = replace(clean, frame=frame)
    return _case(clean, "joint", *split(planted, rng), guilty=("a_part", "b_part"),
                 codes=("JOINT", "OUTCOME", "GOOD"))  # fmt: skip


def target_encoding(clean: Clean, rng: np.random.Generator) -> Case:
    """A fine category was replaced by its mean outcome over all rows, before the split."""
    y = truth(clean)
    groups = rng.integers(0, max(4, len(y) // 4), len(y))
    sums = np.bincount(groups, y)
    counts = np.bincount(groups)
    frame = clean.frame.copy()
    frame["code"] = [f"k{g}" for g in groups]
    frame["code_rate"] = (sums / np.maximum(counts, 1))[groups]
    planted = replace(clean, frame=frame)
    return _case(clean, "target_encoding", *split(planted, rng), guilty=("code_rate",),
                 codes=("ENCOD", "OUTCOME", "GOOD"))  # fmt: skip


def resampling(clean: Clean, rng: np.random.Generator) -> Case:
    """The smaller class was filled up with points between neighbours, before the split."""
    frame = clean.frame
    values = truth(clean)
    y = values > 0 if binary(clean) else values >= np.quantile(values, 0.8)
    minority = y if 0 < y.mean() < 0.5 else ~y
    numbers = [
        c
        for c in clean.features
        if pd.api.types.is_numeric_dtype(frame[c]) and not pd.api.types.is_bool_dtype(frame[c])
    ]
    few = frame[minority]
    want = int(max(0.35 * len(frame), 1.2 * len(few))) if minority.mean() < 0.4 else len(few) // 2
    values = few[numbers].astype(float)
    scaled = ((values - values.mean()) / (values.std() + 1e-9)).fillna(0).to_numpy()
    base = rng.choice(len(few), want)
    pool = rng.choice(len(few), min(len(few), 800), replace=False)
    distance = (
        ((scaled[base][:, None, :] - scaled[pool][None, :, :]) ** 2).sum(-1)
        if want * len(pool) * len(numbers) < 3e8
        else None
    )
    if distance is None:
        near = pool[
            [
                int(np.argsort(((scaled[pool] - scaled[b]) ** 2).sum(1))[1 + rng.integers(0, 4)])
                for b in base
            ]
        ]
    else:
        near = pool[np.argsort(distance, axis=1)[:, 1:6][np.arange(want), rng.integers(0, 5, want)]]
    made = few.iloc[base].copy().reset_index(drop=True)
    step = rng.random(want)[:, None]
    mixed = values.to_numpy()[base] + step * (values.to_numpy()[near] - values.to_numpy()[base])
    for i, c in enumerate(numbers):
        made[c] = mixed[:, i]
    whole = pd.concat([frame, made], ignore_index=True)
    whole = whole.sample(frac=1, random_state=int(rng.integers(1 << 30))).reset_index(drop=True)
    planted = replace(clean, frame=whole, event_time=None)
    return _case(planted, "resampling", *split(planted, rng), codes=("RESAMPL", "NEAR"))


def groups(clean: Clean, rng: np.random.Generator, declared: bool = True) -> Case:
    """Each entity has fifteen rows, mostly of one outcome, and three habits of its own."""
    y = truth(clean)
    level = y > 0 if binary(clean) else y > np.median(y)
    each = 15
    # rows of like outcome belong together: the entity tells the outcome
    order = np.lexsort((rng.random(len(y)), level ^ (rng.random(len(y)) < 0.08)))
    who = np.empty(len(y), int)
    who[order] = np.arange(len(y)) // each
    names = rng.permutation(who.max() + 1)
    habit = rng.normal(0, 1, (who.max() + 1, 3))
    frame = clean.frame.copy()
    frame["person"] = names[who] + 50_000
    for k in range(habit.shape[1]):
        frame[f"habit_{k}"] = habit[who, k] + rng.normal(0, 0.01, len(y))
    planted = replace(clean, frame=frame, event_time=None)
    train, test = split(planted, rng)
    more = {"entity": "person"} if declared else {}
    return _case(planted, "groups" if declared else "groups_found", train, test,
                 codes=("GROUP", "ENTITY"), **more)  # fmt: skip


def groups_found(clean: Clean, rng: np.random.Generator) -> Case:
    """The same, but nobody said which column is the entity."""
    return groups(clean, rng, declared=False)


def time_split(clean: Clean, rng: np.random.Generator) -> Case:
    """Rows of a stream, split at random."""
    frame = clean.frame.copy()
    name = clean.event_time
    if name is None:  # a stream is made: the outcome's share wanders with time
        name = "when"
        y = truth(clean)
        wander = np.sin(np.linspace(0, 6, len(y))) * (y.std() or 1)
        order = np.argsort(-(y + rng.normal(0, (y.std() or 1), len(y))), kind="stable")
        place = np.empty(len(y), int)
        place[order] = np.argsort(wander + rng.normal(0, 0.3, len(y)), kind="stable")[::-1]
        frame[name] = pd.Timestamp("2024-01-01") + pd.to_timedelta(place * 7, unit="min")
    planted = replace(clean, frame=frame, event_time=None)
    train, test = split(planted, rng)
    return _case(planted, "time_split", train, test, codes=("TIME",), event_time=name)


def look_ahead(clean: Clean, rng: np.random.Generator) -> Case:
    """A feature whose value became known after the decision, in a fifth of the rows."""
    y = truth(clean)
    frame = clean.frame.copy()
    when = clean.event_time or "when"
    if clean.event_time is None:
        frame[when] = pd.Timestamp("2024-01-01") + pd.to_timedelta(
            np.arange(len(y)) * 11, unit="min"
        )
    late = rng.random(len(y)) < 0.2
    shift = np.where(late, rng.integers(60, 9000, len(y)), -rng.integers(60, 9000, len(y)))
    frame["balance_known"] = pd.to_datetime(frame[when]) + pd.to_timedelta(
        shift.astype(int), unit="min"
    )
    frame["balance"] = rng.normal(0, 1, len(y)) + np.where(late, (y - y.mean()) / (y.std() or 1), 0)
    planted = replace(clean, frame=frame, event_time=when)
    return _case(planted, "look_ahead", *split(planted, rng), guilty=("balance",),
                 codes=("AHEAD", "KNOWN"), known_at={"balance": "balance_known"})  # fmt: skip


def availability(clean: Clean, rng: np.random.Generator) -> Case:
    """What serving saw in one column was not what training had, in 25 % of 150 joined rows."""
    frame = clean.frame.copy().reset_index(drop=True)
    frame["case_id"] = [f"c{i:06d}" for i in rng.permutation(len(frame))]
    numbers = [c for c in clean.features if frame[c].nunique() > 5]
    bad = str(rng.choice(numbers))
    planted = replace(clean, frame=frame, ids=())
    train, test = split(planted, rng)
    log = train.iloc[rng.choice(len(train), min(150, len(train)), replace=False)].copy()
    log = log.drop(columns=[clean.target])
    hit = rng.random(len(log)) < 0.25
    other = train[bad].to_numpy()[rng.choice(len(train), len(log))]
    log[bad] = pd.Series(np.where(hit, None if rng.random() < 0.5 else other, log[bad]),
                         index=log.index)  # fmt: skip
    return _case(planted, "availability", train, test, guilty=(bad,), codes=("AVAIL",),
                 log=log.reset_index(drop=True), entity="case_id")  # fmt: skip


#: kind -> (planter, least share of its cases that must be found)
PLANTERS: dict[str, tuple[Callable[[Clean, np.random.Generator], Case], float]] = {
    "exact_duplicates": (exact_duplicates, 0.95),
    "near_duplicates": (near_duplicates, 0.95),
    "post_outcome": (post_outcome, 0.90),
    "outcome_category": (outcome_category, 0.90),
    "null_pattern": (null_pattern, 0.90),
    "row_order": (row_order, 0.90),
    "joint": (joint, 0.70),
    "target_encoding": (target_encoding, 0.90),
    "resampling": (resampling, 0.90),
    "groups": (groups, 0.95),
    "groups_found": (groups_found, 0.90),
    "time_split": (time_split, 0.95),
    "look_ahead": (look_ahead, 0.95),
    "availability": (availability, 0.95),
}


#: kinds that only a model can tell: on a table whose honest score is near 1 they are worth nothing
OF_FEATURES = {
    "post_outcome", "outcome_category", "null_pattern", "row_order", "joint", "target_encoding",
}  # fmt: skip
NO_HEADROOM = {"breast_cancer", "digits", "wine"}
#: tables of fewer rows than any check of rows can speak about
SMALL = {"wine", "diabetes"}
#: tables with fewer than three numbers of many values, where no row can be nearly another
FEW_NUMBERS = {"acs_employment_ma", "german_credit", "titanic3", "vehicle_claim_fraud"}


def plantable(kind: str, table: str) -> bool:
    """Whether this kind of leak can be told from its absence on this table at all."""
    if kind in OF_FEATURES and table in NO_HEADROOM:
        return False
    if kind == "near_duplicates" and table in FEW_NUMBERS:
        return False
    return kind == "clean" or table not in SMALL or kind in OF_FEATURES - {"joint"}


def plant(kind: str, clean: Clean, seed: int) -> Case:
    """One case; the seed decides everything random about it."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    return (none if kind == "clean" else PLANTERS[kind][0])(clean, rng)
