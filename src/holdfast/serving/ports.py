"""What the service needs from the floors below, as narrow protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from holdfast.contracts.model import Outcome, Verdict, Violation

if TYPE_CHECKING:
    import pyarrow as pa


class AnswerLike(Protocol):
    """One scored row, as `holdfast.releases` answers it."""

    @property
    def score(self) -> float | None:
        """Score of the positive class, None when nothing was answered."""
        ...

    @property
    def decision(self) -> str | None:
        """One of the release's decisions."""
        ...

    @property
    def verdict(self) -> Outcome:
        """How good the answer is."""
        ...

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every mark, notes included."""
        ...

    @property
    def fallback(self) -> tuple[str, ...] | None:
        """Fields that the answering model does without."""
        ...


class ScorerLike(Protocol):
    """Scores rows under a contract; never raises for what a row contains."""

    def answer(self, rows: Sequence[dict[str, Any]], /) -> Sequence[AnswerLike]:
        """One answer for each row."""
        ...


class ReleaseLike(Protocol):
    """An opened release, as `holdfast.releases` gives it."""

    @property
    def contract(self) -> Any:
        """Its contract, with `id` and `features`."""
        ...

    @property
    def threshold(self) -> float:
        """Scores at or above it get the second decision."""
        ...

    @property
    def positive(self) -> Any:
        """Label of the positive class."""
        ...

    @property
    def decisions(self) -> tuple[str, str]:
        """Labels below the threshold, and at or above it."""
        ...

    @property
    def evaluation(self) -> Any:
        """What its decisions were worth."""
        ...

    def scorer(self) -> Any:
        """Answers rows (`answer`) and gives verdicts on rows scored elsewhere (`check`)."""
        ...

    def scorer_without(self, fields: Collection[str]) -> Any:
        """Answers rows while some fields are switched off."""
        ...


class LogLike(Protocol):
    """An append-only log; durable on return when asked so."""

    def append_columns(
        self, columns: Mapping[str, Sequence[Any]], *, durable: bool = True
    ) -> object:
        """Append lists of one length, one for each column."""
        ...

    def append_many(self, batches: Sequence[pa.RecordBatch], *, durable: bool = True) -> object:
        """Append record batches, all or none."""
        ...

    def flush(self) -> None:
        """Make durable, and visible to readers, what was appended with ``durable=False``."""
        ...


class Champion(msgspec.Struct, frozen=True):
    """A release that answers for one model, loaded and verified.

    Attributes:
        model: name of the model.
        release: id of the release (sha256 in hex).
        contract: id of its contract.
        revision: revision of the pointer that named it.
        scorer: answers rows.
        guard: verdicts on rows that were scored elsewhere; `guard(list of rows)`.
        about: plain facts for `GET /v1/models/{model}`.
        without: gives what answers while some fields are switched off; None: nothing can.
        off: fields that are switched off.
        entity: the field that says whose row it is, for a canary to be the same for all of them.
        instead: the champion that answers where this release, a canary, fails; None for champions.
        decisions: labels below the threshold, and at or above it.
    """

    model: str
    release: str
    contract: str
    revision: int
    scorer: ScorerLike
    guard: Callable[[list[dict[str, Any]]], Sequence[Verdict]]
    about: Mapping[str, Any] = {}
    without: Callable[[tuple[str, ...]], ScorerLike] | None = None
    off: tuple[str, ...] = ()
    entity: str | None = None
    instead: Champion | None = None
    decisions: tuple[str, ...] = ()


class Roles(msgspec.Struct, frozen=True):
    """The other releases of one model that are served, by id; None where there is none.

    Attributes:
        standby: kept open, to answer at once after a rollback.
        canary, share: answers this share of the requests.
        shadow: scores the same rows; nobody sees its answers but the log.
    """

    standby: str | None = None
    canary: str | None = None
    share: float = 0.0
    shadow: str | None = None


class ChampionSource(Protocol):
    """Where champions come from: a cheap look at the pointers, and a careful load."""

    def pointers(self) -> Mapping[str, tuple[str, int]]:
        """Model name -> (release id, revision); called twice a second."""
        ...

    def switches(self) -> Mapping[str, tuple[str, ...]]:
        """Model name -> fields that are switched off; called twice a second."""
        ...

    def load(self, model: str, release: str, revision: int) -> Champion:
        """Open, verify and prepare one release; may take seconds; runs outside the event loop."""
        ...

    def roles(self) -> Mapping[str, Roles]:
        """Model name -> the other releases that are served; called as often as the pointers."""
        ...

    def acknowledge(self, champion: Champion) -> None:
        """Note that this worker now answers with `champion`."""
        ...

    def tripped(self, canary: Champion, guard: str, why: str) -> None:
        """Note that this worker stopped a canary, so that every other one stops it too."""
        ...

    def stopped(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        """(model, release) of each canary that a worker stopped -> guard and reason."""
        ...


class Desk(Protocol):
    """What the reading endpoints and the dashboard show; plain data, newest first."""

    def models(self) -> list[dict[str, Any]]:
        """Models with their champion."""
        ...

    def releases(self, model: str | None = None) -> list[dict[str, Any]]:
        """Releases of a model, or of all."""
        ...

    def incidents(self, model: str | None = None) -> list[dict[str, Any]]:
        """Incidents of a model, or of all."""
        ...

    def incident(self, model: str, name: str) -> dict[str, Any] | None:
        """One incident of a model with its history; None when there is none of this id."""
        ...

    def decide(
        self, model: str, name: str, verb: str, *, reason: str, by: str, until: int | None
    ) -> dict[str, Any] | None:
        """Keep a person's decision; gives the incident afterwards, None when there is none.

        Raises:
            UsageError: the incident is in no state for this.
        """
        ...
