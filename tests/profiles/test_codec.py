"""Bytes of profiles: small, versioned, without code, and refused when damaged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from holdfast.errors import DataError
from holdfast.profiles import Profile, ProfileSpec


def _wide(rows: int) -> pa.Table:
    """30 floats with 3 % holes, 10 whole-number columns, 10 texts with 2 to 2,000 values."""
    rng = np.random.default_rng(0)
    columns = {}
    for i in range(30):
        columns[f"f{i}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.03)
    for i in range(10):
        columns[f"i{i}"] = rng.integers(0, 10 ** (1 + i % 6), rows)
    for i, k in enumerate((2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)):
        columns[f"s{i}"] = pa.array([f"value_{k}" for k in range(k)]).take(
            pa.array(rng.integers(0, k, rows))
        )
    return pa.table(columns)


@pytest.fixture(scope="module")
def wide() -> tuple[ProfileSpec, Profile]:
    table = _wide(150_000)
    spec = ProfileSpec.learn(table)
    return spec, Profile.of(table, spec)


def test_fifty_columns_take_at_most_70_kilobytes(wide):
    spec, profile = wide
    assert len(profile.to_bytes()) <= 70_000
    assert Profile.from_bytes(profile.to_bytes(), spec) == profile


def test_damaged_cut_or_foreign_bytes_are_refused(wide):
    spec, profile = wide
    data = profile.to_bytes()
    for bad in (
        b"",
        b"HFP",
        b"PK\x03\x04",
        data[:5],
        data[: len(data) // 2],
        data + b"x",
        data[:4] + b"\x63" + data[5:],
        spec.to_bytes(),
        data[:100] + bytes([data[100] ^ 255]) + data[101:],
    ):
        with pytest.raises(DataError, match="cannot be read as a profile"):
            Profile.from_bytes(bad, spec)


def test_bytes_of_another_spec_are_refused(wide):
    _, profile = wide
    with pytest.raises(DataError, match="count different things"):
        Profile.from_bytes(profile.to_bytes(), ProfileSpec.learn({"x": [1.0]}))


def test_a_spec_is_named_by_its_content(wide):
    spec, _ = wide
    assert spec.id == ProfileSpec.from_bytes(spec.to_bytes()).id
    assert spec.id != ProfileSpec.learn({"x": [1.0]}).id
