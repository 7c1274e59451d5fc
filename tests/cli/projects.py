"""Projects for the tests of the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from holdfast.cli import main
from holdfast.demo.loans import generate
from holdfast.releases import Registry

#: columns of the generated lender that the projects know
COLUMNS = [
    "application_id", "applied_at", "employment_type", "income_source", "monthly_income",
    "loan_amount", "outcome",
]  # fmt: skip


def build(project: Path, model: str = "loan", *, promote: bool = True) -> None:
    """Build the project's release by command, answer what the audit asks, let it answer."""
    assert main(["release", "build", "--config", str(project / "holdfast.toml")]) in (0, 1)
    with Registry(project / "holdfast.db") as registry:
        row = registry.list(model)[-1]
        for question in registry.open(row["id"]).gate.questions:
            registry.answer(
                model, row["id"], question.key, reason="stated at application", by="a test"
            )
        if promote and not row["champion"]:
            registry.promote(model, row["id"], reason="first")


def lending(folder: Path) -> Path:
    """A lender's project with a champion and a second release whose gate is open."""
    pq.write_table(generate(seed=5, rows=700).table.select(COLUMNS), folder / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    data = str(folder / "loans.parquet")
    assert main(["init", str(folder / "loan"), "--data", data, *words]) == 0
    build(folder / "loan")
    train = folder / "loan" / "train.py"
    train.write_text(train.read_text() + "\n# another release\n")
    build(folder / "loan", promote=False)
    return folder / "loan"


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code and object of a command with ``--json``."""
    capsys.readouterr()
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or err)
