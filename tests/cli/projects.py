"""Projects for the tests of the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import main
from holdfast.releases import Registry


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


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code and object of a command with ``--json``."""
    capsys.readouterr()
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or err)
