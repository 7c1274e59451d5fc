"""A user's project: ``holdfast.toml``, ``train.py``, and the release that is built of them."""

from __future__ import annotations

import contextlib
import json
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.basics import now_us
from holdfast.app.home import opened
from holdfast.app.training import TRAIN_FILE, fitting, load_function, sound, unweighted
from holdfast.errors import ConfigError, DataError, UsageError
from holdfast.retraining.context import TrainingContext

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.contracts import Contract
    from holdfast.releases import Release
    from holdfast.retraining.context import Progress

#: labels that mean the outcome one is on the look-out for, lower case
LIKELY_POSITIVE = ("1", "true", "yes", "y", "bad", "default", "defaulted", "churned", "fraud")


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the rows are and what their columns are for.

    Attributes:
        train: path of the training table, relative to the settings file.
        target: column to predict.
        positive: label of the class that is scored.
        validation: path of rows the model does not see; held out of `train` when absent.
        event_time, ids, entities, groups, post_outcome: roles of columns, as in a contract.
    """

    train: str
    target: str
    positive: str | int | bool | None = None
    validation: str | None = None
    event_time: str | None = None
    ids: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    post_outcome: tuple[str, ...] = ()


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release must show before it may answer.

    Attributes:
        require: requirements of the evaluation, such as ``"recall >= 0.6"``.
        known_at: feature → column that says when its value became known.
    """

    require: tuple[str, ...] = ()
    known_at: dict[str, str] = {}


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a project.

    Attributes:
        model: name of the model.
        data: the tables.
        store: path of the store.
        costs: cost of each mistake, as `holdfast.evaluation.Costs` takes them.
        contract: path of a reviewed contract; learned from the training table when absent.
        seed: of everything random.
        gate: what a release must show before it may answer.
        serve, actions, policy: settings of server, monitor and loop, read elsewhere.
    """

    model: str
    data: Tables
    store: str = "holdfast.db"
    costs: dict[str, float] = {}
    contract: str | None = None
    seed: int = 0
    gate: GateSettings = GateSettings()
    serve: dict[str, Any] = {}
    actions: dict[str, Any] = {}
    policy: dict[str, Any] = {}


def read_project(config: Path) -> Project:
    """The project that a settings file describes.

    Raises:
        ConfigError: there is none, or something in it is wrong.
    """
    try:
        return msgspec.convert(tomllib.loads(config.read_text("utf-8")), Project)
    except FileNotFoundError:
        raise ConfigError(
            "there is no project here",
            expected=f"a file {config.name}",
            got=f"path={str(config)!r}",
            remedy="`holdfast init NAME --data TABLE --target COLUMN` starts one",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            "the project's settings cannot be used",
            expected="model, [data] with train and target, and [costs]",
            got=f"{config.name}: {error}",
            remedy="compare it with what `holdfast init` writes",
        ) from None


def build_release(
    config: Path,
    *,
    promote: bool | None = None,
    progress: Callable[[str], None] = lambda _: None,
    rows: pa.Table | None = None,
    reason: str = "",
    checkpoints: Path | None = None,
    shared: Progress | None = None,
    again: bool = False,
) -> tuple[Release, str]:
    """Trains a project's model, builds its release and adds it to the store.

    Args:
        config: the settings file; paths in it are relative to it.
        promote: make the release the champion; None does so where the model has none yet.
        progress: told each step.
        rows: what to train on, without rows of incidents; None: the project's table, without them.
        reason: why it is trained; told to a `train(frame, context)`.
        checkpoints: folder in which such a function finds its work of an earlier run; None: a
            folder that goes at the end.
        shared: told the steps of such a function; None: `progress` is, without the share.
        again: a retraining: the champion's contract holds where the project names none, and what
            was answered of the champion's audit answers the same question again.

    Returns:
        The release and the name of its model.
    """

    def told(step: str, share: float | None) -> None:
        progress(step)

    with contextlib.ExitStack() as stack:
        if checkpoints is None:
            checkpoints = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return _built(
            config, promote, progress, rows, reason, checkpoints, shared or told, again=again
        )


def _built(
    config: Path,
    promote: bool | None,
    progress: Callable[[str], None],
    rows: pa.Table | None,
    reason: str,
    checkpoints: Path,
    shared: Progress,
    *,
    again: bool,
) -> tuple[Release, str]:
    from holdfast.releases.gate import GateState

    project, folder = read_project(config), config.resolve().parent
    if rows is None:
        progress("reading the training table")
    table = training_table(project, folder) if rows is None else rows

    with opened(folder / project.store, config=config) as home:
        champion = home.store.catalog.champion(project.model)
        parent = champion.release if champion else None
        spoiled = home.store.training.standing(project.model) if rows is None else ()
        read, (table, pieces) = table.num_rows, sound(table, project.data.event_time, spoiled)
        if table.num_rows < read:
            progress(f"leaving out {read - table.num_rows:,} rows under incidents")
        if again and parent is not None and project.contract is None:
            contract = home.registry.open(parent, allow=home.settings.allow_models).contract
        else:
            contract = _contract(project, folder, unweighted(table))
        progress("training")
        fit = training_function(
            project, folder, contract.features,
            reason=reason, parent=parent, progress=shared, checkpoints=checkpoints,
        )  # fmt: skip
        release = release_of(
            project, folder, fit(table, contract.features),
            train=table,
            validation=folder / project.data.validation if project.data.validation else None,
            contract=contract, fit=fit, parent=parent, progress=progress,
        )  # fmt: skip
        home.registry.add(project.model, release)
        if not again:  # a retraining tells by itself what it learned from
            home.store.training.record(
                project.model, release.id, pieces, at=now_us(), rows=table.num_rows
            )
        if again and parent is not None:
            home.registry.carry_answers(project.model, parent, release.id)
        gate = home.store.catalog.gate(project.model, release.id)  # decided when it was added
        first = promote is None and champion is None and gate == GateState.PASSED
        if promote or first:
            home.registry.promote(project.model, release.id, reason="built")
    return release, project.model


def training_table(project: Project, folder: Path, path: Path | None = None) -> pa.Table:
    """The table to train on: the project's, or another.

    Raises:
        DataError: it cannot be read, or lacks the target.
    """
    from holdfast import frames

    table = frames.read(path or folder / project.data.train).arrow()
    if project.data.target not in table.column_names:
        raise DataError(
            "the training table lacks the target",
            expected=f"a column {project.data.target!r}",
            got=f"columns {', '.join(table.column_names[:12])}",
        )
    return table


def training_function(
    project: Project,
    folder: Path,
    features: tuple[str, ...],
    *,
    reason: str,
    parent: str | None,
    progress: Progress,
    checkpoints: Path,
) -> Callable[[pa.Table, tuple[str, ...]], Any]:
    """The project's training code as ``fit(rows, features)``.

    Args:
        project: its settings.
        folder: where it lies.
        features: that the model may use.
        reason: why it is trained.
        parent: id of the champion, or None.
        progress: told its steps.
        checkpoints: folder in which it finds its work of an earlier run.

    Raises:
        ConfigError: there is no such code, or it takes other arguments.
    """
    context = TrainingContext(
        model=project.model, features=features, target=project.data.target,
        positive=project.data.positive, seed=project.seed, start=None, end=None, rows=0,
        reason=reason, parent=parent, progress=progress, checkpoints=checkpoints,
    )  # fmt: skip
    return fitting(load_function(folder / TRAIN_FILE), context, project.data.event_time)


def release_of(
    project: Project,
    folder: Path,
    model: Any,
    *,
    train: pa.Table,
    validation: pa.Table | Path | None,
    contract: Contract,
    fit: Callable[[pa.Table, tuple[str, ...]], Any],
    parent: str | None,
    progress: Callable[[str], None],
) -> Release:
    """A release of a fitted model by the project's settings, see `holdfast.Release.build`."""
    from holdfast.evaluation import Costs
    from holdfast.releases import Release

    return Release.build(
        model,
        train=train,
        validation=validation,
        contract=contract,
        costs=Costs(**project.costs) if project.costs else None,
        fit=fit,
        positive=project.data.positive,
        features=contract.features,
        seed=project.seed,
        parent=parent,
        name=project.model,
        code=folder / TRAIN_FILE,
        requirements=project.gate.require,
        known_at=project.gate.known_at,
        directory=folder / project.store.replace(".db", ".built"),
        progress=progress,
    )


