"""``holdfast compare LOGGED TRAINING --skew``: what was served against what training saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli import output
from holdfast.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from holdfast.comparison.skew_report import SkewReport

#: the project's own code, beside its settings
SETTINGS = Path("holdfast.toml")


def compare_skew(
    logged: Path,
    training: Path,
    *,
    key: Sequence[str],
    features: Sequence[str] | None = None,
    contract: Path | None = None,
    entity: str | None = None,
    event_time: str | None = None,
    relative: float = 1e-6,
    absolute: float = 1e-9,
    allowed: float = 0.001,
    replay: bool = False,
    show_ids: bool = False,
    seed: int = 0,
    json: bool = False,
    format: str = "text",  # noqa: A002 - the flag's name
    fail_on: str = "error",
) -> None:
    """Compares, prints the report and ends the command with its exit code.

    Args:
        logged: the requests as served.
        training: the training table; with `replay`, the raw requests.
        key: ``--key``, one or more columns.
        features: ``--feature``, or None.
        contract: ``--contract``.
        entity: ``--entity``.
        event_time: ``--event-time``.
        relative: ``--relative``, tolerance of numbers.
        absolute: ``--absolute``, tolerance of numbers.
        allowed: ``--allowed``, share of mismatches that is fine.
        replay: ``--replay``: `training` holds raw requests, which the function ``transform`` of the
            project's train.py turns into features first.
        show_ids: ``--show-ids``.
        seed: ``--seed``.
        json: ``--json``.
        format: ``--format``.
        fail_on: ``--fail-on``.

    Raises:
        typer.Exit: 1 with findings, or when it could not be told.
        UsageError: no key.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    if not key:
        raise UsageError(
            "skew needs the column that names the rows of both tables",
            expected="--key COLUMN",
            got="no key",
            remedy="name the prediction id, or the entity together with --event-time",
        )
    from holdfast.frames.equality import Tolerance

    common: dict[str, Any] = {
        "key": tuple(key),
        "features": tuple(features) if features else None,
        "contract": _contract(contract),
        "tolerance": Tolerance(relative=relative, absolute=absolute),
        "allowed": allowed,
        "show_ids": show_ids,
        "seed": seed,
    }
    with output.progress("comparing"):
        report = (
            _replayed(logged, training, common)
            if replay
            else _joined(logged, training, entity, event_time, common)
        )
    output.emit(report.document(logged.name), format, json=json, fail_on=fail_on)


def single_rows(
    release: Path,
    rows: Path,
    *,
    ids: str | None = None,
    most: int = 2_000,
    show_ids: bool = False,
    seed: int = 0,
    json: bool = False,
    format: str = "text",  # noqa: A002 - the flag's name
    fail_on: str = "error",
) -> None:
    """Scores rows of a file alone and together, prints the report, ends with its exit code.

    Args:
        release: folder of a release.
        rows: the rows as served.
        ids: ``--id``, column that names them.
        most: rows asked one by one.
        show_ids: ``--show-ids``.
        seed: ``--seed``.
        json: ``--json``.
        format: ``--format``.
        fail_on: ``--fail-on``.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast.comparison.replay import single_batch
    from holdfast.releases import Release

    with output.progress("scoring"):
        opened = Release.open(release)
        try:
            report = single_batch(opened, rows, ids=ids, most=most, show_ids=show_ids, seed=seed)
        finally:
            opened.close()
    output.emit(report.document(rows.name), format, json=json, fail_on=fail_on)


def _contract(path: Path | None) -> Any:
    if path is None:
        return None
    from holdfast.contracts import Contract

    return Contract.load(path)


def _joined(
    logged: Path,
    training: Path,
    entity: str | None,
    event_time: str | None,
    common: dict[str, Any],
) -> SkewReport:
    from holdfast.comparison.skew import skew

    return skew(logged, training, entity=entity, event_time=event_time, **common)


def _replayed(logged: Path, raw: Path, common: dict[str, Any]) -> SkewReport:
    """The project's own transform, from the train.py beside holdfast.toml and nowhere else."""
    from holdfast.app.training import TRAIN_FILE, load_function
    from holdfast.comparison.replay import replay

    if not SETTINGS.is_file():
        raise ConfigError(
            "a replay runs the project's own code, and there is no project here",
            expected=f"{SETTINGS} and {TRAIN_FILE} in the current folder",
            got=f"no {SETTINGS}",
            remedy="run it in the project's folder; `holdfast init` starts one",
        )
    transform = load_function(Path(TRAIN_FILE), "transform", "transform(table)")
    return replay(raw, transform, logged, **common)
