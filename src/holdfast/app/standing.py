"""How a release stands: stage, gate, checks, lineage and what may be done; loads no model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from holdfast.errors import ReleaseError
from holdfast.releases.bundle import MANIFEST, decode
from holdfast.releases.gate import GATE_FILE, Gate
from holdfast.releases.lifecycle import ALLOWED, Stage, read
from holdfast.releases.records import Manifest
from holdfast.reports.cells import moment

if TYPE_CHECKING:
    from holdfast.releases import Registry
    from holdfast.releases.lifecycle import State
    from holdfast.storage import Store
    from holdfast.storage.training import Interval

T = TypeVar("T", bound=msgspec.Struct)
#: stages from which a promotion may be tried
_PROMOTABLE = (Stage.CANDIDATE, Stage.AUDITED, Stage.SHADOW, Stage.CANARY)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A release as its page shows it.

    Attributes:
        id: of the release.
        stage: where it stands.
        added_at: when it was added, microseconds since 1970 (UTC).
        gate: ``passed``, ``waiting``, ``failed``, or None while it was not asked.
        reasons: sentences of what keeps the gate shut.
        questions: of the audit: key, sentence, and answer (by, at, reason) or None.
        checks: name, passed, at, expires, and whether it counts now.
        lineage: label, text (None: not kept), and whether the text is a name; empty when the
            bundle is not here.
        environment: package → version at build time.
        parent: the release it follows, or None.
        champion: the release that answers, or None.
        standby: the release that a rollback would bring back, or None.
        tainted: incidents that spoiled rows from which the release that a move would let answer
            (this one, or the champion's standby) has learned.
        rev: revision of the lifecycle that all this is of.
        may_promote: whether a promotion may be tried; what the lifecycle asks for is its own.
        may_roll_back: whether it answers and a standby is there.
        hindrance: why neither may be, or what a promotion lacks; empty for nothing.
    """

    id: str
    stage: Stage
    added_at: int
    gate: str | None
    reasons: list[str]
    questions: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    lineage: list[tuple[str, str | None, bool]]
    environment: dict[str, str]
    parent: str | None
    champion: str | None
    standby: str | None
    tainted: tuple[str, ...]
    rev: int
    may_promote: bool
    may_roll_back: bool
    hindrance: str


def standing(store: Store, registry: Registry, model: str, release: str, now: int) -> Standing:
    """How a release of a model stands.

    Args:
        store: an open store.
        registry: over the same store.
        model: name of the model.
        release: full id of one of its releases.
        now: microseconds since 1970 (UTC); checks expire by it.

    Raises:
        StopIteration: the model has no such release.
    """
    row = next(row for row in store.catalog.releases(model) if row.id == release)
    state = read(store, model)
    pointer = store.catalog.champion(model)
    champion = pointer.release if pointer else None
    stage = Stage.CHAMPION if champion == release else state.stage(release)
    gate = store.catalog.gate(model, release)
    standby = state.holder(Stage.STANDBY)
    manifest = _kept(registry.directory / release / MANIFEST, Manifest)
    next_one = standby if stage is Stage.CHAMPION else release
    tainted = store.training.tainted(model).get(next_one or "", ())
    may_promote = stage in _PROMOTABLE and gate == "passed" and not state.frozen and not tainted
    return Standing(
        id=release,
        stage=stage,
        added_at=row.added_at,
        gate=gate,
        reasons=_reasons(store, model, release) if gate != "passed" else [],
        questions=_questions(registry, model, release),
        checks=[
            {
                "name": name,
                "passed": check.passed,
                "at": check.at,
                "expires": check.expires,
                "counts": state.passes(release, name, now),
            }
            for name, check in sorted(state.checks.get(release, {}).items())
        ],
        lineage=_lineage(manifest, store.training.pieces(model, release)) if manifest else [],
        environment=manifest.environment if manifest else {},
        parent=manifest.parent if manifest else row.details.get("parent"),
        champion=champion,
        standby=standby,
        tainted=tainted,
        rev=state.rev,
        may_promote=may_promote,
        may_roll_back=stage is Stage.CHAMPION and standby is not None and not tainted,
        hindrance=_hindrance(stage, gate, state, release, now, tainted),
    )


def _hindrance(
    stage: Stage,
    gate: str | None,
    state: State,
    release: str,
    now: int,
    tainted: Collection[str],
) -> str:
    names = ", ".join(incident[:12] for incident in tainted)
    if stage is Stage.CHAMPION:
        if state.holder(Stage.STANDBY) is None:
            return "It is the champion, and no standby is there to roll back to."
        return (
            f"The standby learned from spoiled rows ({names}): it answers no more." if names else ""
        )
    if stage is Stage.STANDBY:
        return "It answers again when the champion is rolled back."
    if not ALLOWED[stage]:
        return f"It is {stage.value}: build a new release instead."
    if names:
        return f"It learned from spoiled rows ({names}): build a new release instead."
    if gate != "passed":
        return "It cannot be promoted while its gate is not open."
    if state.frozen:
        return "Promotions are frozen; a rollback never is."
    lacking = [name for name in ("shadow", "canary") if not state.passes(release, name, now)]
    if lacking and state.holder(Stage.CHAMPION) is not None:
        return (
            f"No valid check of {' and '.join(lacking)} speaks for it: your reason is kept as why "
            "it was left out."
        )
    return ""


def _reasons(store: Store, model: str, release: str) -> list[str]:
    """What the gate said when it was last asked."""
    events = store.control.events(model, ["gate.decided"])
    said = [event.payload for event in events if event.payload.get("release") == release]
    return list(said[-1].get("reasons", ())) if said else []


def _questions(registry: Registry, model: str, release: str) -> list[dict[str, Any]]:
    gate = _kept(registry.directory / release / GATE_FILE, Gate)
    answers = {answer["finding"]: answer for answer in registry.answers(model, release)}
    return [
        {"key": question.key, "sentence": question.sentence, "answer": answers.get(question.key)}
        for question in (gate.questions if gate else ())
    ]


def _lineage(manifest: Manifest, pieces: Sequence[Interval]) -> list[tuple[str, str | None, bool]]:
    compiled = f", compiled from {manifest.compiled_from}" if manifest.compiled_from else ""
    python = manifest.environment.get("python")
    return [
        ("model", f"{manifest.model_kind}{compiled}, {len(manifest.features)} inputs", False),
        *((f"{table} rows", digest, True) for table, digest in sorted(manifest.data.items())),
        *(
            ("logged rows", f"{moment(p.since)} until {p.until and moment(p.until)}", False)
            for p in pieces
        ),
        ("training code", manifest.code, True),
        ("contract", manifest.contract, True),
        ("seed", str(manifest.seed), False),
        ("environment", f"Python {python}" if python else None, False),
    ]


def _kept(path: Path, kind: type[T]) -> T | None:
    """A plain file of the bundle; None when it is not there or cannot be read."""
    try:
        return decode(path.read_bytes(), kind, path.name)
    except (OSError, ReleaseError):
        return None
