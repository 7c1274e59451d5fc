"""A scoring process that only guards needs the standard library and msgspec, nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec

SRC = Path(__file__).parents[2] / "src"

SCRIPT = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from holdfast.contracts.guard import load_guard
guard = load_guard(sys.argv[3])
verdict = guard({"age": 33, "job": None})
third_party = {m.split(".")[0] for m in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps([verdict.outcome, [v.code for v in verdict.violations], sorted(third_party)]))
"""


def test_a_contract_file_guards_with_msgspec_alone_on_the_path(tmp_path: Path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    contract = tmp_path / "contract.json"
    contract.write_text(
        json.dumps(
            {
                "fields": [
                    {"name": "age", "kind": "integer", "rules": [{"rule": "type"}]},
                    {
                        "name": "job",
                        "kind": "categorical",
                        "policy": "reject",
                        "rules": [{"rule": "null"}, {"rule": "type"}],
                    },
                ]
            }
        )
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SCRIPT, str(SRC), str(tmp_path / "site"), str(contract)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome, codes, third_party = json.loads(done.stdout)
    assert (outcome, codes) == ("rejected", ["null"])
    assert set(third_party) <= {"holdfast", "msgspec", "__main__"}
