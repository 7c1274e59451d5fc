"""Shared by all tests: where the real tables are, and no silent skips in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine is no reason to fail; in CI the examples are the same in every run
settings.register_profile("shared", deadline=None, derandomize=bool(os.environ.get("HOLDFAST_CI")))
settings.load_profile("shared")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real tables; skips with the reason where it is not there."""
    where = os.environ.get("HOLDFAST_DATA", "")
    if not where or not Path(where).is_dir():
        pytest.skip("real tables: set HOLDFAST_DATA to the folder that holds them")
    return Path(where)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """In CI a skip for want of a system program is a failure: CI installs them all."""
    report = yield
    if (
        os.environ.get("HOLDFAST_CI")
        and report.skipped
        and "apt-get install" in str(report.longrepr)
    ):
        report.outcome = "failed"
    return report
