"""Single-row and batch verdicts on random rows: the guard against the rules' column checks.

Every mark of every rule is compared, row for row, over many random contracts and tables; the
plainly written `check_one` is compared on a part of the rows, as it is slower.
"""

from __future__ import annotations

import time
from typing import Any

from holdfast.contracts.guard import compile_guard
from holdfast.contracts.rules import code, cross_member, field_member, fields_of
from holdfast.testing import disagreements, random_contract, random_table
from holdfast.testing.conformance import serving

ROWS_PER_TABLE = 20_000


def differing_marks(seed: int, rows: int) -> tuple[int, int]:
    """Marks that only one of guard and column check sets, and marks that were compared."""
    data = serving(random_contract(seed, fields=8))
    table = random_table(data, rows=rows, seed=seed)
    fields = {field.name: field for field in data.fields}
    by_check: set[tuple[int, str, str, int]] = set()
    for field in data.fields:
        for place, rule in enumerate(field.rules):
            mask = field_member(rule).check(rule, field, table.column(field.name))
            by_check |= {(row, field.name, code(rule), place) for row in mask.nonzero()[0].tolist()}
    for place, cross in enumerate(data.cross):
        columns = {name: table.column(name) for name in fields_of(cross)}
        mask = cross_member(cross).check(cross, fields, columns)
        name = fields_of(cross)[0]
        by_check |= {(row, name, code(cross), place) for row in mask.nonzero()[0].tolist()}
    seen = {(row, name, rule) for row, name, rule, _ in by_check}
    by_guard = {
        (number, violation.field, violation.code)
        for number, verdict in enumerate(compile_guard(data).batch(table.rows()))
        for violation in verdict.violations
    }
    return len(seen ^ by_guard), len(seen | by_guard)


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows for the table of results."""
    total = 40_000 if quick else 1_000_000
    tables = total // ROWS_PER_TABLE
    start = time.process_time()
    differing = compared = 0
    for seed in range(tables):
        wrong, marks = differing_marks(seed, ROWS_PER_TABLE)
        differing += wrong
        compared += marks
    parted = sum(
        len(disagreements(data, random_table(data, rows=500, seed=seed)))
        for seed in range(20 if quick else 200)
        for data in [random_contract(seed)]
    )
    spent = time.process_time() - start
    how = f"{tables} random contracts of 8 fields, {compared:,} marks, {spent:.0f} s CPU"
    return [
        {"what": f"guard = column check on {total:,} random rows", "value": differing,
         "unit": "differing marks", "target": "0", "reached": differing == 0, "how": how},
        {"what": "guard = check_one = check, marks and outcomes", "value": parted,
         "unit": "disagreements", "target": "0", "reached": parted == 0,
         "how": f"{10_000 if quick else 100_000:,} random rows"},
    ]  # fmt: skip


if __name__ == "__main__":
    for result in run(quick=True):
        print(result)
