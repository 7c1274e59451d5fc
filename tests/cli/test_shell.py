"""The shell of the command line: quick to start, clear when it fails, documented from itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli import main, reference
from holdfast.cli.table import COMMANDS, load

SRC = Path(__file__).parents[2] / "src"
PROGRAM = "import sys; from holdfast.cli import main; sys.exit(main())"


def holdfast(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SRC), **environment},
    )


def test_the_version_is_told_without_importing_anything_else():
    script = (
        "import sys; from holdfast.cli import main; main(['--version']);"
        "bad = {'typer', 'rich', 'numpy', 'msgspec'} & set(sys.modules); sys.exit(bool(bad))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "holdfast 0.1.0\n"), done.stderr


def test_the_help_lists_every_command_and_imports_none():
    script = (
        "import sys; from holdfast.cli import main; main(['--help']);"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('numpy', 'pyarrow', 'sklearn')];"
        "sys.exit(bool(bad))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_help_that_begins_like_its_line_in_the_table(name: str, capsys):
    assert main([name, "--help"]) == 0
    assert load(name).help
    assert "Usage: holdfast" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error_of_one_paragraph(capsys):
    assert main(["nonsense"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("[HF-E-USAGE] No such command `nonsense`.")
    assert "Traceback" not in told


def test_an_error_is_one_json_object_when_json_was_asked_for(capsys):
    assert main(["contract", "check", "nowhere.yaml", "nowhere.csv", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"].startswith("HF-E-")
    assert error["remedy"]


def test_an_error_of_the_data_is_one_paragraph_with_exit_code_two(tmp_path: Path, capsys):
    assert main(["contract", "learn", str(tmp_path / "no.parquet")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("[HF-E-")
    assert "Traceback" not in told


def test_an_unforeseen_error_hides_its_trace_and_says_how_to_see_it(monkeypatch, capsys):
    import holdfast.cli.contract as command

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret value 4711")

    monkeypatch.setattr(command.output, "known_format", broken)
    assert main(["contract", "diff", "a", "b"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("[HF-E-INTERNAL]")
    assert "HOLDFAST_DEBUG=1" in told
    assert "4711" not in told
    assert "Traceback" not in told
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    assert main(["contract", "diff", "a", "b"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    script = f"{sys.executable} -c '{PROGRAM}' --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_the_reference_page_names_every_command_and_is_the_same_twice():
    page = reference()
    assert page == reference()
    assert all(f"## `holdfast {name}`" in page for name in COMMANDS)
