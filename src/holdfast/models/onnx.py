"""ONNX: any framework's export, run by onnxruntime on one thread, without external files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pyarrow as pa

from holdfast.errors import ModelError
from holdfast.models.base import (
    Label,
    ModelMeta,
    Row,
    Scores,
    not_predictable,
    require_columns,
    write_meta,
)
from holdfast.models.encoding import Encoder

FILE = "model.onnx"

_DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}


class OnnxModel:
    """An ONNX graph with either one matrix input or one input per feature.

    Args:
        raw: the serialised graph. It is read from memory, so it cannot name other files.
        features: names of the inputs, in column order.
        column: column of the probability output to give.
        positive: label of the positive class.
        categories: categories in code order, where the graph wants codes.
    """

    kind: ClassVar[str] = "onnx"

    def __init__(
        self,
        raw: bytes,
        features: Sequence[str],
        *,
        column: int = 1,
        positive: Label | None = None,
        task: str = "binary",
        categories: Mapping[str, Sequence[Label]] | None = None,
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(
                "the ONNX graph cannot be loaded",
                expected="one self-contained ONNX model",
                got=type(error).__name__,
                remedy="export it again, without external data files",
            ) from error
        self._raw = raw
        self.features = tuple(features)
        self.positive = positive
        self.task = task
        self._column = column
        self._encoder = Encoder(self.features, categories or {})
        self._inputs = [(i.name, _DTYPES.get(i.type)) for i in self._session.get_inputs()]
        self._matrix_input = len(self._inputs) == 1 and len(self.features) != 1
        if not self._matrix_input and [n for n, _ in self._inputs] != list(self.features):
            by_name = {n for n, _ in self._inputs}
            if not by_name <= set(self.features):
                raise ModelError(
                    "the ONNX graph's inputs are not the features",
                    expected=f"one matrix, or inputs named as the features {list(features)}",
                    got=f"inputs={sorted(by_name)}",
                )
        if any(dtype is None for _, dtype in self._inputs):
            raise ModelError(
                "an input of the ONNX graph has a type that is not supported",
                expected=f"one of {sorted(_DTYPES)}",
                got=f"types={[i.type for i in self._session.get_inputs()]}",
            )
        self._output = _probability_output(self._session, task)

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        if not len(rows):
            return np.empty(0)
        if self._matrix_input and self._inputs[0][1] is not object:
            return self._run({self._inputs[0][0]: self._encoder.rows(rows)})
        return self._run_columns({f: [row.get(f) for row in rows] for f in self.features})

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self.predict((row,))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        require_columns(table, self.features)
        if not table.num_rows:
            return np.empty(0)
        if self._matrix_input and self._inputs[0][1] is not object:
            return self._run({self._inputs[0][0]: self._encoder.table(table)})
        return self._run_columns({f: table.column(f).to_pylist() for f in self.features})

    def save(self, directory: Path) -> list[str]:
        """Write the graph and ``model.json``."""
        (directory / FILE).write_bytes(self._raw)
        return write_meta(
            directory,
            self,
            files=(FILE,),
            versions={"onnxruntime": ort.__version__},
            settings={
                "column": self._column,
                "categories": dict(self._encoder.categories),
            },
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> OnnxModel:
        """Read the graph."""
        try:
            raw = (directory / FILE).read_bytes()
        except OSError as error:
            raise ModelError("the ONNX file cannot be read", got=type(error).__name__) from error
        return cls(
            raw,
            meta.features,
            column=int(meta.settings.get("column", 1)),
            positive=meta.positive,
            task=meta.task,
            categories=meta.settings.get("categories") or {},
        )

    def _run_columns(self, columns: Mapping[str, list[Any]]) -> Scores:
        try:
            if self._matrix_input:
                matrix = np.array([_text(columns[f]) for f in self.features], dtype=object).T
                return self._run({self._inputs[0][0]: matrix})
            feeds = {}
            for name, dtype in self._inputs:
                values = columns[name]
                array = np.array(
                    _text(values) if dtype is object else values,
                    dtype=object if dtype is object else np.float64,
                )
                feeds[name] = array.reshape(-1, 1)
        except (TypeError, ValueError, OverflowError) as error:
            raise not_predictable(self.kind, error) from error
        return self._run(feeds)

    def _run(self, feeds: dict[str, npt.NDArray[Any]]) -> Scores:
        wanted = dict(self._inputs)
        try:
            cast = {name: value.astype(wanted[name]) for name, value in feeds.items()}
            (out,) = self._session.run([self._output], cast)
        except Exception as error:
            raise not_predictable(self.kind, error) from error
        if isinstance(out, list):  # ZipMap: one dict of class -> probability per row
            key = list(out[0])[self._column]
            return np.array([row[key] for row in out], dtype=np.float64)
        scores = np.asarray(out, dtype=np.float64)
        if scores.ndim == 2 and scores.shape[1] > 1:
            return np.ascontiguousarray(scores[:, self._column])
        return scores.ravel()


def _text(values: Sequence[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in values]


def _probability_output(session: ort.InferenceSession, task: str) -> str:
    outputs = session.get_outputs()
    if task == "binary":
        for output in outputs:
            if "prob" in output.name.lower():
                return str(output.name)
    return str(outputs[-1].name)


def adopt(
    estimator: Any,
    features: Sequence[str] | None,
    positive: Label | None,
    categories: Mapping[str, Sequence[Label]] | None,
) -> OnnxModel:
    """Take a graph as bytes or ModelProto; ``features`` must be given for a matrix input."""
    raw = estimator if isinstance(estimator, bytes) else estimator.SerializeToString()
    if features is None:
        session = ort.InferenceSession(raw, providers=["CPUExecutionProvider"])
        features = [i.name for i in session.get_inputs()]
        if len(features) == 1:
            raise ModelError(
                "the ONNX graph does not know the names of its inputs",
                expected="names",
                got="one matrix input",
                remedy="pass features=[...] in the order of the matrix's columns",
            )
    return OnnxModel(raw, features, positive=positive, categories=categories)
