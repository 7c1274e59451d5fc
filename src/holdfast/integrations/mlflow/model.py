"""One model in MLflow: what differs from what should stand there, and the writing that mends it.

Everything is read first. Then each part is held against the store in the order in which it can be
made (experiment, runs, model, versions, aliases); a part that agrees is not written. A run that is
cut off leaves parts that agree and parts that do not: the next one goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from holdfast.integrations.mlflow import names
from holdfast.integrations.mlflow.client import Metric, Mlflow, Registered, Run, Version, by_key
from holdfast.integrations.mlflow.rest import MlflowError
from holdfast.integrations.mlflow.wanted import ALIASED, Wanted, WantedRelease

Value = str | float | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs, or that differed and was written.

    Attributes:
        what: ``experiment``, ``run``, ``metric``, ``tag``, ``model``, ``version``, ``stage`` or
            ``alias``.
        name: which one: of the experiment, metric, tag, model or alias; else empty.
        release: id of the release concerned, or None.
        here: what the store says; None where nothing should stand.
        there: what stood in MLflow; None for nothing.
        foreign: an alias that no mirroring had left so: somebody changed it over there.
    """

    what: str
    name: str = ""
    release: str | None = None
    here: Value = None
    there: Value = None
    foreign: bool = False


class Mirrored(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one model.

    Attributes:
        model: its name.
        registered: the name of its mirror in the registry.
        experiment: the experiment with the runs of its releases.
        releases: how many it has.
        changes: what differed.
        unknown: releases whose metrics and lineage could not be told, with the reason.
    """

    model: str
    registered: str
    experiment: str
    releases: int
    changes: tuple[Change, ...]
    unknown: tuple[str, ...] = ()


def mirror_model(
    client: Mlflow, wanted: Wanted, *, write: bool, before_release: Callable[[], None]
) -> Mirrored:
    """Hold one model against MLflow and, if asked to, mend what differs.

    Args:
        client: the server.
        wanted: what should stand there.
        write: mend it; else only tell.
        before_release: called before each release.

    Raises:
        MlflowError: no answer, a refusal, or a registered model of this name that is no mirror.
    """
    return _Mirroring(client, wanted, write, before_release).go()


class _Mirroring:
    """One model, once."""

    def __init__(
        self, client: Mlflow, wanted: Wanted, write: bool, before_release: Callable[[], None]
    ) -> None:
        self._client, self._wanted, self._write = client, wanted, write
        self._before_release = before_release
        self._name = names.registered_name(wanted.model)
        self._changes: list[Change] = []

    def go(self) -> Mirrored:
        registered = self._client.model(self._name)
        self._check_ours(registered)
        versions = [] if registered is None else self._client.versions(self._name)
        experiment, runs = self._experiment()
        if registered is None:
            self._differs("model", self._name, here=self._wanted.model)
            if self._write:
                self._client.create_model(self._name, {names.MODEL: self._wanted.model})
        numbers: dict[str, int] = {}
        for release in self._wanted.releases:
            self._before_release()
            own = [version for version in versions if _of(by_key(version.tags), release)]
            run = self._run(release, experiment, [r for r in runs if _of(r.tags, release)], own)
            number = self._version(release, run, own)
            if number is not None:
                numbers[release.id] = number
        self._aliases(registered, numbers, versions)
        return Mirrored(
            model=self._wanted.model,
            registered=self._name,
            experiment=names.experiment_name(self._wanted.model),
            releases=len(self._wanted.releases),
            changes=tuple(self._changes),
            unknown=tuple(r.unknown for r in self._wanted.releases if r.unknown),
        )

    def _differs(
        self,
        what: str,
        name: str = "",
        *,
        release: str | None = None,
        here: Value = None,
        there: Value = None,
        foreign: bool = False,
    ) -> None:
        self._changes.append(
            Change(what=what, name=name, release=release, here=here, there=there, foreign=foreign)
        )

    def _check_ours(self, registered: Registered | None) -> None:
        if registered is None:
            return
        model = by_key(registered.tags).get(names.MODEL)
        if model != self._wanted.model:
            raise MlflowError(
                "a registered model of this name is there, and it is not the mirror of this one",
                expected=f"tag {names.MODEL}={self._wanted.model!r} on {self._name!r}, "
                "or no such model",
                got=f"{names.MODEL}={model!r}",
                remedy="rename that model, or set the tag on it if it may be taken over",
            )

    # -- runs ---------------------------------------------------------------------------------

    def _experiment(self) -> tuple[str, list[Run]]:
        """Id of the experiment (empty where it is only told) and its runs."""
        name = names.experiment_name(self._wanted.model)
        found = self._client.experiment(name)
        if found is None:
            self._differs("experiment", name, here="active")
            return (self._client.create_experiment(name) if self._write else ""), []
        if found.lifecycle_stage != "active":
            self._differs("experiment", name, here="active", there=found.lifecycle_stage)
            if self._write:
                self._client.restore_experiment(found.experiment_id)
        return found.experiment_id, self._client.runs(found.experiment_id, names.RELEASE)

    def _run(
        self, release: WantedRelease, experiment: str, runs: list[Run], versions: list[Version]
    ) -> str:
        """Id of the release's run, with all that should stand on it; empty if it is only told."""
        named = {version.run_id for version in versions}
        found = next((r for r in runs if r.info.run_id in named), next(iter(runs), None))
        metrics, tags, status = _lacking(release, found)
        run = "" if found is None else found.info.run_id
        if found is None:
            self._differs("run", release=release.id, here="FINISHED")
            if self._write:
                tags = {names.RELEASE: release.id, **tags}
                run = self._client.create_run(experiment, release.id[:12], release.at, tags)
                tags = {}
        elif status is not None:
            self._differs("run", release=release.id, here="FINISHED", there=status)
            if self._write and found.info.lifecycle_stage != "active":
                self._client.restore_run(run)
        if found is not None:
            self._tell_lacking(release, found, metrics, tags)
        if self._write and (metrics or tags):
            self._client.log(run, metrics, tags)
        if self._write and (found is None or found.info.status != "FINISHED"):
            self._client.finish(run, release.at)
        return run

    def _tell_lacking(
        self,
        release: WantedRelease,
        found: Run,
        metrics: list[Metric],
        tags: Mapping[str, str],
    ) -> None:
        values = {metric.key: metric.value for metric in found.data.metrics}
        for metric in metrics:
            self._differs(
                "metric", metric.key,
                release=release.id, here=metric.value, there=values.get(metric.key),
            )  # fmt: skip
        for key, value in tags.items():
            self._differs("tag", key, release=release.id, here=value, there=found.tags.get(key))

    # -- versions and aliases -----------------------------------------------------------------

    def _version(self, release: WantedRelease, run: str, own: list[Version]) -> int | None:
        """Number of the version that stands for the release; None where it is only told.

        Every version that says it is of this release gets its stage; the first that stands for
        its run is the one that aliases point to.
        """
        for version in own:
            stage = by_key(version.tags).get(names.STAGE)
            if stage != release.stage:
                self._differs("stage", release=release.id, here=release.stage, there=stage)
                if self._write:
                    self._client.tag_version(
                        self._name, version.version, names.STAGE, release.stage
                    )
        found = next((version.version for version in own if version.run_id == run), None)
        if found is None:
            self._differs("version", release=release.id, here=release.stage)
            if self._write:
                tags = {names.RELEASE: release.id, names.STAGE: release.stage}
                found = self._client.create_version(self._name, run, tags)
        return found

    def _aliases(
        self, registered: Registered | None, numbers: dict[str, int], versions: list[Version]
    ) -> None:
        there = {} if registered is None else {a.alias: a.version for a in registered.aliases}
        kept = {} if registered is None else by_key(registered.tags)
        last = _last(kept.get(names.ALIASES, ""))
        releases = {v.version: by_key(v.tags).get(names.RELEASE, "") for v in versions}
        for alias in (stage.value for stage in ALIASED):
            release = self._wanted.aliases.get(alias)
            number, now = numbers.get(release or ""), there.get(alias)
            if number == now and (release is None or number is not None):
                continue
            self._differs(
                "alias", alias,
                release=release,
                here=None if release is None else _said(number, release),
                there=None if now is None else _said(now, releases.get(now, "")),
                foreign=last is not None and now != last.get(alias),
            )  # fmt: skip
            if not self._write:
                continue
            if number is None:
                self._client.delete_alias(self._name, alias)
            else:
                self._client.set_alias(self._name, alias, number)
        left = {alias: numbers.get(release) for alias, release in self._wanted.aliases.items()}
        if last != left:
            text = msgspec.json.encode(left, order="sorted").decode()
            here = "known once the versions are" if None in left.values() else text
            self._differs("tag", names.ALIASES, here=here, there=kept.get(names.ALIASES))
            if self._write:
                self._client.tag_model(self._name, names.ALIASES, text)


def _of(tags: Mapping[str, str], release: WantedRelease) -> bool:
    return tags.get(names.RELEASE) == release.id


def _lacking(
    release: WantedRelease, found: Run | None
) -> tuple[list[Metric], dict[str, str], str | None]:
    """Metrics and tags to write on a run, and its status where that is not the right one.

    A metric that was written over is written again behind its newest value: MLflow shows the one
    of the last step and time.
    """
    have = {} if found is None else {metric.key: metric for metric in found.data.metrics}
    metrics = []
    for key, value in release.metrics.items():
        old = have.get(key)
        if old is None:
            metrics.append(Metric(key=key, value=value, timestamp=release.at))
        elif not math.isclose(old.value, value, rel_tol=1e-12):
            metrics.append(Metric(key=key, value=value, timestamp=old.timestamp + 1, step=old.step))
    known = {} if found is None else found.tags
    tags = {key: value for key, value in release.tags.items() if known.get(key) != value}
    if found is None:
        return metrics, tags, None
    status = found.info.status if found.info.lifecycle_stage == "active" else "deleted"
    return metrics, tags, None if status == "FINISHED" else status


def _last(text: str) -> dict[str, int] | None:
    """The aliases that the last whole mirroring left; None before the first."""
    try:
        return msgspec.json.decode(text, type=dict[str, int])
    except msgspec.MsgspecError:
        return None


def _said(number: int | None, release: str) -> str:
    """A version in words.

    >>> _said(3, "1f0c9a7b3d5e77aa"), _said(None, "1f0c9a7b3d5e77aa"), _said(4, "")
    ('version 3, release 1f0c9a7b3d5e', 'release 1f0c9a7b3d5e', 'version 4')
    """
    parts = (f"version {number}" if number else "", f"release {release[:12]}" if release else "")
    return ", ".join(part for part in parts if part)
