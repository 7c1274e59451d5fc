"""Building a release: measure, train fallbacks, set policies, save, load again, compare, seal."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from holdfast import models
from holdfast.audit.record import AuditReport
from holdfast.contracts.contract import Contract
from holdfast.detection.columns.fit import ReferenceFit
from holdfast.errors import ReleaseError, UsageError
from holdfast.evaluation.costs import Costs, cost_threshold
from holdfast.evaluation.decisions import evaluate
from holdfast.evaluation.record import Evaluation
from holdfast.evaluation.requirements import Requirement, as_requirements
from holdfast.models.base import Label, Model
from holdfast.models.training_side import agree
from holdfast.profiles.portrait import Portrait
from holdfast.releases.answer import mark_texts
from holdfast.releases.blast import blast_radius
from holdfast.releases.bundle import canonical, file_entries, seal, staging
from holdfast.releases.fallbacks import Candidate, Workshop, joint_sets
from holdfast.releases.gate import AUDIT_FILE, GATE_FILE
from holdfast.releases.golden import TOLERANCE, make_golden, replay
from holdfast.releases.judging import audited, gate_of
from holdfast.releases.lineage import code_hash, environment_lock
from holdfast.releases.material import (
    Fit,
    Part,
    Trainer,
    decide_positive,
    read_part,
    require_features,
    require_same_class,
    target_of,
)
from holdfast.releases.policies import automatic_policies, ranked_fields
from holdfast.releases.records import Blast, Fallback, Golden, Manifest, Reference
from holdfast.releases.watch import PORTRAIT_FILE, VALUES_FILE, learn_watch

#: share of training rows held out when no validation table is given
HELD_OUT = 0.25
#: training rows on which training side and serving side are compared before anything is saved
COMPARED = 1_000
#: fields, the most harmful first, for which every way to fall back is tried
THOROUGH = 12

Progress = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked for, besides tables and model."""

    costs: Costs
    threshold: float
    threshold_from: str
    fallbacks: str | tuple[tuple[str, ...], ...]
    policies: str
    seed: int
    parent: str | None
    name: str
    code: str | None
    floor: float = 1.0
    requirements: tuple[Requirement, ...] = ()
    audit: bool = True
    known_at: dict[str, Any] = {}


def make_plan(
    *,
    costs: Costs | None,
    threshold: str | float,
    fallbacks: str | Sequence[str | Sequence[str]],
    policies: str,
    seed: int,
    parent: str | None,
    name: str,
    code: Any,
    floor: float = 1.0,
    requirements: Any = (),
    audit: bool = True,
    known_at: Mapping[str, Any] | None = None,
) -> Plan:
    """Check the arguments of `Release.build` that stand for themselves."""
    costs = costs if costs is not None else Costs(1.0, 1.0)
    if policies not in ("auto", "keep"):
        raise UsageError("unknown policies", expected="'auto' or 'keep'", got=f"{policies!r}")
    if isinstance(fallbacks, str) and fallbacks not in ("auto", "none"):
        raise UsageError(
            "unknown fallbacks",
            expected="'auto', 'none' or a list of fields",
            got=f"fallbacks={fallbacks!r}",
            remedy="put one field into a list: ['Job']",
        )
    if isinstance(threshold, str):
        if threshold != "cost":
            raise UsageError(
                "unknown threshold", expected="'cost' or a number", got=f"{threshold!r}"
            )
        limit, origin = cost_threshold(costs), "costs"
    else:
        limit, origin = float(threshold), "given"
        if not np.isfinite(limit):
            raise UsageError("the threshold is not a number", expected="finite", got=f"{limit}")
    asked = (
        fallbacks
        if isinstance(fallbacks, str)
        else tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in fallbacks)
    )
    return Plan(
        costs=costs,
        threshold=limit,
        threshold_from=origin,
        fallbacks=asked,
        policies=policies,
        seed=seed,
        parent=parent,
        name=name,
        code=code_hash(code),
        floor=_positive_floor(floor),
        requirements=as_requirements(requirements),
        audit=audit,
        known_at=dict(known_at or {}),
    )


