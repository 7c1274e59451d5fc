"""The guard against pydantic v2 on the same checks: 30 fields, clean rows and 5% bad fields.

CPU time of the thread; the contestants take turns in one run, so that their ratio holds whatever
else the machine does. The rows are as JSON gives them.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from holdfast.contracts import model as m
from holdfast.contracts.guard import compile_guard

CITIES = tuple(f"city-{i}" for i in range(40))
JOBS = ("fixed", "freelance", "partime", "others")


def contract() -> m.ContractData:
    """30 fields: 14 floats, 8 integers, 6 categories, 2 booleans; one cross-field rule."""

    def field(name: str, kind: m.Kind, *rules: m.FieldRule) -> m.Field:
        return m.Field(
            name=name, kind=kind, policy=m.Policy.IMPUTE, impute=0,
            rules=(m.NullRule(), m.TypeRule(), *rules),
        )  # fmt: skip

    fields = [field(f"f{i}", m.Kind.NUMERIC, m.RangeRule(low=-5.0, high=5.0)) for i in range(14)]
    fields += [field(f"i{i}", m.Kind.INTEGER, m.RangeRule(low=0, high=1000)) for i in range(8)]
    for i in range(6):
        values = CITIES if i % 2 else JOBS
        fields.append(field(f"c{i}", m.Kind.CATEGORICAL, m.CategoriesRule(values=values)))
    fields += [field(f"b{i}", m.Kind.BOOLEAN) for i in range(2)]
    order = m.OrderRule(left="i0", right="i1")
    return m.ContractData(
        name="bench", fields=tuple(fields), cross=(order,), cross_policy=m.Policy.ABSTAIN
    )


def rows(count: int, bad: float, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the contract; each field is bad with probability `bad`."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        row: dict[str, Any] = {f"f{i}": max(-5.0, min(5.0, rng.gauss(0, 1))) for i in range(14)}
        row |= {f"i{i}": rng.randrange(1000) for i in range(8)}
        row["i1"] = rng.randrange(row["i0"], 1001)
        row |= {f"c{i}": rng.choice(CITIES if i % 2 else JOBS) for i in range(6)}
        row |= {f"b{i}": rng.random() < 0.5 for i in range(2)}
        for name in row:
            if rng.random() < bad:
                row[name] = rng.choice([None, "oops", 10.0**9, float("nan")])
        made.append(row)
    return made


def pydantic_check() -> Callable[[dict[str, Any]], Any]:
    """The same checks as a pydantic v2 model in strict mode, every violation collected."""
    from pydantic import (
        BaseModel,
        ConfigDict,
        Field,
        ValidationError,
        create_model,
        model_validator,
    )

    class Base(BaseModel):
        model_config = ConfigDict(strict=True)

        @model_validator(mode="after")
        def ordered(self) -> Base:
            if self.i0 > self.i1:  # type: ignore[attr-defined]
                raise ValueError("order")
            return self

    kinds: dict[str, Any] = {
        f"f{i}": Annotated[float, Field(ge=-5, le=5, allow_inf_nan=False)] for i in range(14)
    }
    kinds |= {f"i{i}": Annotated[int, Field(ge=0, le=1000)] for i in range(8)}
    kinds |= {f"c{i}": Literal[CITIES if i % 2 else JOBS] for i in range(6)}
    kinds |= {f"b{i}": bool for i in range(2)}
    model = create_model(
        "Row", __base__=Base, **{name: (kind, ...) for name, kind in kinds.items()}
    )
    validate = model.__pydantic_validator__.validate_python

    def check(row: dict[str, Any]) -> Any:
        try:
            return validate(row)
        except ValidationError as error:
            return [(e["loc"], e["type"]) for e in error.errors(include_url=False)]

    return check


def per_row(call: Callable[[dict[str, Any]], Any], data: list[dict[str, Any]]) -> float:
    """CPU microseconds per row of one pass."""
    start = time.thread_time_ns()
    for row in data:
        call(row)
    return (time.thread_time_ns() - start) / len(data) / 1000


def p50(call: Callable[[dict[str, Any]], Any], data: list[dict[str, Any]]) -> float:
    """Median over rows of each row's CPU: the best of three times twenty calls."""
    times = []
    for row in data:
        best = float("inf")
        for _ in range(3):
            start = time.thread_time_ns()
            for _ in range(20):
                call(row)
            best = min(best, (time.thread_time_ns() - start) / 20_000)
        times.append(best)
    return statistics.median(times)


def calibration() -> float:
    """CPU milliseconds of a fixed pure-Python loop: the speed of this machine now."""
    start = time.thread_time_ns()
    total = 0
    for i in range(200_000):
        total += i * i
    return (time.thread_time_ns() - start) / 1e6


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows for the table of results."""
    guard, peer = compile_guard(contract()), pydantic_check()
    count, rounds = (500, 5) if quick else (2000, 11)
    results: list[dict[str, Any]] = []
    for label, share in (("clean", 0.0), ("5% bad fields", 0.05)):
        data = rows(count, share)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(per_row(guard, data))
            theirs.append(per_row(peer, data))
        own, other = statistics.median(ours), statistics.median(theirs)
        middle = p50(guard, data[:300])
        how = f"{count} rows, {rounds} rounds in turn; calibration {calibration():.1f} ms"
        what = f"guard, 30 fields, {label}"
        results += [
            {"what": f"{what}: p50", "value": round(middle, 2), "unit": "us CPU",
             "target": "<= 4", "reached": middle <= 4, "how": how},
            {"what": f"{what}: mean", "value": round(own, 2), "unit": "us CPU",
             "target": "", "reached": None, "how": how},
            {"what": f"{what}: pydantic v2 / guard", "value": round(other / own, 2), "unit": "x",
             "target": "> 1", "reached": other > own, "how": f"pydantic {other:.2f} us; {how}"},
        ]  # fmt: skip
    return results


if __name__ == "__main__":
    for result in run(quick=True):
        print(result)
