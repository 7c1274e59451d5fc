"""The release as users hold it: build, open, look at, score with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from holdfast.contracts.contract import Contract
from holdfast.contracts.rules import fields_of
from holdfast.errors import HoldfastError, ReleaseError, UsageError
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.record import Evaluation
from holdfast.models.base import Label, Model
from holdfast.releases.bundle import decode, verify
from holdfast.releases.gate import AUDIT_FILE, GATE_FILE, Gate
from holdfast.releases.golden import replay
from holdfast.releases.records import Blast, Fallback, Golden, Manifest, Reference
from holdfast.releases.scorer import Member, Scorer

if TYPE_CHECKING:
    from holdfast.detection.columns.fit import ReferenceFit
    from holdfast.profiles.portrait import Portrait
    from holdfast.releases.switches import SwitchedScorer


class Release:
    """An immutable bundle: model, threshold, contract, fallbacks, evidence, lineage.

    Attributes:
        id: sha256 of the canonical manifest.
        directory: where the bundle is.
        manifest: every fact and the hash of every file.
        contract: the contract it guards with.
        evaluation: what the main model's decisions were worth on rows it had not seen.
        blast_radius: what each fault in each feature would do, the most expensive first.
        fallbacks: models for missing fields, with their known metrics.
        reference: what normal looks like to the guard.
    """

    def __init__(
        self,
        release_id: str,
        directory: Path,
        manifest: Manifest,
        contract: Contract,
        evaluation: Evaluation,
        blast_radius: list[Blast],
        fallbacks: list[Fallback],
        reference: Reference,
        main: Model,
        others: list[Model],
    ) -> None:
        self.id = release_id
        self.directory = directory
        self.manifest = manifest
        self.contract = contract
        self.evaluation = evaluation
        self.blast_radius = blast_radius
        self.fallbacks = fallbacks
        self.reference = reference
        self._main = main
        self._others = others

    @classmethod
    def build(
        cls,
        model: Any,
        *,
        train: Any,
        contract: Contract,
        directory: str | Path,
        validation: Any = None,
        costs: Costs | None = None,
        threshold: str | float = "cost",
        fallbacks: str | Sequence[str | Sequence[str]] = "auto",
        fit: Callable[..., Any] | None = None,
        policies: str = "auto",
        positive: Label | None = None,
        decisions: tuple[str, str] | None = None,
        features: Sequence[str] | None = None,
        categories: Mapping[str, Sequence[Label]] | None = None,
        seed: int = 0,
        parent: str | None = None,
        name: str = "",
        code: Any = None,
        floor: float = 1.0,
        requirements: Any = (),
        audit: bool = True,
        known_at: Mapping[str, Any] | None = None,
        allow_callable: bool = False,
        allow_pickle: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> Release:
        """Build a release, measure it, and prove that what is served is what was trained.

        Args:
            model: a fitted scikit-learn estimator or pipeline, LightGBM or XGBoost model, ONNX
                graph, adopted `holdfast.models.base.Model`, or ``"package.module:function"``.
            train: the table it was trained on; anything `holdfast.frames.read` takes.
            contract: the contract, which names the target.
            directory: the release is written to ``directory/<id>``.
            validation: rows the model has not seen. Without it the model is trained again on
                three quarters of ``train`` to be measured on the rest; that needs a model that
                can be cloned, or ``fit``.
            costs: cost of each kind of decision; None counts each error as 1.
            threshold: ``cost`` derives it from the costs (right for calibrated scores), or a
                number.
            fallbacks: ``auto`` (each field worth guarding, pairs of the three worst, all
                together), ``none``, or a list of fields or groups of fields.
            fit: ``fit(table, features) -> estimator``, for models that cannot be cloned.
            policies: ``auto`` sets the policy of every field that has none by the rule of
                `holdfast.releases.policies.automatic_policies`; ``keep`` changes nothing.
            positive: label of the positive class, which the costs speak of; obvious for 0/1.
            decisions: labels of the two decisions, below the threshold and at or above it.
            features: names of the inputs, for models that do not know them.
            categories: for boosters trained on pandas categories; see `holdfast.models.adopt`.
            seed: seed of everything random.
            parent: id of the release this one follows.
            name: name of the model line.
            code: path, module or function whose source is hashed into the lineage.
            floor: how sensitive the monitor is: the smallest change that matters is multiplied by
                it, 0.5 for half as large, 2 for twice as large.
            requirements: what the evaluation must show, such as ``["recall >= 0.6"]``; one that
                fails, or cannot be told, keeps the gate of the release shut.
            audit: look for leakage in the tables. A release that was not audited can be scored
                with, and is never promoted.
            known_at: for the audit: feature → column with the time its value became known, or a
                lag.
            allow_callable: permits a function by import path; it runs in a worker process.
            allow_pickle: permits joblib for what no safe format holds. Servers refuse such a
                release.
            progress: called with a sentence before each step.

        Raises:
            ReleaseError: scores differ between training and serving side, or the model, tables
                and contract do not fit together.
        """
        from holdfast.releases.build import build, make_plan

        allow = {"callable"} if allow_callable else set()
        if allow_pickle:
            allow.add("pickled")
        where = build(
            model,
            train=train,
            validation=validation,
            contract=contract,
            plan=make_plan(
                costs=costs,
                threshold=threshold,
                fallbacks=fallbacks,
                policies=policies,
                seed=seed,
                parent=parent,
                name=name,
                code=code,
                floor=floor,
                requirements=requirements,
                audit=audit,
                known_at=known_at,
            ),
            fit=fit,
            positive=positive,
            decisions=decisions,
            features=features,
            categories=categories,
            directory=Path(directory),
            allow=frozenset(allow),
            progress=progress or (lambda _: None),
        )
        return cls.open(where, allow=allow)

    @classmethod
    def open(
        cls, directory: str | Path, *, expected_id: str | None = None, allow: Collection[str] = ()
    ) -> Release:
        """Open a release: every byte is checked, then the golden rows are replayed.

        Args:
            directory: the release's folder.
            expected_id: id it must have; None takes the folder's name where that is an id.
            allow: opt-ins: ``callable`` for functions in a worker, ``pickled`` for joblib. Never
                given by the server.

        Raises:
            ReleaseError: damaged, tampered with, incomplete, or giving other scores here.
        """
        from holdfast.releases.build import load_models

        folder = Path(directory)
        release_id, manifest = verify(folder, expected_id)
        if manifest.pickle and "pickled" not in allow:
            raise ReleaseError(
                "this release holds a pickle, and pickles are not loaded here",
                expected="a release of safe files",
                got=f"id={release_id[:12]}",
                remedy="export the model to ONNX or skops and build again; "
                "only in your own process, allow={'pickled'}",
            )

        def record(name: str, kind: Any) -> Any:
            return decode((folder / name).read_bytes(), kind, name)

        try:
            contract = Contract.from_json((folder / "contract.json").read_bytes())
            fallbacks = record("fallbacks.json", list[Fallback])
            main, others = load_models(folder, fallbacks, frozenset(allow))
            replay(record("golden.json", Golden), main, others, thorough=False)
            return cls(
                release_id,
                folder,
                manifest,
                contract,
                record("evaluation.json", Evaluation),
                record("blast_radius.json", list[Blast]),
                fallbacks,
                record("reference.json", Reference),
                main,
                others,
            )
        except ReleaseError:
            raise
        except (HoldfastError, OSError) as error:
            raise ReleaseError(
                "the release cannot be opened",
                expected="a release built by this or an earlier version",
                got=getattr(error, "message", type(error).__name__),
                remedy=getattr(error, "remedy", None) or "build the release again",
            ) from error

    @cached_property
    def values(self) -> ReferenceFit | None:
        """What the reference taught about values; None in releases of before it was kept."""
        from holdfast.releases.watch import read_values_file

        return read_values_file(self.directory)

    @cached_property
    def portrait(self) -> Portrait | None:
        """What the reference looked like; None in releases of before it was kept."""
        from holdfast.releases.watch import read_portrait_file

        return read_portrait_file(self.directory)

    @cached_property
    def gate(self) -> Gate | None:
        """What audit and evaluation said of it; None in releases of before it was kept."""
        path = self.directory / GATE_FILE
        return decode(path.read_bytes(), Gate, GATE_FILE) if path.is_file() else None

    @cached_property
    def audit(self) -> dict[str, Any] | None:
        """The audit report of its training, as plain data; None where none was made."""
        path = self.directory / AUDIT_FILE
        return decode(path.read_bytes(), dict[str, Any], AUDIT_FILE) if path.is_file() else None

    @property
    def name(self) -> str:
        """Name of the model line."""
        return self.manifest.name

    @property
    def features(self) -> tuple[str, ...]:
        """Inputs of the main model."""
        return self.manifest.features

    @property
    def threshold(self) -> float:
        """Rows scoring at or above it get the second decision."""
        return self.manifest.threshold

    @property
    def costs(self) -> Costs:
        """Cost of each kind of decision."""
        return self.manifest.costs

    @property
    def positive(self) -> Label | None:
        """Label of the positive class."""
        return self.manifest.positive

    @property
    def decisions(self) -> tuple[str, str]:
        """Labels of the two decisions: below the threshold, at or above it."""
        return self.manifest.decisions

    @property
    def model(self) -> Model:
        """The main model, unguarded."""
        return self._main

    def scorer(self, mode: str = "enforce", *, on_error: str = "closed") -> Scorer:
        """The guarded way to ask.

        Args:
            mode: ``enforce``, or ``shadow`` (marks only; the main model answers everything).
            on_error: what happens when the guard itself fails: ``closed`` rejects the row,
                ``open`` lets it pass and says so.
        """
        if mode not in ("enforce", "shadow"):
            raise UsageError("unknown mode", expected="'enforce' or 'shadow'", got=f"mode={mode!r}")
        return Scorer(
            self.contract.guard(mode=mode, on_error=on_error),
            Member((), self._main, self.threshold),
            [
                Member(f.without, model, f.threshold)
                for f, model in zip(self.fallbacks, self._others, strict=True)
            ],
            self.decisions,
        )

    def scorer_without(self, fields: Collection[str]) -> SwitchedScorer:
        """The guarded way to ask while some fields are switched off: see `SwitchedScorer`.

        Raises:
            ContractError: the contract has no such field.
        """
        from holdfast.releases.switches import SwitchedScorer

        off = {self.contract.field(name).name for name in fields}
        serving = self.contract.serving()
        kept = tuple(f for f in serving.fields if f.name not in off)
        names = {f.name for f in kept}
        cross = tuple(r for r in serving.data.cross if names.issuperset(fields_of(r)))
        guard = Contract(msgspec.structs.replace(serving.data, fields=kept, cross=cross)).guard()
        return SwitchedScorer(self.scorer(), guard, sorted(off))

    def fallback_for(self, missing: Collection[str]) -> Fallback | None:
        """The fallback that answers when these fields are missing, with its known metrics."""
        fits = [f for f in self.fallbacks if set(missing) <= set(f.without)]
        return min(fits, key=lambda f: len(f.without)) if fits and missing else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End worker processes, where the model has some."""
        from holdfast.releases.build import close_models

        close_models([self._main, *self._others])

    def to_dict(self) -> dict[str, Any]:
        """The release as plain data, without the models."""
        return {
            "id": self.id,
            "manifest": msgspec.to_builtins(self.manifest),
            "evaluation": msgspec.to_builtins(self.evaluation),
            "blast_radius": msgspec.to_builtins(self.blast_radius),
            "fallbacks": msgspec.to_builtins(self.fallbacks),
            "reference": msgspec.to_builtins(self.reference),
            "gate": None if self.gate is None else self.gate.to_dict(),
        }

    def to_json(self) -> str:
        """The release as JSON text, without the models."""
        return msgspec.json.encode(self.to_dict()).decode()

    def __repr__(self) -> str:
        cost = self.evaluation.value("expected_cost")
        return (
            f"Release {self.name!r} {self.id[:12]}: {self.manifest.model_kind}, "
            f"{len(self.features)} inputs, {len(self.fallbacks)} fallbacks, "
            f"expected cost {cost:.3f} at threshold {self.threshold:.3f}"
        )
