"""What every model of the family declares: features in, one float per row out, files on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.errors import ModelError

#: scores, one float64 per row
Scores = npt.NDArray[np.float64]
Row = Mapping[str, Any]
#: values that a label or a category can have in JSON
Label = str | int | float | bool

META_FILE = "model.json"


class ModelMeta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``model.json`` says of a saved model.

    Attributes:
        kind: member of the family, the key in `holdfast.models.KINDS`.
        features: names of the inputs, in the model's order.
        task: ``binary`` (score = probability of the positive class) or ``regression``.
        positive: label of the positive class, when there is one.
        files: file names of the model, relative to its directory.
        versions: library versions it was saved with.
        settings: what the member needs besides (categories, null marker, members).
    """

    kind: str
    features: tuple[str, ...]
    task: str = "binary"
    positive: Label | None = None
    files: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}


@runtime_checkable
class Model(Protocol):
    """A model as the rest of Holdfast sees it.

    ``predict`` takes rows as they come from JSON (absent key = null, extra keys are ignored) and
    gives the positive-class score (or the value, for regression) as float64.
    """

    kind: ClassVar[str]
    features: tuple[str, ...]
    task: str
    positive: Label | None

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        ...

    def predict_one(self, row: Row) -> float:
        """Score one row; the same number as ``predict([row])[0]``."""
        ...

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table that has at least the model's features as columns."""
        ...

    def save(self, directory: Path) -> list[str]:
        """Write the model's files into an existing directory; gives their names."""
        ...

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> Model:
        """Read back what ``save`` wrote."""
        ...


def write_meta(
    directory: Path,
    model: Model,
    *,
    files: Sequence[str] = (),
    versions: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
) -> list[str]:
    """Write a model's ``model.json``; gives every file name of the model, ``model.json`` first.

    Args:
        directory: where the model is saved.
        model: gives kind, features, task and positive label.
        files: names of the model's own files.
        versions: library versions it is saved with.
        settings: what the member needs besides to load it.
    """
    meta = ModelMeta(
        kind=model.kind,
        features=model.features,
        task=model.task,
        positive=model.positive,
        files=tuple(files),
        versions=versions or {},
        settings=settings or {},
    )
    (directory / META_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=2))
    return [META_FILE, *meta.files]


def read_meta(directory: Path) -> ModelMeta:
    """Read ``model.json``."""
    path = directory / META_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelMeta)
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(
            "the saved model has no readable description",
            expected=f"a file {META_FILE}",
            got=str(error),
            remedy="build the release again",
        ) from error


def require_columns(table: pa.Table, features: Sequence[str]) -> None:
    """Raise unless the table has every feature as a column."""
    names = set(table.column_names)
    absent = [name for name in features if name not in names]
    if absent:
        raise ModelError(
            "the table lacks columns that the model needs",
            expected=f"columns {list(features)}",
            got=f"missing={absent}",
            remedy="add the columns (all null is allowed) or score rows through the guard",
        )


def require_main(main: Model | None, what: str) -> Model:
    """The release's main model, which some fallbacks ask; raise when it was not given."""
    if main is None:
        raise ModelError(
            f"{what} needs the release's main model",
            expected="main=...",
            got="main=None",
            remedy="open the release; do not load its parts one by one",
        )
    return main


def require_count(count: int, features: Sequence[str]) -> None:
    """Raise unless a Booster has as many inputs as there are names."""
    if count != len(features):
        raise ModelError(
            "the Booster and the list of features do not fit",
            expected=f"{count} features",
            got=f"features={len(features)}",
            remedy="pass features=[...] in the order of training",
        )


def choose_positive(classes: Sequence[Any], positive: Label | None) -> tuple[int, Label]:
    """Index and label of the positive class.

    Args:
        classes: the labels a classifier knows, in its order.
        positive: the wanted label; None takes the second of two.

    >>> choose_positive(["bad", "good"], "bad")
    (0, 'bad')
    """
    labels: list[Label] = [c.item() if isinstance(c, np.generic) else c for c in classes]
    if len(labels) != 2:
        raise ModelError(
            "only classifiers of two classes are supported",
            expected="2 classes",
            got=f"classes={len(labels)}",
            remedy="train one classifier per question, or a regression",
        )
    if positive is None:
        return 1, labels[1]
    for index, label in enumerate(labels):
        if label == positive or (str(label) == str(positive)):
            return index, label
    raise ModelError(
        "the positive label is not one of the classifier's classes",
        expected=f"one of {labels}",
        got=f"positive={positive!r}",
    )


def not_predictable(kind: str, error: Exception) -> ModelError:
    """The error for rows that a model cannot take, without showing the values."""
    return ModelError(
        f"the {kind} model cannot score these rows",
        expected="values of the types seen in training",
        got=type(error).__name__,
        remedy="let the contract's guard see the rows first, or widen the model's preprocessing",
    )
