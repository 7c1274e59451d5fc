"""The main model with some inputs shown as null: what its own pipeline does about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from holdfast.models.base import Model, ModelMeta, Row, Scores, require_main, write_meta
from holdfast.models.mixture import constant


class NulledModel:
    """The main model, certain fields always null.

    Args:
        main: the release's main model.
        fields: inputs that are shown to it as null, whatever the row says.
    """

    kind: ClassVar[str] = "nulled"

    def __init__(self, main: Model, fields: Sequence[str]) -> None:
        self._main = main
        self._fields = tuple(fields)
        self._nulls = dict.fromkeys(fields)
        self.features = tuple(name for name in main.features if name not in self._nulls)
        self.task = main.task
        self.positive = main.positive

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        return self._main.predict([{**row, **self._nulls} for row in rows])

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return self._main.predict_one({**row, **self._nulls})

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table; the fields' columns may be absent."""
        present = [name for name in self._fields if name in table.column_names]
        table = table.drop_columns(present)
        for name in self._fields:
            table = table.append_column(name, constant(None, table.num_rows))
        return self._main.predict_table(table)

    def save(self, directory: Path) -> list[str]:
        """Write ``model.json``; the main model is the release's own."""
        return write_meta(
            directory,
            self,
            settings={"fields": list(self._fields)},
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        meta: ModelMeta,
        *,
        main: Model | None = None,
        allow: Collection[str] = (),
    ) -> NulledModel:
        """Join it to the release's main model."""
        main = require_main(main, "this fallback")
        return cls(main, [str(name) for name in meta.settings.get("fields", ())])
