"""A Python function as a model: by import path and source hash, in a worker process, opt-in.

The function takes a list of rows (dicts) and gives a list of numbers. It runs in its own process,
so that what it does cannot touch the server; rows and scores cross as JSON lines over pipes,
never as pickles. Before it is imported, the worker compares the module's source with the hash
taken when the release was built.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.errors import ModelError
from holdfast.models.base import Label, ModelMeta, Row, Scores, write_meta

#: seconds that one call of the worker may take, the first (with the import) included
TIMEOUT = 30.0


class CallableModel:
    """A function behind a worker process.

    Args:
        path: ``"package.module:function"``.
        features: names of the inputs; only these are sent.
        source: sha256 of the module's source file.
        positive: label of the positive class.
    """

    kind: ClassVar[str] = "callable"

    def __init__(
        self,
        path: str,
        features: Sequence[str],
        source: str,
        *,
        positive: Label | None = None,
        task: str = "binary",
    ) -> None:
        self.features = tuple(features)
        self.positive = positive
        self.task = task
        self._path = path
        self._source = source
        self._worker: _Worker | None = None
        self._lock = threading.Lock()

    @classmethod
    def adopt(
        cls, path: str, features: Sequence[str], *, positive: Label | None = None
    ) -> CallableModel:
        """Take a function by its import path; hashes its source without importing it."""
        if not features:
            raise ModelError(
                "a function does not know the names of its inputs",
                expected="features=[...]",
                got="features=()",
            )
        return cls(path, features, source_hash(path), positive=positive)

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        if not len(rows):
            return np.empty(0)
        names = self.features
        body = msgspec.json.encode([{name: row.get(name) for name in names} for row in rows])
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker = _Worker(self._path, self._source)
            answer = self._worker.ask(body)
        if "error" in answer:
            raise ModelError(
                "the function failed in its worker",
                expected="one finite number per row",
                got=str(answer["error"]),
                remedy=f"call {self._path} on these rows yourself",
            )
        scores = np.array(answer["scores"], dtype=np.float64)
        if scores.shape != (len(rows),):
            raise ModelError(
                "the function did not give one number per row",
                expected=f"{len(rows)} numbers",
                got=f"shape={scores.shape}",
            )
        return scores

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self.predict((row,))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        return self.predict(table.select(list(self.features)).to_pylist())

    def close(self) -> None:
        """End the worker process."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def save(self, directory: Path) -> list[str]:
        """Write ``model.json``: the path and the hash; the code itself is not copied."""
        return write_meta(
            directory,
            self,
            versions={"python": ".".join(map(str, sys.version_info[:3]))},
            settings={"path": self._path, "source": self._source},
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> CallableModel:
        """Prepare the worker; refuses when the source has changed since the build."""
        path, source = str(meta.settings["path"]), str(meta.settings["source"])
        now = source_hash(path)
        if now != source:
            raise ModelError(
                "the function's source has changed since the release was built",
                expected=f"sha256={source[:12]}…",
                got=f"sha256={now[:12]}…",
                remedy="build a new release, or restore the source",
            )
        return cls(path, meta.features, source, positive=meta.positive, task=meta.task)


def source_hash(path: str) -> str:
    """The sha256 of the source file that an import path names, without importing it.

    Parent packages are imported by Python to find the module; the module itself is not.
    """
    module, _, function = path.partition(":")
    if not module or not function.isidentifier():
        raise ModelError(
            "this is no import path of a function",
            expected='"package.module:function"',
            got=f"path={path!r}",
        )
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise ModelError("the module cannot be found", got=f"module={module!r}") from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ModelError(
            "the module cannot be found as a source file",
            expected="a .py file on the import path",
            got=f"module={module!r}",
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()


class _Worker:
    """One child process that speaks JSON lines."""

    def __init__(self, path: str, source: str) -> None:
        environment = {
            key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ
        }
        environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "holdfast.models.callable_worker", path, source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        reader = threading.Thread(
            target=_read_lines, args=(self._process.stdout, self._answers), daemon=True
        )
        reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, body: bytes) -> dict[str, Any]:
        stdin = self._process.stdin
        if stdin is None:  # pragma: no cover - Popen was given a pipe
            raise ModelError("the worker has no input")
        try:
            stdin.write(body + b"\n")
            stdin.flush()
            line = self._answers.get(timeout=TIMEOUT)
        except (OSError, queue.Empty) as error:
            self.close()
            raise ModelError(
                "the function's worker gave no answer",
                expected=f"an answer within {TIMEOUT:g} s",
                got=type(error).__name__,
                remedy="the next call starts a new worker",
            ) from error
        if not line:
            code = self._process.wait()
            raise ModelError("the function's worker ended", got=f"exit={code}")
        answer: dict[str, Any] = msgspec.json.decode(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __del__(self) -> None:
        if self._process.poll() is None:
            self.close()


def _read_lines(stream: IO[bytes] | None, into: queue.SimpleQueue[bytes]) -> None:
    if stream is None:  # pragma: no cover - Popen was given a pipe
        return
    try:
        for line in stream:
            into.put(line)
    except (OSError, ValueError):
        pass  # the pipe was closed under us: the worker is gone
    into.put(b"")
