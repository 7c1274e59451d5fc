"""The house has floors and imports point down: every import is walked, lazy and type-only too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PACKAGE = SRC / "holdfast"

#: design §3: package -> floor; imports go to a lower floor, or stay inside the package
FLOORS = {
    "errors": 0, "findings": 0, "lazy": 0, "records": 0,
    "stats": 1,
    "frames": 2, "models": 2, "storage": 2, "alerts": 2, "reports": 2,
    "contracts": 3,
    "profiles": 4, "evaluation": 4,
    "audit": 5, "detection": 5, "estimation": 5,
    "diagnosis": 6, "releases": 6,
    "serving": 7, "web": 7, "monitoring": 7, "retraining": 7, "comparison": 7,
    "drill": 7.5,  # drives the monitor itself, so that it reports what the monitor does
    "screening": 7.5,  # drives the monitor over rows that are about to be learned from
    "app": 8,
    "demo": 9, "testing": 9, "integrations": 9,
    "cli": 9.5,  # the shell over the packages of floor 9, which do not know it
    "__init__": 10, "__main__": 10,
}  # fmt: skip
#: the three record modules of floor 0 may speak of one another
GROUND = {"errors", "findings", "records"}

#: optional or heavy packages, and the only places that may import them
OPTIONAL = {
    "pandas": {"models"},
    "polars": set(),
    "duckdb": set(),
    "xgboost": {"models"},
    "onnxruntime": {"models"},
    "onnx": {"models"},
    "skl2onnx": {"models"},
    "joblib": {"models"},
    "scipy": {"stats"},
}  # fmt: skip
#: names that must never be imported: they can construct code from data
BANNED = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}
BANNED_EXCEPT = {"models/pickled.py"}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> list[tuple[int, str]]:
    """Every imported absolute module name of a file with its line, at any depth."""
    found: list[tuple[int, str]] = []
    parts = ["holdfast", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = parts[: len(parts) - node.level]
                found.append((node.lineno, ".".join([*base, node.module or ""]).rstrip(".")))
            elif node.module == "holdfast":
                found += [(node.lineno, f"holdfast.{alias.name}") for alias in node.names]
            elif node.module:
                found.append((node.lineno, node.module))
    return found


def test_every_room_of_the_house_has_a_floor():
    rooms = {_room(path) for path in _modules()}
    assert rooms <= set(FLOORS), f"give these a floor: {sorted(rooms - set(FLOORS))}"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path):
    room = _room(path)
    wrong = []
    for line, name in _imports(path):
        if not name.startswith("holdfast.") or name == "holdfast.__version__":
            continue
        target = name.split(".")[1]
        if target == room or {target, room} <= GROUND or target not in FLOORS:
            continue
        if FLOORS[target] >= FLOORS[room]:
            wrong.append(f"line {line}: {room} [{FLOORS[room]}] -> {target} [{FLOORS[target]}]")
    assert not wrong, wrong


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_optional_and_dangerous_packages_are_imported_only_where_allowed(path: Path):
    where = path.relative_to(PACKAGE).as_posix()
    wrong = []
    for line, name in _imports(path):
        top = name.split(".")[0]
        if top in BANNED and where not in BANNED_EXCEPT:
            wrong.append(f"line {line}: {top} is banned")
        if top in OPTIONAL and _room(path) not in OPTIONAL[top]:
            wrong.append(f"line {line}: {top} is optional and not for {_room(path)}")
    assert not wrong, wrong


#: the domain: no clock, environment, file or hidden randomness
DOMAIN = {"stats", "contracts", "evaluation", "profiles", "detection", "diagnosis", "audit"}
IMPURE_MODULES = {"time", "random", "socket", "subprocess", "tempfile"}
#: the few files of the domain whose very job is a file handed to them by name
DOMAIN_FILES = {"contracts/contract.py", "contracts/guard/load.py"}


@pytest.mark.parametrize(
    "path",
    [p for p in _modules() if _room(p) in DOMAIN],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_the_domain_touches_no_clock_environment_or_hidden_randomness(path: Path):
    wrong = []
    for line, name in _imports(path):
        if name.split(".")[0] in IMPURE_MODULES:
            wrong.append(f"line {line}: imports {name}")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            if text in {"os.environ", "os.getenv", "datetime.now", "datetime.utcnow", "date.today"}:
                wrong.append(f"line {node.lineno}: {text}")
            hidden = re.fullmatch(r"(?:np|numpy)\.random\.(\w+)", text)
            if hidden and hidden[1] not in {"Generator", "default_rng", "PCG64", "SeedSequence"}:
                wrong.append(f"line {node.lineno}: hidden randomness {text}")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "default_rng"
            and not node.args
        ):
            wrong.append(f"line {node.lineno}: default_rng() without a seed")
    assert not wrong, wrong


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(SRC), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_holdfast_loads_only_the_standard_library():
    extra = _loaded("import holdfast") - set(sys.stdlib_module_names) - _loaded("pass")
    assert extra <= {"holdfast"}, extra


def test_the_guard_loads_only_the_standard_library_and_msgspec():
    code = "import holdfast.contracts.guard\nfrom holdfast.contracts.guard import load_guard"
    extra = _loaded(code) - set(sys.stdlib_module_names) - _loaded("pass")
    assert extra - {"typing_extensions"} <= {"holdfast", "msgspec"}, (
        extra
    )  # msgspec takes it if there


def test_no_module_is_a_giant():
    giants = {
        str(path.relative_to(PACKAGE)): lines
        for path in _modules()
        if (lines := len(path.read_text("utf-8").splitlines())) > 600
    }
    assert not giants, f"more than 600 lines; split by idea: {giants}"
