"""The store seen from the service: champions to load, and what the reading endpoints show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from holdfast.contracts.model import Role
from holdfast.releases.lifecycle import Lifecycle, Stage
from holdfast.releases.lifecycle.fold import KINDS
from holdfast.releases.switches import SWITCHED, Switches
from holdfast.serving.ports import Champion, ReleaseLike, Roles

if TYPE_CHECKING:
    from holdfast.storage import Store

TRIPPED = "canary.tripped"


class StoreChampions:
    """Champions from the store's catalog.

    Args:
        store: the store.
        open_release: opens and verifies a release by model and id.
        clock: microseconds since 1970 (UTC).
        worker: name of this worker, for the acknowledgement.
    """

    def __init__(
        self,
        store: Store,
        open_release: Callable[[str, str], ReleaseLike],
        *,
        clock: Callable[[], int],
        worker: str,
    ) -> None:
        self._store = store
        self._open = open_release
        self._clock = clock
        self._worker = worker
        self._switches = Switches()
        self._read = 0
        self._roles: dict[str, Roles] = {}
        self._seen = 0
        self._stopped: dict[tuple[str, str], tuple[str, str]] = {}
        self._told = 0

    def pointers(self) -> Mapping[str, tuple[str, int]]:
        """One query over the champions."""
        return {
            champion.model: (champion.release, champion.revision)
            for champion in self._store.catalog.champions()
        }

    def switches(self) -> Mapping[str, tuple[str, ...]]:
        """One look at the end of the control log; only what is new there is read."""
        head, _ = self._store.control.head()
        if head != self._read:
            new = self._store.control.events(kinds=[SWITCHED], after=self._read)
            self._switches, self._read = self._switches.after(new), head
        return self._switches.off()

    def roles(self) -> Mapping[str, Roles]:
        """Read again only for models that moved a release; a canary that tripped is none."""
        head, _ = self._store.control.head()
        if head != self._seen:
            kinds = [*KINDS, TRIPPED]
            moved = {e.model for e in self._store.control.events(kinds=kinds, after=self._seen)}
            self._roles = {
                model: self._roles_of(model)
                if model in moved or model not in self._roles
                else self._roles[model]
                for model in self.pointers()
            }
            self._seen = head
        return self._roles

    def _roles_of(self, model: str) -> Roles:
        lifecycle = Lifecycle(self._store, model)
        state = lifecycle.state()
        canary = state.holder(Stage.CANARY)
        told = self._store.control.events(model, [TRIPPED]) if canary is not None else []
        if any(event.payload["release"] == canary for event in told):
            canary = None
        return Roles(
            standby=state.holder(Stage.STANDBY),
            canary=canary,
            share=(lifecycle.share() or 0.0) if canary is not None else 0.0,
            shadow=state.holder(Stage.SHADOW),
        )

    def load(self, model: str, release: str, revision: int) -> Champion:
        """Open the release, verify it, and prepare its scorer and guard."""
        opened = self._open(model, release)
        scorer = opened.scorer()
        return Champion(
            model,
            release,
            opened.contract.id,
            revision,
            scorer,
            scorer.check,
            {
                "features": list(opened.contract.features),
                "threshold": opened.threshold,
                "positive": opened.positive,
                "decisions": list(opened.decisions),
                "evaluation": msgspec.to_builtins(opened.evaluation, enc_hook=str),
            },
            without=opened.scorer_without,
            entity=next((f.name for f in opened.contract.fields if f.role is Role.ENTITY), None),
            decisions=opened.decisions,
        )

    def tripped(self, canary: Champion, guard: str, why: str) -> None:
        """Note in the control log that a canary was stopped; once for all workers."""
        self._store.control.append(
            TRIPPED,
            canary.model,
            {"release": canary.release, "guard": guard, "why": why, "worker": self._worker},
            at=self._clock(),
            key=f"tripped:{canary.model}:{canary.release}",
        )

    def stopped(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        """One look at the end of the control log; only what is new there is read."""
        head, _ = self._store.control.head()
        if head != self._told:
            for event in self._store.control.events(kinds=[TRIPPED], after=self._told):
                told = event.payload
                self._stopped[event.model, told["release"]] = (told["guard"], told["why"])
            self._told = head
        return self._stopped

    def acknowledge(self, champion: Champion) -> None:
        """Note in the control log that this worker answers with the release."""
        self._store.control.append(
            "serving.acknowledged",
            champion.model,
            {"release": champion.release, "revision": champion.revision, "worker": self._worker},
            at=self._clock(),
            key=f"ack:{champion.model}:{champion.revision}:{self._worker}",
        )


class Cases(Protocol):
    """Incidents as the composition root hands them in."""

    def listed(self, model: str | None) -> list[dict[str, Any]]:
        """Incidents of a model or of all, newest first."""
        ...

    def shown(self, name: str) -> dict[str, Any] | None:
        """One incident with its history."""
        ...

    def decide(
        self, name: str, verb: str, *, reason: str, by: str, until: int | None
    ) -> dict[str, Any]:
        """Keep a decision; the incident afterwards."""
        ...


class StoreDesk:
    """What the store knows, as plain data.

    Args:
        store: the store.
        cases: its incidents.
    """

    def __init__(self, store: Store, cases: Cases) -> None:
        self._store = store
        self._cases = cases

    def models(self) -> list[dict[str, Any]]:
        """Every model with a champion."""
        return [
            {
                "model": champion.model,
                "release": champion.release,
                "revision": champion.revision,
                "promoted_at": champion.changed_at,
            }
            for champion in self._store.catalog.champions()
        ]

    def releases(self, model: str | None = None) -> list[dict[str, Any]]:
        """Releases of a model (or all), newest first."""
        champions = {(c.model, c.release) for c in self._store.catalog.champions()}
        rows = [
            {
                "model": row.model,
                "id": row.id,
                "added_at": row.added_at,
                "champion": (row.model, row.id) in champions,
                "details": row.details,
            }
            for row in self._store.catalog.releases(model)
        ]
        return rows[::-1]

    def incidents(self, model: str | None = None) -> list[dict[str, Any]]:
        """Incidents of a model (or all), newest first."""
        return self._cases.listed(model)

    def incident(self, model: str, name: str) -> dict[str, Any] | None:
        """One incident of a model with its history."""
        found = self._cases.shown(name)
        return found if found is not None and found["model"] == model else None

    def decide(
        self, model: str, name: str, verb: str, *, reason: str, by: str, until: int | None
    ) -> dict[str, Any] | None:
        """Keep a person's decision about an incident of a model."""
        if self.incident(model, name) is None:
            return None
        return self._cases.decide(name, verb, reason=reason, by=by, until=until)
