"""The loud exception: models that only joblib can save. Loading one runs whatever it contains.

Nothing here is reached without ``allow_pickle=True`` at build time and ``allow={"pickled"}`` at
load time. The server gives neither, and `holdfast.models.forbid_pickle` shuts unpickling off.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from holdfast.errors import ModelError
from holdfast.models.base import Label, ModelMeta, write_meta
from holdfast.models.sklearn import SklearnModel, take

FILE = "estimator.joblib"


class PickleWarning(UserWarning):
    """A model is saved or loaded as a pickle."""


class PickledModel(SklearnModel):
    """An estimator with the scikit-learn interface, saved by joblib."""

    kind: ClassVar[str] = "pickled"

    def save(self, directory: Path) -> list[str]:
        """Write a joblib file, with a warning."""
        import joblib

        warnings.warn(
            "this release holds a pickle: whoever can change the file can run code where it is "
            "opened; the server will refuse it",
            PickleWarning,
            stacklevel=2,
        )
        joblib.dump(self.estimator, directory / FILE)
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"joblib": joblib.__version__},
            settings={"column": self.column, "null": self.null, "numeric": self.numeric},
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> PickledModel:
        """Unpickle, with a warning."""
        import joblib

        warnings.warn(
            "unpickling a model runs the code in it; do this only with files you made",
            PickleWarning,
            stacklevel=2,
        )
        try:
            estimator = joblib.load(directory / FILE)
        except Exception as error:
            raise ModelError(
                "the pickled estimator cannot be loaded", got=type(error).__name__
            ) from error
        return cls(
            estimator,
            meta.features,
            column=meta.settings.get("column"),
            positive=meta.positive,
            null=str(meta.settings.get("null", "nan")),
            numeric=bool(meta.settings.get("numeric", False)),
        )


def adopt(
    estimator: Any,
    features: Sequence[str] | None,
    positive: Label | None,
    categories: Mapping[str, Sequence[Label]] | None,
) -> PickledModel:
    """Take any object with ``predict_proba`` (or ``predict``)."""
    plain = take(estimator, features, positive)
    return PickledModel(
        plain.estimator,
        plain.features,
        column=plain.column,
        positive=plain.positive,
        null=plain.null,
        numeric=plain.numeric,
    )
