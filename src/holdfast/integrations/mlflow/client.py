"""What the mirror asks of MLflow, one method for each thing, and the records that come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from holdfast.integrations.mlflow.rest import MlflowError, Rest

#: most entries of one page of an answer
_PAGE = 1000
T = TypeVar("T")


class Pair(msgspec.Struct, frozen=True):
    """A tag."""

    key: str
    value: str = ""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """The newest value of a metric; `timestamp` in milliseconds since 1970 (UTC)."""

    key: str
    value: float
    timestamp: int = 0
    step: int = 0


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run beside its data."""

    run_id: str
    status: str = ""
    lifecycle_stage: str = "active"


class RunData(msgspec.Struct, frozen=True, kw_only=True):
    """The newest metrics and the tags of a run."""

    metrics: list[Metric] = []
    tags: list[Pair] = []


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    info: RunInfo
    data: RunData = RunData()

    @property
    def tags(self) -> dict[str, str]:
        """Its tags by name."""
        return by_key(self.data.tags)


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment; one that was deleted can be restored."""

    experiment_id: str
    lifecycle_stage: str = "active"


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a registered model."""

    version: int
    run_id: str = ""
    tags: list[Pair] = []


class Alias(msgspec.Struct, frozen=True):
    """A name that points to a version."""

    alias: str
    version: int


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model."""

    name: str
    tags: list[Pair] = []
    aliases: list[Alias] = []


class _Experiment(msgspec.Struct):
    experiment: Experiment


class _ExperimentId(msgspec.Struct):
    experiment_id: str


class _Run(msgspec.Struct):
    run: Run


class _Runs(msgspec.Struct):
    runs: list[Run] = []
    next_page_token: str = ""


class _Registered(msgspec.Struct):
    registered_model: Registered


class _Version(msgspec.Struct):
    model_version: Version


class _Versions(msgspec.Struct):
    model_versions: list[Version] = []
    next_page_token: str = ""


class Mlflow:
    """One MLflow server.

    Args:
        url: such as ``http://127.0.0.1:5000``; a path in it is the server's own prefix.
        token: sent as a bearer token.
        timeout: seconds to wait for the connection, and for each part of an answer.

    Example:
        >>> Mlflow("sqlite:///mlflow.db")
        Traceback (most recent call last):
        holdfast.errors.UsageError: [HF-E-USAGE] this is not the URL of an MLflow server; ...
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        self.url = url
        self._call = Rest(url, token=token, timeout=timeout).call

    # -- experiments and runs -----------------------------------------------------------------

    def experiment(self, name: str) -> Experiment | None:
        """An experiment by its name, a deleted one too; None where there is none."""
        query = {"experiment_name": name}
        found = self._maybe("experiments/get-by-name", query, _Experiment)
        return None if found is None else found.experiment

    def create_experiment(self, name: str) -> str:
        """Make an experiment; gives its id."""
        return self._post("experiments/create", {"name": name}, _ExperimentId).experiment_id

    def restore_experiment(self, experiment: str) -> None:
        """Take back that an experiment was deleted, with its runs."""
        self._post("experiments/restore", {"experiment_id": experiment}, dict)

    def runs(self, experiment: str, tag: str) -> list[Run]:
        """All runs of an experiment that have a tag, deleted ones too, by their id."""
        asked = {
            "experiment_ids": [experiment],
            "run_view_type": "ALL",
            "filter": f"tags.`{tag}` LIKE '%'",
        }
        found = [
            run for page in self._pages("POST", "runs/search", asked, _Runs) for run in page.runs
        ]
        return sorted(found, key=lambda run: run.info.run_id)

    def create_run(self, experiment: str, name: str, at: int, tags: Mapping[str, str]) -> str:
        """Begin a run at `at`, milliseconds since 1970 (UTC); gives its id."""
        body = {
            "experiment_id": experiment, "run_name": name, "start_time": at, "tags": _pairs(tags),
        }  # fmt: skip
        return self._post("runs/create", body, _Run).run.info.run_id

    def restore_run(self, run: str) -> None:
        """Take back that a run was deleted."""
        self._post("runs/restore", {"run_id": run}, dict)

    def log(self, run: str, metrics: Sequence[Metric], tags: Mapping[str, str]) -> None:
        """Write metrics (at most 1,000) and tags (at most 100) of a run, all or none."""
        body = {"run_id": run, "metrics": msgspec.to_builtins(metrics), "tags": _pairs(tags)}
        self._post("runs/log-batch", body, dict)

    def finish(self, run: str, at: int) -> None:
        """Say that a run is finished, at `at`, milliseconds since 1970 (UTC)."""
        self._post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": at}, dict)

    # -- the registry -------------------------------------------------------------------------

    def model(self, name: str) -> Registered | None:
        """A registered model; None where there is none."""
        found = self._maybe("registered-models/get", {"name": name}, _Registered)
        return None if found is None else found.registered_model

    def create_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Register a model."""
        self._post("registered-models/create", {"name": name, "tags": _pairs(tags)}, _Registered)

    def tag_model(self, name: str, key: str, value: str) -> None:
        """Set a tag of a registered model."""
        self._post("registered-models/set-tag", {"name": name, "key": key, "value": value}, dict)

    def versions(self, name: str) -> list[Version]:
        """All versions of a registered model, the first one first."""
        asked = {"filter": f"name = '{name}'"}
        found = [
            version
            for page in self._pages("GET", "model-versions/search", asked, _Versions)
            for version in page.model_versions
        ]
        return sorted(found, key=lambda version: version.version)

    def create_version(self, name: str, run: str, tags: Mapping[str, str]) -> int:
        """Add a version that stands for a run; gives its number."""
        body = {
            "name": name, "source": f"runs:/{run}/release", "run_id": run, "tags": _pairs(tags),
        }  # fmt: skip
        return self._post("model-versions/create", body, _Version).model_version.version

    def tag_version(self, name: str, version: int, key: str, value: str) -> None:
        """Set a tag of a version."""
        body = {"name": name, "version": str(version), "key": key, "value": value}
        self._post("model-versions/set-tag", body, dict)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias point to a version, wherever it pointed before."""
        body = {"name": name, "alias": alias, "version": str(version)}
        self._post("registered-models/alias", body, dict)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        body = {"name": name, "alias": alias}
        self._call("DELETE", "registered-models/alias", body, {}, dict)

    # -- requests -----------------------------------------------------------------------------

    def _post(self, path: str, body: Any, kind: type[T]) -> T:
        return self._call("POST", path, body, {}, kind)

    def _maybe(self, path: str, query: Mapping[str, str], kind: type[T]) -> T | None:
        try:
            return self._call("GET", path, None, query, kind)
        except MlflowError as error:
            if error.reason == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _pages(self, method: str, path: str, asked: dict[str, Any], kind: type[T]) -> Iterator[T]:
        token = ""
        while True:
            page = {**asked, "max_results": _PAGE, **({"page_token": token} if token else {})}
            body, query = (page, {}) if method == "POST" else (None, page)
            answer: Any = self._call(method, path, body, query, kind)
            yield answer
            if answer.next_page_token in ("", token):
                return
            token = answer.next_page_token


def by_key(pairs: Sequence[Pair]) -> dict[str, str]:
    """Tags by their names."""
    return {pair.key: pair.value for pair in pairs}


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]
