"""Further parts of an evaluation: slices, and the paired test against the champion."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.contracts import Contract
from holdfast.errors import UsageError
from holdfast.evaluation.paired import compare_models
from holdfast.evaluation.slices import slices_of
from holdfast.findings import Finding
from holdfast.reports.document import Block, Findings

#: how the two are called in sentences
NAMES = ("the champion", "this model")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a part adds to a report: findings, and blocks without them."""

    findings: tuple[Finding, ...]
    blocks: tuple[Block, ...]


def shown_columns(show: bool | Collection[str], contract: Any) -> bool | Collection[str]:
    """Columns whose values may stand in a report: those asked for, and ``pii: no`` of a contract.

    Args:
        show: True for all, or names of columns.
        contract: a contract, the path of one, or None; a field that it marks ``pii: yes`` stays
            hidden unless it is named in `show`.

    Raises:
        UsageError: it is no contract.
    """
    if isinstance(contract, str | os.PathLike):
        contract = Contract.load(Path(contract))
    if contract is None or show is True:
        return show
    if not hasattr(contract, "fields"):
        raise UsageError(
            "this is no contract",
            expected="a contract or the path of one",
            got=f"type={type(contract).__name__}",
        )
    named = set() if isinstance(show, bool) else set(show)
    return named | {field.name for field in contract.fields if field.pii == "no"}


def slices_part(
    table: Any,
    loss: npt.NDArray[np.float64],
    *,
    loss_name: str,
    entity: Any = None,
    show: bool | Collection[str] = False,
    contract: Any = None,
    level: float = 0.95,
    seed: int = 0,
) -> Part:
    """Slices of `table` with more loss than the others; arguments as `slices_of`."""
    found = slices_of(
        table, loss, entity=entity, loss_name=loss_name, show=shown_columns(show, contract),
        level=level, seed=seed,
    )  # fmt: skip
    return _part(found.findings, found.blocks())


def champion_part(
    y_true: Any, champion: Any, score: Any, *, metric: str, entity: Any, level: float,
    seed: int = 0, threshold: float | None = None,
) -> Part:  # fmt: skip
    """The paired test of the model against the champion on the same rows, by `compare_models`."""
    found = compare_models(
        y_true, champion, score, metric=metric, entity=entity, level=level, seed=seed,
        threshold=threshold, names=NAMES,
    )  # fmt: skip
    return _part(found.findings, found.blocks())


def hits_part(
    champion_right: npt.NDArray[np.bool_],
    right: npt.NDArray[np.bool_],
    *,
    entity: Any,
    level: float,
) -> Part:
    """The paired test of two models' right decisions, whatever the number of classes."""
    return champion_part(
        np.ones(len(right), np.bool_), champion_right.astype(np.float64),
        right.astype(np.float64), metric="accuracy", entity=entity, level=level, threshold=0.5,
    )  # fmt: skip


def _part(findings: tuple[Finding, ...], blocks: tuple[Block, ...]) -> Part:
    return Part(findings=findings, blocks=tuple(b for b in blocks if not isinstance(b, Findings)))
