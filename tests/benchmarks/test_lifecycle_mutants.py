"""What the mutants are, and how the results of several runs are put together."""

from __future__ import annotations

from benchmarks.lifecycle.mutants import HELD, ROOT, mutants, together


def made(text: str) -> dict[str, str]:
    return {where.partition(": ")[2]: mutant for where, mutant in mutants(text)}


def test_each_mutant_changes_one_place():
    found = made("if a < 1 and not b:\n    raise ValueError(c + 2)")
    assert found == {
        "condition: if a < 1 and (not b):": "if False:\n    raise ValueError(c + 2)",
        "and/or: a < 1 and (not b)": "if a < 1 or not b:\n    raise ValueError(c + 2)",
        "left out: raise ValueError(c + 2)": "if a < 1 and (not b):\n    pass",
        "comparison: a < 1": "if a >= 1 and (not b):\n    raise ValueError(c + 2)",
        "not: not b": "if a < 1 and b:\n    raise ValueError(c + 2)",
        "plus/minus: c + 2": "if a < 1 and (not b):\n    raise ValueError(c - 2)",
        "constant: 1": "if a < 2 and (not b):\n    raise ValueError(c + 2)",
        "constant: 2": "if a < 1 and (not b):\n    raise ValueError(c + 3)",
    }


def test_of_a_class_only_what_a_type_checker_alone_reads_is_left_as_it_is():
    assert made("class How(TypedDict, total=False): ...") == {}
    assert list(made("class Move(Struct, frozen=True): ...")) == ["constant: True"]


def test_every_module_and_its_tests_are_there():
    for module, tests in HELD.items():
        assert (ROOT / "src/holdfast" / module).is_file()
        assert all((ROOT / name).exists() for name in tests)


def test_results_of_modules_are_summed():
    one = {"commit": "c", "mutants": 10, "tried": 8, "killed": 6, "alive": ["1: not: not a"] * 2}
    two = {"commit": "d", "mutants": 4, "tried": 2, "killed": 2, "alive": []}
    found = together({"b.py": one, "a.py": two}, 7)
    assert (found["mutants"], found["tried"], found["killed"], found["share"]) == (14, 10, 8, 0.8)
    assert list(found["modules"]) == ["a.py", "b.py"]
