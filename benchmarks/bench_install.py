"""Size of a fresh install and the cost of `import holdfast`."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def _cpu(python: str, code: str) -> float:
    """CPU seconds of one interpreter running `code`, children's usage before and after."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _import_ratios(python: str, runs: int) -> tuple[float, float, float]:
    """Median CPU of `import holdfast`, `import numpy` and their ratio, measured in pairs."""
    code = {"holdfast": "import holdfast", "numpy": "import numpy"}
    for name in code:
        _cpu(python, code[name])
    pairs = [(_cpu(python, code["holdfast"]), _cpu(python, code["numpy"])) for _ in range(runs)]
    ours = statistics.median(a for a, _ in pairs)
    numpy = statistics.median(b for _, b in pairs)
    return ours, numpy, statistics.median(a / b for a, b in pairs)


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(f.stat().st_size for f in files if f.is_file())


def _installer(path: Path) -> bool:
    """Whether a folder is of pip or setuptools, which every new environment has already."""
    return path.name.startswith(("pip", "setuptools", "pkg_resources", "_distutils_hack"))


def run(quick: bool) -> list[dict[str, Any]]:
    """Installs into a new environment with plain pip (needs the package registry)."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        python = str(venv / "bin" / "python")
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        site = next((venv / "lib").glob("python*/site-packages"))
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)],
            check=True,
        )
        subprocess.run([python, "-m", "compileall", "-q", str(site)], check=False)
        size = sum(_bytes(folder) for folder in site.iterdir() if not _installer(folder)) / 1e6
        rows.append(
            {
                "what": "fresh `pip install holdfast`, with all it needs, compiled",
                "value": round(size),
                "unit": "MB",
                "target": "<= 500",
                "reached": size <= 500,
                "how": "new venv, plain pip; sum of file sizes, pip and setuptools not counted",
            }
        )
        ours, numpy, ratio = _import_ratios(python, 5 if quick else 15)
        told = statistics.median(
            _cpu(python, "from holdfast.cli import main; main(['--version'])") for _ in range(5)
        )
    rows.append(
        {
            "what": "`import holdfast` against `import numpy`, whole process",
            "value": ratio,
            "unit": "x CPU",
            "target": "<= 1.5",
            "reached": ratio <= 1.5,
            "how": f"median of paired runs; {ours * 1e3:.0f} ms and {numpy * 1e3:.0f} ms CPU",
        }
    )
    rows.append(
        {
            "what": "`holdfast --version`, whole process",
            "value": round(told, 3),
            "unit": "s CPU",
            "target": "< 0.3",
            "reached": told < 0.3,
            "how": "median of 5 processes",
        }
    )
    return rows
