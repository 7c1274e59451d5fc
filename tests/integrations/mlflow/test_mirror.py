"""The mirror against a real MLflow server: what it writes, leaves, sets back and refuses."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from tests.integrations.mlflow.stores import Releases
from tests.mlflow_server import PROGRAM, QUIET

from holdfast.errors import StoreError
from holdfast.evaluation.metrics import METRICS
from holdfast.integrations.mlflow import Mlflow, MlflowError, client, mirror
from holdfast.integrations.mlflow.names import RELEASE, STAGE, registered_name
from holdfast.storage import Store

pytestmark = pytest.mark.xdist_group("mlflow")

Make = Callable[[str], Releases]

ASK = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
found = {}
for alias in ("champion", "standby", "canary", "shadow"):
    version = client.get_model_version_by_alias(sys.argv[2], alias)
    run = client.get_run(version.run_id)
    found[alias] = {
        "version": version.version, "tags": version.tags, "metrics": run.data.metrics,
        "run_tags": run.data.tags, "status": run.info.status, "run_name": run.info.run_name,
        "experiment": client.get_experiment(run.info.experiment_id).name,
    }
print(json.dumps(found))
"""


@pytest.fixture
def server(mlflow_url: str) -> Mlflow:
    return Mlflow(mlflow_url)


def whats(store: Store, server: Mlflow, *, write: bool = True) -> list[str]:
    """Kinds and names of the changes of one mirroring."""
    return [f"{c.what} {c.name}".strip() for m in mirror(store, server, write=write)
            for c in m.changes]  # fmt: skip


def aliases(server: Mlflow, name: str) -> dict[str, str]:
    """Alias → release that its version is tagged with."""
    registered = server.model(name)
    assert registered is not None
    versions = {v.version: client.by_key(v.tags)[RELEASE] for v in server.versions(name)}
    return {a.alias: versions[a.version] for a in registered.aliases}


def stages(server: Mlflow, name: str) -> dict[str, str]:
    tags = [client.by_key(version.tags) for version in server.versions(name)]
    return {t[RELEASE]: t[STAGE] for t in tags}


def post(server: Mlflow, path: str, **body: Any) -> None:
    """Somebody changes something over there."""
    server._call("POST", path, body, {}, dict)


def runs(server: Mlflow, name: str) -> list[client.Run]:
    experiment = server.experiment(f"holdfast/{name}")
    assert experiment is not None
    return server.runs(experiment.experiment_id, RELEASE)


