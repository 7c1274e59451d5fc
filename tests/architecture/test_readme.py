"""The code of the README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

README = Path(__file__).parents[2] / "README.md"


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = 1_500
    job = rng.choice(["fixed", "freelance", "partime"], rows)
    age = rng.integers(20, 70, rows)
    risk = np.where(job == "partime", 0.7, 0.15) + (age < 30) * 0.15
    columns = {
        "application_id": [f"a-{i}" for i in range(rows)],
        "age": age,
        "employment_type": job,
        "income": rng.lognormal(8, 0.5, rows),
        "default": np.where(rng.random(rows) < risk, "yes", "no"),
    }
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table(columns), "loans.parquet")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, object] = {}
    exec(compile(blocks[0], "README.md", "exec"), names)
    (answer,) = names["answers"]
    assert answer.verdict in {"degraded", "abstained"}
    assert {v.field for v in answer.violations} >= {"employment_type"}
