"""Mutants of the lifecycle and of the gates: does a test fail when a rule is changed?

    python -m benchmarks.lifecycle.mutants [--most N] [--seed N] [--out FILE]

Each mutant changes one place of one module: a comparison, a boolean operator, a negation, a
constant, a condition, or a call or a raise left out. The tests of the module run against a copy of
the package; a mutant is killed when one of them fails. Those that live are listed, for a person to
look at.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: module → the tests that hold it
HELD = {
    "releases/lifecycle/rules.py": ("tests/releases/lifecycle",),
    "releases/lifecycle/machine.py": ("tests/releases/lifecycle",),
    "releases/lifecycle/ledger.py": ("tests/releases/lifecycle",),
    "releases/lifecycle/fold.py": ("tests/releases/lifecycle",),
    "releases/lifecycle/state.py": ("tests/releases/lifecycle",),
    "releases/gate.py": ("tests/releases/test_gate.py",),
    "retraining/deciding.py": ("tests/retraining/test_deciding.py",),
    "retraining/course.py": ("tests/retraining/test_course.py",),
    "storage/training.py": ("tests/storage/test_training.py",),
    "diagnosis/spoiling.py": ("tests/monitoring/test_record.py",),
}
#: seconds for the tests of one mutant; one that hangs is killed
PATIENCE = 120
_SWAP = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """Every mutant of a module: line, what was changed, and its source."""
    tree = ast.parse(text)
    for number, node in enumerate(ast.walk(tree)):
        for kind in _kinds(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[number]
            _change(changed, target, kind)
            yield getattr(node, "lineno", 0), kind, ast.unparse(ast.fix_missing_locations(changed))


def _kinds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAP:
        yield "comparison"
    elif isinstance(node, ast.BoolOp):
        yield "and/or"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield "plus/minus"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        yield "constant"
    elif isinstance(node, ast.If):
        yield "condition"
    elif isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "left out"


def _change(tree: ast.AST, node: ast.AST, kind: str) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _SWAP[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.BinOp):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else int(node.value) + 1
    elif isinstance(node, ast.If):
        node.test = ast.Constant(value=False)
    else:
        new: ast.AST = node.operand if isinstance(node, ast.UnaryOp) else ast.Pass()
        _replace(tree, node, new)


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                value[[item is old for item in value].index(True)] = new


def killed(source: Path, module: str, text: str) -> bool:
    """Whether a test of the module fails when its source is another."""
    place = source / "holdfast" / module
    before = place.read_text("utf-8")
    place.write_text(text, "utf-8")
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
        "-o", f"pythonpath={source} .", *HELD[module],
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, timeout=PATIENCE, check=False,
            env={**os.environ, "PYTHONPATH": str(source)},
        )  # fmt: skip
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        place.write_text(before, "utf-8")


def run(most: int, seed: int) -> dict[str, Any]:
    """Tries mutants of all modules, at most so many, drawn by the seed."""
    found = [
        (module, line, kind, text)
        for module in HELD
        for line, kind, text in mutants((ROOT / "src/holdfast" / module).read_text("utf-8"))
    ]
    drawn = random.Random(seed).sample(found, min(most, len(found)))
    alive: list[str] = []
    by: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        for module, line, kind, text in drawn:
            dead = killed(source, module, text)
            by.setdefault(module, [0, 0])[0] += dead
            by[module][1] += 1
            if not dead:
                alive.append(f"{module}:{line}: {kind}")
    return {
        "mutants": len(found),
        "tried": len(drawn),
        "killed": len(drawn) - len(alive),
        "share": round(1 - len(alive) / len(drawn), 4),
        "by_module": {name: f"{dead} of {all_}" for name, (dead, all_) in sorted(by.items())},
        "alive": sorted(alive),
        "seed": seed,
    }


def main() -> None:
    """Parses the flags, runs, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.mutants")
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=str(Path(__file__).with_name("mutants.json")))
    given = parser.parse_args()
    found = run(given.most, given.seed)
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
