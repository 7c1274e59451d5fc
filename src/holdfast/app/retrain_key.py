"""Names of retrainings: their events, the lease they hold, the key by which one runs once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from holdfast.app.project import Project
from holdfast.app.training import TRAIN_FILE
from holdfast.errors import UsageError
from holdfast.storage.training import Interval

FINISHED, REJECTED, VETOED = "retrain.finished", "retrain.rejected", "retrain.vetoed"
#: a lease of this name and the model's is held while the model is retrained
LEASE = "retrain/"


def derived(
    project: Project,
    config: Path,
    data: Path,
    parent: str | None,
    spoiled: Sequence[Interval] = (),
) -> str:
    """The key of a retraining: a hash of its data, code, settings, champion, and rows left out.

    Args:
        project: the settings as read.
        config: path of the settings file.
        data: path of the training table.
        parent: id of the champion, or None.
        spoiled: event times whose rows are left out.
    """
    folder = config.parent
    paths = [data, config, folder / TRAIN_FILE]
    paths += [folder / p for p in (project.data.validation, project.contract) if p is not None]
    return hashlib.sha256(
        msgspec.json.encode([*(digest(path) for path in paths), parent, *spoiled])
    ).hexdigest()


def digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            "a file of the project cannot be read", expected="a file", got=f"path={path}: {error}"
        ) from None
