"""A release: what was trained is what is served, and a missing field is never guessed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from sklearn.dummy import DummyClassifier
from tests.releases.conftest import FEATURES, lender, pipeline

from holdfast.contracts import Contract
from holdfast.errors import HoldfastError, ReleaseError, UsageError
from holdfast.evaluation import Costs
from holdfast.releases import Release, mark_texts


def rows_of(frame):
    return json.loads(frame.drop(columns="status").to_json(orient="records"))


def decided_bad(answers):
    return np.array([a.decision == "refuse" for a in answers])


def cost(frame, bad):
    truth = (frame.status == "bad").to_numpy()
    return float((bad & ~truth).mean() + 3 * (~bad & truth).mean())


def test_served_scores_are_the_training_sides_scores(release, fitted):
    frame = lender(300, 9)
    want = fitted.predict_proba(frame[FEATURES])[:, list(fitted.classes_).index("bad")]
    answers = release.scorer().answer(rows_of(frame))
    served = [(a.score, w) for a, w in zip(answers, want, strict=True) if a.fallback is None]
    assert len(served) > 280
    np.testing.assert_allclose(*zip(*served, strict=True), atol=1e-9)


def test_the_threshold_is_the_costs_formula(release):
    assert release.threshold == 0.25
    assert release.decisions == ("approve", "refuse")
    for answer in release.scorer().answer(rows_of(lender(50, 3))):
        assert answer.decision == ("refuse" if answer.score >= 0.25 else "approve")


def test_a_missing_job_is_answered_by_a_model_without_it_and_says_so(release):
    row = {**rows_of(lender(1, 4))[0], "job": None}
    (answer,) = release.scorer().answer([row])
    assert answer.verdict == "degraded"
    assert answer.fallback == ("job",)
    assert "job:null" in mark_texts(answer.violations)
    known = release.fallback_for(["job"]).evaluation
    assert known.metrics["expected_cost"].low is not None


def test_the_fallback_recovers_most_of_what_a_filled_in_default_loses(release, fitted):
    frame = lender(4000, 11)
    bad = list(fitted.classes_).index("bad")
    healthy = cost(frame, fitted.predict_proba(frame[FEATURES])[:, bad] >= 0.25)
    filled = frame.assign(job="partime")
    naive = cost(frame, fitted.predict_proba(filled[FEATURES])[:, bad] >= 0.25)
    broken = [{**row, "job": None} for row in rows_of(frame)]
    held = cost(frame, decided_bad(release.scorer().answer(broken)))
    assert naive > healthy * 1.3
    assert (naive - held) / (naive - healthy) > 0.6


def test_one_row_many_rows_and_a_table_get_the_same_answers(release):
    frame = lender(400, 5)
    rows = rows_of(frame)
    rng = np.random.default_rng(0)
    for row in rows:
        for name, value in (("job", None), ("age", 4000), ("income", None), ("sector", "moon")):
            if rng.random() < 0.2:
                row[name] = value
    scorer = release.scorer()
    batch = scorer.answer(rows)
    assert {a.verdict.value for a in batch} >= {"ok", "degraded"}
    for row, many in zip(rows, batch, strict=True):
        (one,) = scorer.answer([row])
        assert one.score == pytest.approx(many.score, abs=1e-9)
        assert (one.decision, one.verdict, one.fallback, one.violations) == (
            many.decision,
            many.verdict,
            many.fallback,
            many.violations,
        )
    table = scorer.answer_table(pa.Table.from_pylist(rows), rows=150)
    assert table.column("decision").to_pylist() == [a.decision for a in batch]
    assert table.column("marks").to_pylist() == [mark_texts(a.violations) for a in batch]
    assert scorer.answer([]) == []
    assert scorer.answer_table(pa.Table.from_pylist(rows[:0])).num_rows == 0


def test_several_missing_fields_are_answered_by_a_joint_fallback_or_not_at_all(release):
    scorer = release.scorer()
    row = rows_of(lender(1, 6))[0]
    covered = {frozenset(f.without) for f in release.fallbacks}
    names = [n for n in FEATURES if release.contract.field(n).policy.value == "fallback"]
    seen = set()
    for first in names:
        for second in names:
            if first < second:
                (answer,) = scorer.answer([{**row, first: "??", second: "??"}])
                missing = {v.field for v in answer.violations if not v.note}
                fits = any(missing <= without for without in covered)
                assert answer.verdict == ("degraded" if fits else "abstained")
                assert (answer.score is None) == (not fits)
                seen.add(answer.verdict.value)
    assert "degraded" in seen


def test_the_guard_alone_gives_verdicts_without_scores(release):
    verdicts = release.scorer().check([{**rows_of(lender(1, 7))[0], "job": None}])
    assert [v.outcome.value for v in verdicts] == ["degraded"]


def test_shadow_mode_marks_but_lets_the_main_model_answer(release):
    row = {**rows_of(lender(1, 4))[0], "job": None}
    (answer,) = release.scorer(mode="shadow").answer([row])
    assert (answer.verdict.value, answer.fallback) == ("ok", None)
    assert "job:null" in mark_texts(answer.violations)
    with pytest.raises(UsageError):
        release.scorer(mode="silent")


def test_a_row_the_model_cannot_score_is_abstained_and_spoils_no_other(options, fitted, tmp_path):
    lenient = Release.build(
        fitted, **options, policies="keep", fallbacks="none", directory=tmp_path
    )
    scorer = lenient.scorer()
    good = rows_of(lender(20, 8))
    rows = [*good, {**good[0], "age": "forty"}]
    answers = scorer.answer(rows)
    assert [a.verdict.value for a in answers[:-1]] == ["ok"] * 20
    assert answers[-1].verdict == "abstained"
    assert answers[-1].score is None
    assert answers[-1].violations[-1].code == "model_error"
    assert scorer.answer([rows[-1]]) == [answers[-1]]


def test_lightgbm_trained_on_categories_is_served_by_its_booster(second_release, booster):
    frame = lender(200, 12)
    typed = frame[FEATURES].astype({"job": "category", "sector": "category"})
    want = booster.predict_proba(typed)[:, list(booster.classes_).index("bad")]
    answers = second_release.scorer().answer(rows_of(frame))
    served = [(a.score, w) for a, w in zip(answers, want, strict=True) if a.fallback is None]
    np.testing.assert_allclose(*zip(*served, strict=True), atol=1e-12)
    assert second_release.model.fast
    assert [f.without for f in second_release.fallbacks] == [("job",)]


def test_the_same_inputs_build_the_same_release(second_release, booster, options, tmp_path):
    typed = {"job": "category", "sector": "category"}
    changed = {name: options[name].astype(typed) for name in ("train", "validation")}
    again = Release.build(booster, **{**options, **changed}, fallbacks=["job"], directory=tmp_path)
    assert again.id == second_release.id
    assert again.directory.name == again.id
    assert [p.name for p in tmp_path.iterdir()] == [again.id], "nothing else is left behind"


def test_without_validation_rows_a_twin_is_measured_on_a_held_out_quarter(
    fitted, options, tmp_path
):
    made = Release.build(
        fitted,
        **{**options, "validation": None},
        fallbacks=["job"],
        directory=tmp_path,
    )
    assert made.evaluation.rows == 375
    assert made.reference.train_rows == 1500
    assert list(made.manifest.data) == ["train"]
    frame = lender(100, 13)
    want = fitted.predict_proba(frame[FEATURES])[:, 0]
    np.testing.assert_allclose(made.model.predict(rows_of(frame)), want, atol=1e-9)


def test_the_manifest_tells_where_the_release_comes_from(release, contract):
    manifest = release.manifest
    assert manifest.data["train"] != manifest.data["validation"]
    assert manifest.environment["lightgbm"]
    assert manifest.environment["python"].startswith("3.")
    assert manifest.contract == release.contract.id != contract.id
    assert set(manifest.files) >= {"contract.json", "golden.json", "model/linear.json"}
    assert manifest.model_kind == "linear"
    assert manifest.compiled_from.startswith("scikit-learn ")
    assert json.loads(release.to_json())["id"] == release.id


def test_the_reference_counts_marks_on_held_out_rows(release, validation):
    assert release.reference.rows == len(validation)
    assert release.reference.train_rows == 1500
    assert release.reference.marks["~income:null"] == int(validation.income.isna().sum())
    assert sum(release.reference.outcomes.values()) == len(validation)


# -- blast radius and policies ---------------------------------------------------------------------


def test_the_blast_radius_ranks_what_hurts_and_names_no_personal_value(release):
    blast = release.blast_radius
    assert [b.cost_change for b in blast] == sorted((b.cost_change for b in blast), reverse=True)
    by = {(b.feature, b.fault): b for b in blast}
    assert by["job", "default"].cost_change > 0.1
    assert by["job", "default"].flipped.value > 0.1
    assert abs(by["noise", "null"].cost_change) < 0.02
    assert {b.fault for b in blast if b.feature == "job"} == {
        "null", "default", "frozen", "shuffled", "renamed",
    }  # fmt: skip
    personal = {f.name for f in release.contract.fields if f.pii != "no"}
    assert not [b for b in blast if b.value and b.feature in personal]


def test_policies_follow_the_blast_radius_and_never_overrule_a_person(options, fitted, tmp_path):
    chosen = options["contract"].with_policies({"age": "reject"})
    made = Release.build(fitted, **{**options, "contract": chosen}, directory=tmp_path)
    policies = {f.name: f.policy.value for f in made.contract.fields}
    assert policies["age"] == "reject"
    assert policies["job"] == "fallback"
    assert policies["status"] == "allow"


def test_a_worthwhile_field_without_a_good_fallback_is_abstained(options, fitted, tmp_path):
    made = Release.build(fitted, **options, fallbacks="none", directory=tmp_path)
    assert made.contract.field("job").policy == "abstain"
    (answer,) = made.scorer().answer([{**rows_of(lender(1, 4))[0], "job": None}])
    assert (answer.verdict.value, answer.score, answer.decision) == ("abstained", None, None)


# -- refusals --------------------------------------------------------------------------------------


def test_a_model_that_serves_other_scores_than_it_trained_is_refused(options, train, tmp_path):
    class Skewed(type(pipeline())):
        """Answers differently when it meets a frame."""

        def predict_proba(self, X):
            scores = super().predict_proba(X)
            return scores[:, ::-1] if hasattr(X, "columns") else scores

    skewed = Skewed(pipeline().steps).fit(train[FEATURES], train.status)
    with pytest.raises(ReleaseError, match="different scores"):
        Release.build(skewed, **options, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_golden_rows_that_score_differently_are_refused(release, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(release.directory, copy)
    golden = json.loads((copy / "golden.json").read_text())
    golden["main"][3] += 2e-6
    (copy / "golden.json").write_text(json.dumps(golden))
    forge(copy)
    with pytest.raises(ReleaseError, match="other scores here"):
        Release.open(copy)


def forge(folder):
    """Make the manifest fit the files again, as an attacker with write access could."""
    from holdfast.releases.bundle import MANIFEST, file_entries

    manifest = json.loads((folder / MANIFEST).read_text())
    entries = file_entries(folder)
    entries.pop(MANIFEST)
    manifest["files"] = {n: {"size": e.size, "sha256": e.sha256} for n, e in entries.items()}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def damage_byte(folder):
    path = folder / "model" / "linear.json"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def damage_missing(folder):
    (folder / "contract.json").unlink()


def damage_extra(folder):
    (folder / "model" / "extra.joblib").write_bytes(b"x")


def damage_link(folder):
    path = folder / "evaluation.json"
    path.rename(folder.parent / "elsewhere.json")
    path.symlink_to(folder.parent / "elsewhere.json")


def damage_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"threshold":0.25', '"threshold":0.95'))


def damage_manifest_text(folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe{")


def damage_no_manifest(folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_byte, "changed or damaged"),
        (damage_missing, "missing=.*contract"),
        (damage_extra, "extra=.*extra.joblib"),
        (damage_link, "plain files"),
        (damage_manifest, "manifest was changed"),
        (damage_manifest_text, "manifest was changed"),
        (damage_no_manifest, "no release"),
    ],
)
def test_a_tampered_release_is_refused_with_the_reason(release, tmp_path, damage, words):
    copy = tmp_path / release.id
    shutil.copytree(release.directory, copy)
    damage(copy)
    with pytest.raises(ReleaseError, match=words):
        Release.open(copy)


def test_an_undamaged_copy_opens_anywhere(release, tmp_path):
    copy = tmp_path / release.id
    shutil.copytree(release.directory, copy)
    assert Release.open(copy).id == release.id
    with pytest.raises(ReleaseError, match="manifest was changed"):
        Release.open(copy, expected_id="0" * 64)


def test_a_pickled_model_is_refused_where_no_opt_in_is_given(options, train, tmp_path):
    from tests.models.strange import StrangeClassifier

    from holdfast.models.pickled import PickleWarning

    strange = StrangeClassifier().fit(train[["age"]], train.status)
    asked = {**options, "features": ["age"], "fallbacks": "none", "directory": tmp_path}
    with pytest.raises(HoldfastError, match="no adapter"):
        Release.build(strange, **asked)
    with pytest.warns(PickleWarning):
        made = Release.build(strange, **asked, allow_pickle=True)
    assert made.manifest.pickle
    with pytest.raises(ReleaseError, match="holds a pickle"):
        Release.open(made.directory)


def test_what_does_not_fit_together_is_said_before_anything_is_written(
    options, fitted, train, tmp_path
):
    def refused(words, **changes):
        with pytest.raises(HoldfastError, match=words):
            Release.build(fitted, **{**options, **changes}, directory=tmp_path / "none")

    refused("positive class", positive=None)
    refused("positive class", positive="ugly")
    refused("lacks columns", train=train.drop(columns="income"))
    refused("one class", validation=options["validation"].query("status == 'good'"))
    refused("two classes", train=train.assign(status="good"))
    refused("no target", contract=Contract.learn(train))
    refused("does not let it have", contract=Contract.learn(train, target="status", ids=["job"]))
    refused("threshold", threshold="best")
    refused("threshold", threshold=float("nan"))
    refused("policies", policies="some")
    refused("fallbacks", fallbacks="job")
    refused("does not use", fallbacks=["shoe_size"])
    assert not (tmp_path / "none").exists()


def test_a_given_threshold_is_kept_and_fallbacks_decide_as_often(options, fitted, tmp_path):
    made = Release.build(fitted, **options, threshold=0.6, fallbacks=["job"], directory=tmp_path)
    assert made.manifest.threshold_from == "given"
    rate = made.evaluation.value("positive_rate")
    assert made.fallbacks[0].evaluation.value("positive_rate") == pytest.approx(rate, abs=0.01)


def test_a_model_no_better_than_a_constant_gets_no_fallback(options, train, tmp_path):
    dummy = DummyClassifier(strategy="prior").fit(train[FEATURES], train.status)
    made = Release.build(dummy, **options, directory=tmp_path)
    assert made.fallbacks == []
    assert made.evaluation.passed is not True


def test_costs_that_reward_errors_are_refused():
    with pytest.raises(UsageError, match="cheaper"):
        Costs(0, 1)
    with pytest.raises(UsageError, match="number"):
        Costs(float("inf"), 1)
