"""Mutants of the lifecycle and of the gates: does a test fail when a rule is changed?

    python -m benchmarks.lifecycle.mutants [--modules M ...] [--most N] [--seed N] [--out FILE]

Each mutant changes one place of one module: a comparison, a boolean operator, a negation, a
constant, a condition, or a call or a raise left out. The tests of the module run against a copy of
the package; a mutant is killed when one of them fails. Those that live are listed, for a person to
look at: some say the same as the original in other words and count as alive all the same.

One place is left as it is: the keyword ``total`` of a class, which a type checker alone reads.

Before its mutants the module itself is run through the same steps; where its tests fail then,
nothing is counted. With ``--modules`` only these are tried anew and the rest of the file stays;
each module is kept with the commit at which it was tried.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
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
    "diagnosis/spoiling.py": (
        "tests/diagnosis/test_spoiling.py",
        "tests/monitoring/test_record.py",
    ),
}
#: seconds for the tests of one mutant; one that hangs is killed
PATIENCE = 120
#: what every trial needs is loaded once, before it is forked
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "hypothesis", "numpy", "pyarrow", "msgspec"])
_SWAP = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a module: the line and what was changed there, and its source.

    Example:
        >>> [where for where, _ in mutants("low = 1 if here < 2 else 3")]
        ['1: comparison: here < 2', '1: constant: 1', '1: constant: 3', '1: constant: 2']
    """
    tree = ast.parse(text)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    typed = {id(k.value) for node in classes for k in node.keywords if k.arg == "total"}
    for number, node in enumerate(ast.walk(tree)):
        for kind in () if id(node) in typed else _kinds(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[number]
            _change(changed, target, kind)
            shown = ast.unparse(node).splitlines()[0]
            where = f"{getattr(node, 'lineno', 0)}: {kind}: {shown}"
            yield where, ast.unparse(ast.fix_missing_locations(changed))


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
    # two mutants of one length within a second would pass for each other in the compiled file
    Path(importlib.util.cache_from_source(str(place))).unlink(missing_ok=True)
    trial = _FORKS.Process(target=_try, args=(source, HELD[module]), daemon=True)
    try:
        trial.start()
        trial.join(PATIENCE)
        return trial.exitcode != 0
    finally:
        trial.kill()
        trial.join()
        place.write_text(before, "utf-8")


def _try(source: Path, tests: tuple[str, ...]) -> None:
    """Runs tests against a copy of the package, in a process that has not loaded the package."""
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ |= {"PYTHONPATH": str(source), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    pytest = importlib.import_module("pytest")
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "pytest_timeout"]
    sys.exit(pytest.main([*options, "-o", f"pythonpath={source} .", *tests]))


def run(modules: Sequence[str], most: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tries mutants of some modules, at most so many, drawn by the seed: what became of them."""
    texts = {module: (ROOT / "src/holdfast" / module).read_text("utf-8") for module in modules}
    found = [(module, *mutant) for module, text in texts.items() for mutant in mutants(text)]
    drawn = random.Random(seed).sample(found, min(most, len(found)))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        for module, original in texts.items():
            if killed(source, module, ast.unparse(ast.parse(original))):
                raise SystemExit(f"the tests of {module} fail without any mutant")
            mine = [(where, text) for name, where, text in drawn if name == module]
            alive = [where for where, text in mine if not killed(source, module, text)]
            yield (
                module,
                {
                    "commit": commit(),
                    "mutants": sum(name == module for name, *_ in found),
                    "tried": len(mine),
                    "killed": len(mine) - len(alive),
                    "alive": sorted(alive, key=lambda where: int(where.split(":")[0])),
                },
            )


def commit() -> str:
    """What was tried: the commit, with ``-dirty`` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def together(told: dict[str, dict[str, Any]], seed: int) -> dict[str, Any]:
    """The sums over all modules, and the modules.

    Example:
        >>> one = {"mutants": 9, "tried": 4, "killed": 3, "alive": ["7: constant: 1"]}
        >>> together({"a.py": one, "b.py": one}, 0)["share"]
        0.75
    """
    made, tried, dead = (
        sum(one[part] for one in told.values()) for part in ("mutants", "tried", "killed")
    )
    return {
        "mutants": made,
        "tried": tried,
        "killed": dead,
        "share": round(dead / tried, 4),
        "modules": dict(sorted(told.items())),
        "seed": seed,
    }


def main() -> None:
    """Parses the flags, runs, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.mutants")
    parser.add_argument("--modules", nargs="+", choices=list(HELD), default=[])
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("mutants.json"))
    given = parser.parse_args()
    keep = bool(given.modules) and given.out.exists()
    before: dict[str, Any] = json.loads(given.out.read_text("utf-8"))["modules"] if keep else {}
    for module, one in run(given.modules or list(HELD), given.most, given.seed):
        before[module] = one
        print(module, f"{one['killed']} of {one['tried']}", *one["alive"], sep="\n  ", flush=True)
        text = json.dumps(together(before, given.seed), indent=1)
        given.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