def test_mlflows_own_client_reads_the_stages_metrics_and_lineage(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("whole")
    standby, champion = loan.promoted(1), loan.promoted(2)
    canary, shadow, rejected = loan.audited(3), loan.audited(4), loan.audited(5)
    loan.lifecycle.shadow(canary, **loan.how())
    loan.lifecycle.canary(canary, 0.1, **loan.how())
    loan.lifecycle.shadow(shadow, **loan.how())
    loan.lifecycle.reject(rejected, **loan.how())
    (done,) = mirror(store, server)
    assert (done.registered, done.experiment, done.releases) == ("whole", "holdfast/whole", 5)
    asked = subprocess.run(
        [PROGRAM.with_name("python"), "-c", ASK, server.url, "whole"],
        env=QUIET, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(asked.stdout)
    want = {"champion": champion, "standby": standby, "canary": canary, "shadow": shadow}
    assert {alias: said["tags"][RELEASE] for alias, said in found.items()} == want
    assert {alias: said["tags"][STAGE] for alias, said in found.items()} == {a: a for a in want}
    said = found["champion"]
    assert (said["version"], said["status"], said["run_name"]) == ("2", "FINISHED", champion[:12])
    assert said["experiment"] == "holdfast/whole"
    evaluation = json.loads((store.files / "releases" / champion / "evaluation.json").read_bytes())
    manifest = json.loads((store.files / "releases" / champion / "manifest.json").read_bytes())
    accuracy = evaluation["metrics"]["accuracy"]
    for end, key in (("", "value"), (".low", "low"), (".high", "high")):
        assert said["metrics"][f"accuracy{end}"] == accuracy[key]
    tags = said["run_tags"]
    assert tags["holdfast.data.train"] == manifest["data"]["train"]
    assert tags["holdfast.code"] == manifest["code"]
    assert tags["holdfast.contract"] == manifest["contract"]
    assert tags["holdfast.seed"] == "2"
    assert re.fullmatch("[0-9a-f]{64}", tags["holdfast.environment"])
    assert stages(server, "whole")[rejected] == "rejected"


def test_mirroring_twice_writes_nothing_the_second_time(
    store: Store, releases: Make, server: Mlflow
):
    releases("twice").promoted(1)
    assert whats(store, server)
    before = (server.model("twice"), server.versions("twice"), runs(server, "twice"))

    class Deaf(Mlflow):
        """Refuses whatever would write."""

        def _post(self, path: str, body: Any, kind: Any) -> Any:
            raise AssertionError(f"written: {path}")

    assert whats(store, Deaf(server.url)) == []
    assert (server.model("twice"), server.versions("twice"), runs(server, "twice")) == before


def test_telling_what_differs_writes_nothing_and_needs_no_right_to_write(
    store: Store, releases: Make, server: Mlflow
):
    release = releases("told").promoted(1)
    with Store.open(store.path, read_only=True) as reading:
        (found,) = mirror(reading, server, write=False)
    assert [c.what for c in found.changes] == [
        "experiment", "model", "run", "version", "alias", "tag"
    ]  # fmt: skip
    assert found.changes[4].here == f"release {release[:12]}"
    assert found.changes[5].here == "known once the versions are"
    assert server.model("told") is None
    assert server.experiment("holdfast/told") is None


def test_a_promotion_moves_aliases_and_an_empty_stage_loses_its_alias(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("moved")
    first = loan.promoted(1)
    mirror(store, server)
    second = loan.promoted(2)
    (done,) = mirror(store, server)
    assert not any(change.foreign for change in done.changes)
    assert aliases(server, "moved") == {"champion": second, "standby": first}
    loan.lifecycle.rollback(**loan.how())
    (done,) = mirror(store, server)
    assert aliases(server, "moved") == {"champion": first}
    assert stages(server, "moved") == {first: "champion", second: "quarantined"}
    standby = next(c for c in done.changes if (c.what, c.name) == ("alias", "standby"))
    assert (standby.here, standby.there) == (None, f"version 1, release {first[:12]}")


def test_an_alias_changed_over_there_is_told_and_set_back_and_others_are_left(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("by-hand")
    first, second = loan.promoted(1), loan.promoted(2)
    mirror(store, server)
    server.set_alias("by-hand", "champion", 1)
    server.delete_alias("by-hand", "standby")
    server.set_alias("by-hand", "canary", 2)
    server.set_alias("by-hand", "mine", 2)
    for write in (False, True):
        (found,) = mirror(store, server, write=write)
        assert [(c.what, c.name, c.foreign) for c in found.changes] == [
            ("alias", "champion", True), ("alias", "standby", True), ("alias", "canary", True),
        ]  # fmt: skip
        assert found.changes[0].there == f"version 1, release {first[:12]}"
    assert aliases(server, "by-hand") == {"champion": second, "standby": first, "mine": second}
    assert whats(store, server, write=False) == []


def test_metrics_tags_and_stages_changed_over_there_are_set_back(
    store: Store, releases: Make, server: Mlflow
):
    releases("written-over").promoted(1)
    mirror(store, server)
    (run,) = runs(server, "written-over")
    value = {m.key: m.value for m in run.data.metrics}["accuracy"]
    post(server, "runs/log-metric", run_id=run.info.run_id, key="accuracy", value=0.999,
         timestamp=1_900_000_000_000, step=7)  # fmt: skip
    post(server, "runs/log-metric", run_id=run.info.run_id, key="recall", value="NaN",
         timestamp=1_900_000_000_000)  # fmt: skip
    post(server, "runs/log-metric", run_id=run.info.run_id, key="mine", value=1.0, timestamp=1)
    post(server, "runs/set-tag", run_id=run.info.run_id, key="holdfast.code", value="0")
    post(server, "runs/delete-tag", run_id=run.info.run_id, key="holdfast.contract")
    server.tag_version("written-over", 1, STAGE, "retired")
    differing = ["metric accuracy", "metric recall", "tag holdfast.code", "tag holdfast.contract",
                 "stage"]  # fmt: skip
    assert sorted(whats(store, server)) == sorted(differing)
    (run,) = runs(server, "written-over")
    shown = {m.key: m.value for m in run.data.metrics}
    assert (shown["accuracy"], shown["mine"]) == (value, 1.0)
    assert whats(store, server) == []


def test_a_version_of_a_run_that_is_gone_for_good_gives_way_to_a_new_one(
    store: Store, releases: Make, server: Mlflow
):
    release = releases("gone").promoted(1)
    server.create_model("gone", {"holdfast.model": "gone"})
    tags = {RELEASE: release, STAGE: "champion"}
    elsewhere = server.create_experiment("elsewhere")
    server.create_version("gone", server.create_run(elsewhere, "gone", 0, {}), tags)
    server.set_alias("gone", "champion", 1)
    mirror(store, server)
    registered = server.model("gone")
    assert registered is not None
    assert [(a.alias, a.version) for a in registered.aliases] == [("champion", 2)]
    assert whats(store, server) == []


def test_what_was_deleted_over_there_comes_back(store: Store, releases: Make, server: Mlflow):
    loan = releases("deleted")
    loan.promoted(1)
    release = loan.promoted(2)
    mirror(store, server)
    before = server.versions("deleted")
    post(server, "runs/delete", run_id=before[1].run_id)
    assert whats(store, server) == ["run"]
    experiment = server.experiment("holdfast/deleted")
    assert experiment is not None
    post(server, "experiments/delete", experiment_id=experiment.experiment_id)
    assert whats(store, server, write=False)[0] == "experiment holdfast/deleted"
    assert whats(store, server) == ["experiment holdfast/deleted"]  # its runs come with it
    assert {run.info.lifecycle_stage for run in runs(server, "deleted")} == {"active"}
    assert server.versions("deleted") == before
    server._call("DELETE", "model-versions/delete", {"name": "deleted", "version": "2"}, {}, dict)
    assert whats(store, server) == ["version", "alias champion", "tag holdfast.aliases"]
    assert aliases(server, "deleted")["champion"] == release
    assert len(runs(server, "deleted")) == 2
    server._call("DELETE", "registered-models/delete", {"name": "deleted"}, {}, dict)
    mirror(store, server)
    assert aliases(server, "deleted")["champion"] == release
    assert len(runs(server, "deleted")) == 2
    assert whats(store, server) == []


def test_a_mirroring_cut_off_anywhere_is_finished_by_the_next_one(
    store: Store, releases: Make, server: Mlflow
):
    class Cut(Mlflow):
        """Loses the answer to one of its writes; the server has written it."""

        left = 0

        def _post(self, path: str, body: Any, kind: Any) -> Any:
            done = super()._post(path, body, kind)
            if not path.endswith("search"):
                self.left -= 1
                if self.left < 0:
                    raise MlflowError("lost")
            return done

    for cut in range(20):
        loan = releases(f"cut-{cut}")
        champion = loan.promoted(1)
        torn = Cut(server.url)
        torn.left = cut
        try:
            mirror(store, torn, [loan.model])
        except MlflowError:
            assert cut < 8
        else:
            break
        (done,) = mirror(store, server, [loan.model])
        assert not any(change.foreign for change in done.changes)
        (again,) = mirror(store, server, [loan.model], write=False)
        assert again.changes == ()
        assert aliases(server, loan.model) == {"champion": champion}
        assert len(server.versions(loan.model)) == len(runs(server, loan.model)) == 1
    assert cut == 8  # experiment, model, run, its metrics, its end, version, alias, tag


@pytest.mark.parametrize(
    "model", ["team/loan:eu", ".", "..", "..a", " ", " b ", "100%", "é'\"`\\", "team%2Floan:eu"]
)
def test_any_name_of_a_model_has_a_mirror_of_its_own(
    store: Store, releases: Make, server: Mlflow, model: str
):
    release = releases(model).promoted(1)
    assert mirror(store, server)[0].registered == registered_name(model)
    assert aliases(server, registered_name(model)) == {"champion": release}
    assert whats(store, server) == []


def test_a_registered_model_that_is_no_mirror_is_not_touched(
    store: Store, releases: Make, server: Mlflow
):
    releases("theirs").promoted(1)
    server.create_model("theirs", {})
    with pytest.raises(MlflowError, match="it is not the mirror") as caught:
        mirror(store, server)
    assert "holdfast.model=None" in str(caught.value)
    assert server.experiment("holdfast/theirs") is None
    server.tag_model("theirs", "holdfast.model", "theirs")
    mirror(store, server)
    assert whats(store, server) == []


def test_a_release_that_cannot_be_read_is_told_and_its_stage_is_mirrored(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("damaged")
    first, second = loan.promoted(1), loan.promoted(2)
    folder = store.files / "releases"
    (folder / first / "evaluation.json").write_text("{}")
    (folder / second / "manifest.json").unlink()
    (done,) = mirror(store, server)
    assert [why[:12] for why in done.unknown] == [first[:12], second[:12]]
    assert "changed or damaged" in done.unknown[0]
    assert aliases(server, "damaged") == {"champion": second, "standby": first}
    assert all(run.data.metrics == [] for run in runs(server, "damaged"))


def test_of_several_releases_in_shadow_the_last_one_has_the_alias(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("shadows")
    one, two = loan.audited(1), loan.audited(2)
    for release in (two, one):
        loan.lifecycle.shadow(release, **loan.how())
    mirror(store, server)
    assert aliases(server, "shadows") == {"shadow": one}


def test_a_champion_of_before_the_lifecycle_is_mirrored_as_champion(
    store: Store, releases: Make, server: Mlflow
):
    release = releases("old").sealed(1)
    store.catalog.add_release("old", release, at=0)
    store.decide_gate("old", release, "passed", at=0)
    store.catalog.compare_and_set("old", 0, release, at=0)
    mirror(store, server)
    assert aliases(server, "old") == {"champion": release}
    assert stages(server, "old") == {release: "champion"}


def test_a_copy_of_a_version_made_over_there_never_has_an_alias_but_the_right_stage(
    store: Store, releases: Make, server: Mlflow
):
    loan = releases("copied")
    first = loan.promoted(1)
    mirror(store, server)
    tags = [{"key": RELEASE, "value": first}, {"key": STAGE, "value": "champion"}]
    post(server, "model-versions/create", name="copied", source="s3://elsewhere/model", tags=tags)
    server.set_alias("copied", "champion", 2)
    assert whats(store, server) == ["alias champion"]
    second = loan.promoted(2)
    mirror(store, server)
    registered = server.model("copied")
    assert registered is not None
    assert {a.alias: a.version for a in registered.aliases} == {"standby": 1, "champion": 3}
    said = {v.version: client.by_key(v.tags)[STAGE] for v in server.versions("copied")}
    assert said == {1: "standby", 2: "standby", 3: "champion"}
    assert aliases(server, "copied")["champion"] == second


def test_long_answers_are_read_page_by_page(
    store: Store, releases: Make, server: Mlflow, monkeypatch: pytest.MonkeyPatch
):
    loan = releases("pages")
    for seed in range(5):
        loan.promoted(seed)
    mirror(store, server)
    monkeypatch.setattr(client, "_PAGE", 2)
    assert len(server.versions("pages")) == len(runs(server, "pages")) == 5
    assert whats(store, server) == []


def test_one_mirroring_of_a_store_writes_at_a_time(store: Store, releases: Make, server: Mlflow):
    releases("busy").promoted(1)
    assert store.catalog.acquire("mirror/mlflow", "another", 1_000, 0) == 1
    with pytest.raises(StoreError) as caught:
        mirror(store, server, now=lambda: 999)
    assert caught.value.code == "HF-E-MLFLOW-BUSY"
    assert mirror(store, server, write=False, now=lambda: 999)[0].changes
    assert mirror(store, server, now=lambda: 1_000)[0].changes
    assert store.catalog.held_leases("mirror/", 1_000) == []


def test_every_metric_of_an_evaluation_has_a_name_that_mlflow_takes():
    assert all(re.fullmatch(r"[\w.\- ]+", name) for name in METRICS)
