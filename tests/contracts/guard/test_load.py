"""A guard from a file, in a process that has the standard library and msgspec alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.contracts import model as m
from holdfast.contracts.canonical import canonical_json
from holdfast.contracts.guard import compile_guard, load_guard
from holdfast.errors import ContractError

SRC = Path(__file__).parents[3] / "src"
DATA = m.ContractData(
    fields=(
        m.Field(name="x", kind=m.Kind.NUMERIC, rules=(m.NullRule(), m.TypeRule())),
        m.Field(name="t", kind=m.Kind.TIME, rules=(m.RangeRule(low="2020-01-01"),)),
        m.Field(name="c", kind=m.Kind.TEXT, rules=(m.FormatRule(pattern="a+"),)),
    ),
)

SCRIPT = """
import sys
before = set(sys.modules)
from holdfast.contracts.guard import load_guard
verdict = load_guard(sys.argv[1])({"x": None, "t": "2019-01-01", "c": "b"})
assert [v.code for v in verdict.violations] == ["null", "range", "format"], verdict
own = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(name for name in own if not name.startswith("__")))
"""


def test_guarding_loads_the_standard_library_and_msgspec_only(tmp_path):
    path = tmp_path / "contract.json"
    path.write_bytes(canonical_json(DATA))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)],
        env={"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ast.literal_eval(done.stdout)) - {"typing_extensions"}  # msgspec's, where present
    assert loaded == {"holdfast", "msgspec"}


def test_path_and_bytes_give_the_same_guard(tmp_path):
    path = tmp_path / "contract.json"
    path.write_bytes(canonical_json(DATA))
    assert load_guard(path) is load_guard(str(path)) is load_guard(canonical_json(DATA))
    assert load_guard(path) is compile_guard(DATA)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"fields": 5}', b'{"fieldz": []}', b"[" * 100_000,
        b'{"fields": [{"name": "x", "kind": "numeric", "unknown": 1}]}', b'{"version": 99}',
        b'{"fields": [{"name": "x", "kind": "numeric", "rules": [{"rule": "eval"}]}]}',
        b'{"fields": [{"name": "x", "kind": "numeric", "impute": 1e400}]}', b" " * (17 * 2**20),
    ],
    ids=lambda text: repr(text[:40]),
)  # fmt: skip
def test_what_is_no_contract_is_refused(text):
    with pytest.raises(ContractError):
        load_guard(text)


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    with pytest.raises(ContractError, match="nowhere"):
        load_guard(tmp_path / "nowhere.json")
