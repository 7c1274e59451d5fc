"""Shared by all tests: where the real tables are, and no silent skips in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.mlflow_server import running

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


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, one for all tests of the group ``mlflow``: use names of your own."""
    with running(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


#: what a skip says that is for want of something CI installs
INSTALLED_IN_CI = ("apt-get install", "make .mlflow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """In CI a skip for want of a program is a failure: CI installs them all."""
    report = yield
    if (
        os.environ.get("HOLDFAST_CI")
        and report.skipped
        and any(words in str(report.longrepr) for words in INSTALLED_IN_CI)
    ):
        report.outcome = "failed"
    return report
