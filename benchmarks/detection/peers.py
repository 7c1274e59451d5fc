"""Makes an environment for each peer with pip and runs them all on the same cases.

    python -m benchmarks.detection.peers --work DIR --data DIR --faultbench DIR
    python -m benchmarks.detection.peers --work DIR --only alibi,nannyml

One process at a time, each with its peer's own Python environment in `DIR/envs/NAME`; results in
`DIR/results/NAME.SETUP.json`. A run that is broken off goes on where it stopped. The whole takes
about four hours of one core, most of it Evidently and Deepchecks. Needs Python 3.11: older numpy
has no newer wheels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMMON = ("numpy", "scipy", "scikit-learn", "lightgbm==4.7.0")


@dataclass(frozen=True)
class Peer:
    """A peer: its adapters, and what pip installs, one call a tuple, in this order."""

    adapters: tuple[str, ...]
    installs: tuple[tuple[str, ...], ...]


#: numpy below 2 needs pyarrow below 20; deepchecks 0.19.1 needs the scikit-learn of its time
PEERS = {
    "river": Peer(
        ("ks", "river_adwin"),
        ((*COMMON, "pandas<2.4", "pyarrow", "river==0.23.0", "typing_extensions"),),
    ),
    "alibi": Peer(
        ("alibi",), ((*COMMON, "pandas<2.4", "pyarrow<20", "numpy<2", "alibi-detect==0.13.0"),)
    ),
    "nannyml": Peer(
        ("nannyml",),
        (
            ("numpy", "scipy", "scikit-learn", "pandas<2.4", "pyarrow", "nannyml==0.13.1"),
            ("statsmodels",),
            # asks for lightgbm < 4.6 for an estimator that is not used here; the model of the
            # cases must be the same everywhere
            ("--no-deps", "lightgbm==4.7.0"),
        ),
    ),
    "evidently": Peer(
        ("evidently", "peer_adapters:EvidentlyDrift"),
        ((*COMMON, "pandas<2.4", "pyarrow", "evidently==0.7.23"),),
    ),
    "deepchecks": Peer(
        ("peer_adapters:Deepchecks", "peer_adapters:DeepchecksAny"),
        (
            (
                *("deepchecks==0.19.1", "setuptools<80", "lightgbm==4.7.0", "numpy<2"),
                *("pandas<2.2", "scikit-learn<1.6", "scipy<1.13", "category-encoders<2.7"),
                "pyarrow<20",
            ),
        ),
    ),
}

#: datasets every peer runs on, LightGBM, rows shuffled
DATASETS = (
    "adult_census,elec2,bank_marketing_additional,acs_employment_ma,weather_aus,"
    "synthetic_car_loan,syn_iid,syn_season"
)
_SHARED = ("--datasets", DATASETS, "--models", "lgbm", "--seeds", "0,1")
_LONG = (
    *("--window-rows", "1000", "--windows", "10"),
    *("--onset-windows", "2,5", "--label-delay-windows", "1"),
)
#: the options of each set-up; labels come 1,000 rows late in both sizes
SETUPS = {
    "faults200": (*_SHARED, "--windows", "20", "--max-cases", "140"),
    "none200": (*_SHARED, "--windows", "20", "--faults", "none"),
    "faults1000": (*_SHARED, *_LONG, "--max-cases", "130"),
    "none1000": (*_SHARED, *_LONG, "--faults", "none"),
}


def environment(name: str, work: Path) -> Path:
    """The peer's Python, made and filled if it is not there."""
    home = work / "envs" / name
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        for wanted in PEERS[name].installs:
            pip = [str(python), "-m", "pip", "install", "--quiet", *wanted]
            subprocess.run(pip, check=True)
        done.touch()
    return python


def run(python: Path, adapter: str, setup: str, a: argparse.Namespace) -> int:
    """One monitor under one set-up."""
    out = a.work / "results" / f"{adapter.split(':')[-1]}.{setup}.json"
    command = [
        *(str(python), "-m", "benchmarks.detection.run_faultbench", "--resume"),
        *("--faultbench", str(a.faultbench), "--data", str(a.data)),
        *("--adapter", adapter, "--out", str(out), *SETUPS[setup]),
    ]
    quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    log = out.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        return subprocess.run(
            command, cwd=ROOT, env=os.environ | quiet, stdout=sink, stderr=sink, check=False
        ).returncode


def main(argv: list[str] | None = None) -> int:
    ap = argparse.ArgumentParser(prog="peers", description=__doc__.split("\n")[0])
    ap.add_argument("--work", type=Path, required=True, help="folder for environments and results")
    ap.add_argument("--faultbench", default=os.environ.get("HOLDFAST_FAULTBENCH"))
    ap.add_argument("--data", default=os.environ.get("HOLDFAST_DATA"))
    ap.add_argument("--only", default=",".join(PEERS))
    ap.add_argument("--setups", default=",".join(SETUPS))
    a = ap.parse_args(argv)
    if not a.faultbench or not a.data:
        ap.error("set --faultbench and --data (or HOLDFAST_FAULTBENCH and HOLDFAST_DATA)")
    a.work, a.faultbench, a.data = (Path(p).resolve() for p in (a.work, a.faultbench, a.data))
    failed = 0
    for name in a.only.split(","):
        python = environment(name, a.work)
        for adapter in PEERS[name].adapters:
            for setup in a.setups.split(","):
                began = time.time()
                code = run(python, adapter, setup, a)
                failed += code != 0
                print(
                    f"{adapter} {setup}: exit {code} after {time.time() - began:.0f} s", flush=True
                )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
