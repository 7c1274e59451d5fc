"""A fallback that asks the main model for every value a missing field could have had.

``P(bad | rest) = sum over j of P(field = j | rest) * P(bad | rest, field = j)``. The first factor
is a small LightGBM model of the field given the other inputs; the second is the main model. So it
works for any main model, retrains nothing of it, and needs no guess of a single value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.errors import ModelError
from holdfast.models.base import Label, Model, ModelMeta, Row, Scores, require_main, write_meta
from holdfast.models.encoding import Encoder
from holdfast.models.lightgbm_library import TextBooster

if TYPE_CHECKING:
    import lightgbm as lgb

FILE = "conditional.txt"


class MixtureModel:
    """The main model averaged over what the field probably was.

    Args:
        main: the model that has the field as an input.
        field: the field that is missing.
        values: values the field could have had, in the order of the conditional model's classes.
        conditional: LightGBM multiclass Booster of the position in ``values``; None when there is
            one value only.
        categories: categories of the other inputs for the conditional model.
    """

    kind: ClassVar[str] = "mixture"

    def __init__(
        self,
        main: Model,
        field: str,
        values: Sequence[Any],
        conditional: lgb.Booster | TextBooster,
        categories: dict[str, Sequence[Label]],
    ) -> None:
        self._main = main
        self._field = field
        self._values = tuple(values)
        self.features = tuple(name for name in main.features if name != field)
        self.task = main.task
        self.positive = main.positive
        self._text = conditional.model_to_string()
        self._conditional = TextBooster(self._text)
        self._encoder = Encoder(self.features, categories)

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts; the field's own value is not looked at."""
        if not len(rows):
            return np.empty(0)
        field = self._field
        copies = [{**row, field: value} for value in self._values for row in rows]
        scores = self._main.predict(copies).reshape(len(self._values), len(rows))
        return self._mix(self._encoder.rows(rows), scores)

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self.predict((row,))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table; the field's column may be absent."""
        if not table.num_rows:
            return np.empty(0)
        rest = table.drop_columns([self._field]) if self._field in table.column_names else table
        scores = np.stack(
            [
                self._main.predict_table(
                    rest.append_column(self._field, constant(value, table.num_rows))
                )
                for value in self._values
            ]
        )
        return self._mix(self._encoder.table(rest), scores)

    def _mix(self, matrix: npt.NDArray[np.float64], scores: Scores) -> Scores:
        weights = self._conditional.predict(matrix)
        return np.asarray(np.einsum("nk,kn->n", weights, scores), dtype=np.float64)

    def save(self, directory: Path) -> list[str]:
        """Write the conditional model; the main model is the release's own."""
        (directory / FILE).write_text(self._text, encoding="utf-8", newline="\n")
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"lightgbm": version("lightgbm")},
            settings={
                "field": self._field,
                "values": list(self._values),
                "categories": dict(self._encoder.categories),
            },
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        meta: ModelMeta,
        *,
        main: Model | None = None,
        allow: Collection[str] = (),
    ) -> MixtureModel:
        """Read the conditional model and join it to the release's main model."""
        main = require_main(main, "a mixture")
        try:
            text = (directory / FILE).read_text(encoding="utf-8")
            conditional = TextBooster(text)
            field, values = str(meta.settings["field"]), meta.settings["values"]
        except (OSError, UnicodeDecodeError, KeyError, ModelError) as error:
            raise ModelError(
                "the fallback's conditional model cannot be read", got=type(error).__name__
            ) from error
        return cls(main, field, values, conditional, meta.settings.get("categories") or {})


def constant(value: Any, rows: int) -> pa.Array:
    """A column of one value.

    >>> constant(None, 2).null_count
    2
    """
    if value is None:
        return pa.nulls(rows)
    return pa.repeat(pa.scalar(value), rows)
