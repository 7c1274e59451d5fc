"""One real release for the tests of the mirror, and stores made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integrations.mlflow.stores import Releases
from tests.releases.conftest import FEATURES, lender, pipeline

from holdfast.contracts import Contract
from holdfast.evaluation import Costs
from holdfast.releases import Release
from holdfast.storage import Store


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real release."""
    train = lender(600, 1)
    release = Release.build(
        pipeline().fit(train[FEATURES], train.status),
        train=train,
        validation=lender(500, 2),
        contract=Contract.learn(train, target="status"),
        costs=Costs(1, 3),
        positive="bad",
        fallbacks="none",
        audit=False,
        code=pipeline,
        directory=tmp_path_factory.mktemp("release"),
    )
    release.close()
    return release.directory


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "holdfast.db") as found:
        yield found


@pytest.fixture
def releases(store: Store, bundle: Path) -> Callable[[str], Releases]:
    """Makes a model of the store by its name."""
    return lambda model: Releases(store, model, bundle)
