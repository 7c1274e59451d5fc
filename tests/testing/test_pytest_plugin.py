"""A report decides a test; the plugin sums reports up and costs nothing when it is not used."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from holdfast.evaluation import evaluate_regression
from holdfast.testing import assert_passed

SRC = Path(__file__).parents[2] / "src"
GOOD = ([1.0, 2.0, 3.0, 9.0] * 9, [1.0, 2.0, 3.0, 8.0] * 9)
BAD = ([1.0, 2.0, 3.0, 9.0] * 9, [9.0, 3.0, 2.0, 1.0] * 9)
UNCLEAR = ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])

TESTS = f"""
from holdfast.evaluation import evaluate_regression

def test_good(holdfast_reports):
    holdfast_reports.assert_passed(evaluate_regression(*{GOOD}), "demand")

def test_bad(holdfast_reports):
    holdfast_reports.assert_passed(evaluate_regression(*{BAD}), "prices")

def test_kept(holdfast_reports):
    assert holdfast_reports.add(evaluate_regression(*{UNCLEAR})).passed is None
"""


def test_a_result_that_did_not_pass_fails_and_says_why():
    assert_passed(evaluate_regression(*GOOD))
    with pytest.raises(AssertionError, match="failed") as error:
        assert_passed(evaluate_regression(*BAD))
    assert "worse" in str(error.value)


def test_could_not_tell_fails_unless_it_is_allowed():
    with pytest.raises(AssertionError, match="could not tell"):
        assert_passed(evaluate_regression(*UNCLEAR))
    assert_passed(evaluate_regression(*UNCLEAR), allow_unknown=True)
    with pytest.raises(TypeError, match="no Holdfast result"):
        assert_passed(3)


def _pytest(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(code, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    # by name and alone, whether or not the installed package has its entry point
    command += ["-p", "holdfast.testing.pytest_plugin"]
    env = {"PYTHONPATH": str(SRC), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip


def test_the_entry_point_names_the_plugin():
    project = tomllib.loads((SRC.parent / "pyproject.toml").read_text("utf-8"))["project"]
    [name] = project["entry-points"]["pytest11"].values()
    assert importlib.import_module(name).__name__ == "holdfast.testing.pytest_plugin"


def test_the_plugin_lists_every_report_at_the_end(tmp_path):
    done = _pytest(tmp_path, TESTS)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Holdfast reports" in done.stdout
    assert "passed         test_it.py::test_good (demand)" in done.stdout
    assert "FAILED         test_it.py::test_bad (prices)" in done.stdout
    assert "could not tell test_it.py::test_kept" in done.stdout
    assert "Worse than a baseline" in done.stdout


def test_the_plugin_is_silent_and_loads_nothing_where_it_is_not_used(tmp_path):
    done = _pytest(
        tmp_path,
        "import sys\ndef test_it():\n    loaded = [m for m in sys.modules if m in "
        "('numpy', 'pyarrow', 'msgspec')]\n    assert not loaded, loaded\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Holdfast" not in done.stdout
