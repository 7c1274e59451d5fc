"""The plain mean of several models' scores: steadier than each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from holdfast.models.base import Model, ModelMeta, Row, Scores, write_meta


class BlendModel:
    """The mean of the members' scores.

    Args:
        members: at least one model; the inputs are all inputs of all members.
    """

    kind: ClassVar[str] = "blend"

    def __init__(self, members: Sequence[Model]) -> None:
        self._members = tuple(members)
        self.features = tuple(dict.fromkeys(f for m in members for f in m.features))
        self.task = members[0].task
        self.positive = members[0].positive

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        return self._mean([member.predict(rows) for member in self._members])

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return sum(member.predict_one(row) for member in self._members) / len(self._members)

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        return self._mean([member.predict_table(table) for member in self._members])

    @staticmethod
    def _mean(scores: list[Scores]) -> Scores:
        return np.asarray(np.mean(np.stack(scores), axis=0), dtype=np.float64)

    def save(self, directory: Path) -> list[str]:
        """Write each member into its own folder ``0``, ``1`` and so on."""
        names: list[str] = []
        for index, member in enumerate(self._members):
            folder = directory / str(index)
            folder.mkdir()
            names += [f"{index}/{name}" for name in member.save(folder)]
        return write_meta(
            directory,
            self,
            files=tuple(names),
            settings={"members": len(self._members)},
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        meta: ModelMeta,
        *,
        main: Model | None = None,
        allow: Collection[str] = (),
    ) -> BlendModel:
        """Read every member."""
        from holdfast.models import load

        count = int(meta.settings.get("members", 0))
        return cls([load(directory / str(i), main=main, allow=allow) for i in range(count)])
