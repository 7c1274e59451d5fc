"""What should stand in MLflow, read from the store: one record a model, no network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from holdfast.errors import ReleaseError
from holdfast.evaluation.record import Evaluation
from holdfast.integrations.mlflow import names
from holdfast.releases.bundle import decode, read_manifest, sha256_of
from holdfast.releases.lifecycle import Stage
from holdfast.releases.lifecycle.fold import read
from holdfast.releases.lineage import environment_hash
from holdfast.releases.records import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.storage import Store

#: the stages that are aliases in MLflow
ALIASED = (Stage.CHAMPION, Stage.STANDBY, Stage.CANARY, Stage.SHADOW)
_EVALUATION = "evaluation.json"


class WantedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """What should be known of one release.

    Attributes:
        id: its full id.
        stage: its stage.
        at: when it was added, milliseconds since 1970 (UTC).
        metrics: name → value; ``.low`` and ``.high`` behind a name are the ends of the interval.
        tags: lineage.
        unknown: why metrics and lineage could not be told; empty where they could.
    """

    id: str
    stage: str
    at: int
    metrics: dict[str, float] = {}
    tags: dict[str, str]
    unknown: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What should be known of one model.

    Attributes:
        model: its name.
        releases: the first added first.
        aliases: alias → id of the release; a stage that nobody holds is left out.
    """

    model: str
    releases: tuple[WantedRelease, ...]
    aliases: dict[str, str]


def wanted(store: Store, model: str) -> Wanted:
    """What should stand in MLflow of a model, at one moment of the store.

    The champion is the release that answers. Of several releases in shadow the alias goes to the
    one that came there last.

    Args:
        store: an open store.
        model: name of a model of the store.
    """
    with store.lifecycle.snapshot():
        state, champion = read(store, model), store.catalog.champion(model)
        rows, moves = store.catalog.releases(model), store.lifecycle.moves(model)
    stages = {row.id: state.stage(row.id) for row in rows}
    if champion is not None:  # in a store of before the lifecycle no stage tells it
        stages[champion.release] = Stage.CHAMPION
    came = {move.release: move.rev for move in moves if move.release is not None}
    aliases = {}
    for release in sorted(stages, key=lambda release: came.get(release, 0)):
        if stages[release] in ALIASED:
            aliases[stages[release].value] = release
    folder = store.files / "releases"
    return Wanted(
        model=model,
        releases=tuple(
            _release(folder / row.id, model, row.id, stages[row.id], row.added_at // 1000)
            for row in rows
        ),
        aliases=aliases,
    )


def _release(folder: Path, model: str, release: str, stage: Stage, at: int) -> WantedRelease:
    tags = {names.RELEASE: release, names.MODEL: model}
    try:
        manifest, evaluation = _read(folder, release)
    except (ReleaseError, OSError) as error:
        why = error.message if isinstance(error, ReleaseError) else type(error).__name__
        return WantedRelease(
            id=release, stage=stage.value, at=at, tags=tags, unknown=f"{release[:12]}: {why}"
        )
    return WantedRelease(
        id=release,
        stage=stage.value,
        at=at,
        metrics=_metrics(evaluation),
        tags=tags | _lineage(manifest, evaluation),
    )


def _read(folder: Path, release: str) -> tuple[Manifest, Evaluation]:
    """Manifest and evaluation as they were sealed; the models are not looked at."""
    _, manifest = read_manifest(folder, release)
    entry = manifest.files.get(_EVALUATION)
    if entry is None or sha256_of(folder / _EVALUATION) != entry.sha256:
        raise ReleaseError("the evaluation was changed or damaged after it was built")
    return manifest, decode((folder / _EVALUATION).read_bytes(), Evaluation, _EVALUATION)


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    """Values and ends of intervals; what could not be supported is left out."""
    found = {}
    for name, estimate in evaluation.metrics.items():
        for end, value in (
            ("", estimate.value), (".low", estimate.low), (".high", estimate.high),
        ):  # fmt: skip
            if value is not None and math.isfinite(value):
                found[name + end] = float(value)
    return found


def _lineage(manifest: Manifest, evaluation: Evaluation) -> dict[str, str]:
    facts = {
        "contract": manifest.contract,
        **{f"data.{table}": digest for table, digest in manifest.data.items()},
        "code": manifest.code,
        "environment": environment_hash(manifest.environment),
        "parent": manifest.parent,
        "kind": manifest.model_kind,
        "features": len(manifest.features),
        "seed": manifest.seed,
        "threshold": manifest.threshold,
        "threshold_from": manifest.threshold_from,
        "evaluated_rows": evaluation.rows,
        "evaluated_positives": evaluation.positives,
    }
    return {f"holdfast.{name}": str(value) for name, value in facts.items() if value is not None}
