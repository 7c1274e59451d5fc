"""Plain records of a release: its manifest, fallbacks, blast radius and reference."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.evaluation.costs import Costs
from holdfast.evaluation.record import Evaluation
from holdfast.models.base import Label
from holdfast.records import Estimate

FORMAT_VERSION = 1


class FileEntry(msgspec.Struct, frozen=True):
    """One file of the bundle."""

    size: int
    sha256: str


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """A model that answers when some fields are missing, and what it is known to reach.

    Attributes:
        without: the fields it does without.
        folder: where its files are, relative to the release.
        method: how it was made: ``refit``, ``mixture``, ``boosted`` or ``blend``.
        threshold: rows scoring at or above it are decided positive.
        evaluation: its metrics on validation rows.
        main_when_missing: expected cost of the main model when the same fields are null and
            nothing is done about it; None when the main model cannot answer at all.
        considered: log loss on validation of every method tried, the best of which was kept.
    """

    without: tuple[str, ...]
    folder: str
    method: str
    threshold: float
    evaluation: Evaluation
    main_when_missing: float | None = None
    considered: dict[str, float] = {}


class Blast(msgspec.Struct, frozen=True, kw_only=True):
    """What one fault in one feature does to the unguarded model's decisions.

    Attributes:
        feature, fault: where and what.
        rows: validation rows the fault was tried on.
        flipped: share of decisions that change.
        accuracy_change: accuracy under the fault minus accuracy without.
        approval_change: the same for the share of rows decided negative.
        cost_change: the same for expected cost per row; positive is worse.
        error: why the model could not answer at all; then every decision counts as lost.
        value: the value filled in, for faults that fill one; empty where the field may hold
            personal data.
    """

    feature: str
    fault: str
    rows: int
    flipped: Estimate
    accuracy_change: float
    approval_change: float
    cost_change: float
    error: str = ""
    value: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What normal looks like to the guard, for the monitor.

    Attributes:
        rows: held-out rows that the guard looked at.
        marks: ``field:code`` → rows with that mark; notes have ``~`` in front.
        outcomes: verdict → rows.
        train_rows: rows the model was trained on.
        score_mean: mean score of the main model on the held-out rows.
        approval_rate: share of the held-out rows decided negative.
    """

    rows: int
    marks: dict[str, int]
    outcomes: dict[str, int]
    train_rows: int
    score_mean: float
    approval_rate: float


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose scores are known: replayed whenever the release is opened.

    Values are drawn column by column from training rows, so no row is anybody's.

    Attributes:
        rows: inputs as they come from JSON.
        main: scores on the training side, by the caller's own estimator where it can be asked.
        fallbacks: the same for each fallback.
    """

    rows: list[dict[str, Any]]
    main: list[float]
    fallbacks: list[list[float]] = []


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a release is; its sha256 is the release's id.

    Attributes:
        format: version of the bundle's format.
        name: name of the model line, a label only.
        files: every file beside the manifest.
        model_kind, features, positive: the main model.
        compiled_from: library and version that a compiled model was trained by.
        decisions: labels of the two decisions: below the threshold, at or above it.
        threshold, threshold_from, costs: how scores become decisions.
        contract: id of the contract.
        data: table → sha256 of its content (``train``, ``validation``).
        code: sha256 of the code that trained, where it was given.
        environment: package → version at build time.
        seed: seed of everything random.
        parent: id of the release this one follows.
        pickle: the bundle holds a pickle; servers refuse it.
        runs_code: the bundle runs a function of yours in a worker process; needs an opt-in.
    """

    format: int = FORMAT_VERSION
    name: str = ""
    files: dict[str, FileEntry]
    model_kind: str
    features: tuple[str, ...]
    positive: Label | None
    decisions: tuple[str, str]
    threshold: float
    threshold_from: str
    costs: Costs
    contract: str
    data: dict[str, str]
    code: str | None = None
    environment: dict[str, str] = {}
    compiled_from: str = ""
    seed: int = 0
    parent: str | None = None
    pickle: bool = False
    runs_code: bool = False