def _positive_floor(floor: float) -> float:
    if not (np.isfinite(floor) and 0.05 <= floor <= 20.0):
        raise UsageError(
            "the floor cannot be used",
            expected="a factor between 0.05 and 20; 1 is the default",
            got=f"floor={floor!r}",
            remedy="0.5 notices changes half as large, 2 only those twice as large",
        )
    return float(floor)


class Measured(msgspec.Struct, kw_only=True):
    """What was found out about the model before anything is written."""

    evaluation: Evaluation
    blast: list[Blast]
    candidates: list[Candidate]
    reference: Reference
    values: ReferenceFit | None = None
    portrait: Portrait | None = None
    audit: AuditReport | None = None


def build(
    estimator: Any,
    *,
    train: Any,
    validation: Any,
    contract: Contract,
    plan: Plan,
    fit: Fit | None,
    positive: Label | None,
    decisions: tuple[str, str] | None,
    features: Sequence[str] | None,
    categories: Mapping[str, Sequence[Label]] | None,
    directory: Path,
    allow: frozenset[str],
    progress: Progress,
) -> Path:
    """Build a release; gives its directory. See `Release.build`."""
    progress("reading the model and its tables")
    target = target_of(contract)
    label, names = decide_positive(train, target, positive)
    main = models.adopt(
        estimator,
        features=features,
        positive=label,
        categories=categories,
        allow_callable="callable" in allow,
        allow_pickle="pickled" in allow,
    )
    require_same_class(main, label)
    require_features(contract, main.features)
    part, data_hash = read_part(train, target, label, main.features, "training")
    hashes = {"train": data_hash}
    trainer = Trainer(estimator, main.features, label, fit)
    main = _settle(main, estimator, part, label, plan.seed)

    if validation is not None:
        held, hashes["validation"] = read_part(
            validation, target, label, main.features, "validation"
        )
        tried, learnt = main, part
    else:
        progress("training on three quarters, to measure on the rest")
        tried, learnt, held = _hold_out(trainer, part, plan.seed)

    measured = _measure(tried, trainer, learnt, held, contract, plan, progress)
    if plan.audit:
        progress("looking for leakage")
        measured.audit = audited(
            part.table, None if validation is None else held.table, contract,
            features=main.features, positive=label,
            known_at=plan.known_at, seed=plan.seed,
        )  # fmt: skip
    contract = _with_policies(contract, main, measured, plan)
    measured.reference = _reference(contract, tried, held, part.side.rows, plan)
    progress("learning what is normal, column by column")
    measured.values, measured.portrait = learn_watch(
        contract, tried, held, threshold=plan.threshold, floor=plan.floor, seed=plan.seed
    )
    kept = measured.candidates
    if validation is None:
        progress("training the fallbacks on all rows")
        final = Workshop(
            main, trainer, part, held, costs=plan.costs, threshold=plan.threshold,
            matched=plan.threshold_from == "given", seed=plan.seed,
        )  # fmt: skip
        kept = [_again(final, part, candidate) for candidate in kept]

    progress("saving, loading again and comparing")
    folder = staging(directory)
    try:
        manifest = _write(
            folder, estimator, main, kept, contract, measured, part, label,
            decisions or names, hashes, plan, allow,
        )  # fmt: skip
        _, target_directory = seal(folder, directory, manifest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target_directory


def _settle(main: Model, estimator: Any, part: Part, label: Label, seed: int) -> Model:
    """The adapter that agrees with the training side, or a refusal."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(part.side.rows, min(COMPARED, part.side.rows), replace=False)).astype(
        np.int64
    )
    settled, gap = agree(main, estimator, part.side.take(rows), label, TOLERANCE)
    if not gap <= TOLERANCE:
        raise ReleaseError(
            "training side and serving side give different scores for the same rows",
            expected=f"differences <= {TOLERANCE:g}",
            got=f"largest={gap:.3g} on {len(rows)} training rows",
            remedy="put every preprocessing step inside the model; for boosters trained on "
            "categories pass categories={...}",
        )
    return settled


def _hold_out(trainer: Trainer, part: Part, seed: int) -> tuple[Model, Part, Part]:
    order = np.random.default_rng(seed).permutation(part.side.rows).astype(np.int64)
    cut = max(1, round(part.side.rows * HELD_OUT))
    held, learnt = part.take(np.sort(order[:cut])), part.take(np.sort(order[cut:]))
    tried = trainer.train(learnt)
    if tried is None:
        raise ReleaseError(
            "this model cannot be measured without rows it has not seen",
            expected="validation=<table>, or fit=<function> to train it again",
            got="validation=None",
            remedy="hold rows out before training and pass them as validation",
        )
    return tried, learnt, held


def _measure(
    tried: Model,
    trainer: Trainer,
    learnt: Part,
    held: Part,
    contract: Contract,
    plan: Plan,
    progress: Progress,
) -> Measured:
    scores = tried.predict_table(held.table)
    if not np.isfinite(scores).all():
        raise ReleaseError(
            "the model gives no finite score for some validation rows",
            expected="finite numbers",
            got=f"bad={int((~np.isfinite(scores)).sum())} of {len(scores)}",
        )
    evaluation = evaluate(
        held.positive, scores, costs=plan.costs, threshold=plan.threshold,
        requirements=plan.requirements, seed=plan.seed,
    )  # fmt: skip
    progress("measuring the blast radius of each feature")
    blast = blast_radius(
        tried,
        held.table,
        held.positive,
        threshold=plan.threshold,
        costs=plan.costs,
        shown=[f.name for f in contract.fields if f.pii == "no"],
        seed=plan.seed,
    )
    workshop = Workshop(
        tried, trainer, learnt, held, costs=plan.costs, threshold=plan.threshold,
        matched=plan.threshold_from == "given", seed=plan.seed,
    )  # fmt: skip
    return Measured(
        evaluation=evaluation,
        blast=blast,
        candidates=_candidates(workshop, blast, evaluation, plan, progress),
        reference=Reference(
            rows=0, marks={}, outcomes={}, train_rows=0,
            score_mean=float(scores.mean()),
            approval_rate=float((scores < plan.threshold).mean()),
        ),
    )  # fmt: skip


def _candidates(
    workshop: Workshop,
    blast: Sequence[Blast],
    evaluation: Evaluation,
    plan: Plan,
    progress: Progress,
) -> list[Candidate]:
    if plan.fallbacks == "none":
        return []
    if not isinstance(plan.fallbacks, str):
        found = []
        for fields in plan.fallbacks:
            unknown = [name for name in fields if name not in workshop.main.features]
            if unknown:
                raise UsageError(
                    "a fallback was asked for fields the model does not use",
                    expected=f"some of {list(workshop.main.features)}",
                    got=f"fields={unknown}",
                )
            progress(f"training a fallback without {', '.join(fields)}")
            made = workshop.make(fields)
            if made is None:
                raise ReleaseError(
                    "no fallback can be trained without these fields",
                    expected="a model that can be cloned, or fit=<function>",
                    got=f"fields={list(fields)}",
                )
            found.append(made)
        return found
    singles: list[Candidate] = []
    for place, name in enumerate(ranked_fields(blast, evaluation)):
        progress(f"training a fallback without {name}")
        made = workshop.make((name,), thorough=place < THOROUGH)
        if made is not None and made.good:
            singles.append(made)
    joint: list[Candidate] = []
    for fields in joint_sets([candidate.without[0] for candidate in singles]):
        progress(f"training a fallback without {len(fields)} fields")
        made = workshop.make(fields)
        if made is not None and made.good:
            joint.append(made)
    return [*singles, *joint]


def _with_policies(contract: Contract, main: Model, measured: Measured, plan: Plan) -> Contract:
    if plan.policies == "keep":
        return contract
    chosen = automatic_policies(
        contract,
        set(main.features),
        set(ranked_fields(measured.blast, measured.evaluation)),
        {c.without[0] for c in measured.candidates if len(c.without) == 1},
    )
    return contract.with_policies(chosen)


def _reference(
    contract: Contract, tried: Model, held: Part, train_rows: int, plan: Plan
) -> Reference:
    """What the guard says of the held-out rows."""
    names = [f.name for f in contract.serving().fields if f.name in held.table.column_names]
    verdicts = contract.guard().batch(held.table.select(names).to_pylist())
    marks: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for verdict in verdicts:
        outcomes[verdict.outcome.value] += 1
        marks.update(set(mark_texts(verdict.violations)))
    scores = tried.predict_table(held.table)
    return Reference(
        rows=len(verdicts),
        marks=dict(sorted(marks.items())),
        outcomes=dict(sorted(outcomes.items())),
        train_rows=train_rows,
        score_mean=float(scores.mean()),
        approval_rate=float((scores < plan.threshold).mean()),
    )


def _again(workshop: Workshop, part: Part, candidate: Candidate) -> Candidate:
    """The same fallback by the same method, trained on all rows; its known metrics stay."""
    options = workshop.options(part, candidate.without, only=candidate.method)
    model = options.get(candidate.method)
    if model is None:
        raise ReleaseError(
            "a fallback that could be trained on part of the rows cannot be trained on all",
            got=f"without={list(candidate.without)}, method={candidate.method}",
        )
    return Candidate(
        candidate.without,
        candidate.method,
        model,
        candidate.threshold,
        candidate.evaluation,
        candidate.main_when_missing,
        candidate.considered,
    )


def _write(
    folder: Path,
    estimator: Any,
    main: Model,
    candidates: Sequence[Candidate],
    contract: Contract,
    measured: Measured,
    part: Part,
    label: Label,
    decisions: tuple[str, str],
    hashes: dict[str, str],
    plan: Plan,
    allow: frozenset[str],
) -> Manifest:
    """Write every file, load the models back from them and replay the golden rows."""
    (folder / "model").mkdir()
    main.save(folder / "model")
    fallbacks: list[Fallback] = []
    for index, candidate in enumerate(candidates):
        name = f"fallbacks/{index:02d}"
        (folder / name).mkdir(parents=True)
        candidate.model.save(folder / name)
        fallbacks.append(
            Fallback(
                without=candidate.without,
                folder=name,
                method=candidate.method,
                threshold=candidate.threshold,
                evaluation=candidate.evaluation,
                main_when_missing=candidate.main_when_missing,
                considered=candidate.considered,
            )
        )
    golden = make_golden(
        estimator, main, [c.model for c in candidates], part.side, label, plan.seed
    )
    loaded, others = load_models(folder, fallbacks, allow)
    replay(golden, loaded, others, thorough=True)
    close_models([loaded, *others])

    _put(folder / "contract.json", contract.to_json())
    _put(folder / "evaluation.json", canonical(measured.evaluation))
    _put(folder / GATE_FILE, canonical(gate_of(measured.audit, measured.evaluation)))
    if measured.audit is not None:
        plain = measured.audit.to_dict()
        _put(folder / AUDIT_FILE, msgspec.json.encode(plain, order="deterministic"))
    _put(folder / "reference.json", canonical(measured.reference))
    if measured.values is not None and measured.portrait is not None:
        _put(folder / VALUES_FILE, measured.values.to_bytes())
        _put(folder / PORTRAIT_FILE, measured.portrait.to_bytes())
    _put(folder / "golden.json", canonical(golden))
    _put(folder / "blast_radius.json", msgspec.json.encode(measured.blast, order="deterministic"))
    _put(folder / "fallbacks.json", msgspec.json.encode(fallbacks, order="deterministic"))
    return Manifest(
        name=plan.name,
        files=file_entries(folder),
        model_kind=main.kind,
        features=main.features,
        positive=label,
        decisions=decisions,
        threshold=plan.threshold,
        threshold_from=plan.threshold_from,
        costs=plan.costs,
        contract=contract.id,
        data=hashes,
        code=plan.code,
        environment=environment_lock(),
        compiled_from=getattr(main, "compiled_from", ""),
        seed=plan.seed,
        parent=plan.parent,
        pickle=any((folder / n).suffix == ".joblib" for n in file_entries(folder)),
        runs_code=main.kind == "callable",
    )


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def load_models(
    folder: Path, fallbacks: Sequence[Fallback], allow: frozenset[str]
) -> tuple[Model, list[Model]]:
    """The main model and the fallbacks, from their files."""
    main = models.load(folder / "model", allow=allow)
    return main, [models.load(folder / f.folder, main=main, allow=allow) for f in fallbacks]


def close_models(opened: Sequence[Model]) -> None:
    """End the worker processes of models that have one."""
    for model in opened:
        close = getattr(model, "close", None)
        if close is not None:
            close()


__all__ = ["Golden", "build", "close_models", "load_models", "make_plan"]
