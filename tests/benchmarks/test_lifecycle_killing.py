"""Processes that move releases, killed a few times; and mutants of the rules, a few of them."""

from __future__ import annotations

from benchmarks.lifecycle.killing import run
from benchmarks.lifecycle.mutants import HELD, ROOT, killed, mutants


def test_no_acknowledged_move_is_lost_when_the_process_is_killed():
    found = run(3, seed=1)
    assert found["wrong"] == []
    assert found["acknowledged"] > 6
    assert found["slowest_opening_seconds"] < 2


def test_mutants_differ_from_their_module_and_can_be_compiled():
    for module in HELD:
        text = (ROOT / "src" / "holdfast" / module).read_text("utf-8")
        found = list(mutants(text))
        assert len(found) > 5
        assert len({source for _, source in found}) == len(found)
        for _, source in found:
            compile(source, module, "exec")


def test_a_rule_left_out_is_noticed_and_an_unchanged_module_is_not(tmp_path):
    import shutil

    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    module = "retraining/course.py"
    text = (ROOT / "src" / "holdfast" / module).read_text("utf-8")
    assert not killed(tmp_path / "src", module, text)
    assert killed(tmp_path / "src", module, text.replace("if trial.tripped:", "if False:"))