def _contract(project: Project, folder: Path, table: pa.Table) -> Contract:
    from holdfast.contracts import Contract

    if project.contract is not None:
        return Contract.load(folder / project.contract)
    data = project.data
    return Contract.learn(
        table,
        target=data.target,
        event_time=data.event_time,
        ids=data.ids,
        entities=data.entities,
        groups=data.groups,
        post_outcome=data.post_outcome,
        name=project.model,
        seed=project.seed,
    )


def choose_positive(source: Path, target: str, asked: str | None) -> str | int | bool:
    """The label that is scored: the one asked for, else the one that plainly means trouble.

    Raises:
        DataError: the target is not there or has not two labels.
        UsageError: which label is meant cannot be told.
    """
    from holdfast import frames

    table = frames.read(source).arrow()
    if target not in table.column_names:
        raise DataError(
            "the table has no such column",
            expected=f"one of {', '.join(table.column_names[:20])}",
            got=f"target={target!r}",
        )
    labels = [v for v in table.column(target).unique().to_pylist() if v is not None]
    if len(labels) != 2 or not all(isinstance(v, str | int | bool) for v in labels):
        raise DataError(
            "this project needs a target of two labels",
            expected="2 labels, as text, whole numbers or booleans",
            got=f"{len(labels)} labels in {target!r}",
            remedy="make a column that answers one question with yes or no",
        )
    if asked is None:
        likely = [v for v in labels if str(v).lower() in LIKELY_POSITIVE]
    else:
        likely = [v for v in labels if str(v) == asked]
    if len(likely) != 1:
        raise UsageError(
            "which label is the positive one, the one to be found?",
            expected=f"--positive, one of {', '.join(sorted(map(str, labels)))}",
            got=f"positive={asked!r}",
        )
    found: str | int | bool = likely[0]
    return found


def as_toml(value: str | int | bool) -> str:
    r"""A value as TOML writes it.

    >>> as_toml('say "x"'), as_toml(1), as_toml(True)
    ('"say \\"x\\""', '1', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
