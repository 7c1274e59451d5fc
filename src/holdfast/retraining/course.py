"""The course of a challenger: from audited to shadow, canary and champion, or out. Pure.

A challenger goes on when it has been long enough at its stage, has answered enough, failed rarely,
and does better than the champion on the same matured rows. It goes out when it is told worse, a
slice is, or a guard tripped. Until any of that is known it waits.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from holdfast.releases.lifecycle.stage import Stage
from holdfast.retraining.policy import Bounds


class Go(enum.StrEnum):
    """What is next for a challenger."""

    WAIT = "wait"
    SHADOW = "shadow"
    CANARY = "canary"
    PROMOTE = "promote"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How a challenger does.

    Attributes:
        stage: audited, shadow or canary.
        since: when it came to its stage, or its share was last raised, microseconds since 1970.
        answers: rows it answered since then.
        errors: how many of them failed.
        p99: 99th percentile of the time an answer took, microseconds; None where not measured.
        share: of the requests that it answers as canary; None otherwise.
        compared: ``better``, ``worse``, ``slice_worse`` or ``undecided`` against the champion.
        told: the comparison in words.
        tripped: the guard that stopped it, in words; empty while none did.
    """

    stage: Stage
    since: int
    answers: int = 0
    errors: int = 0
    p99: int | None = None
    share: float | None = None
    compared: str = "undecided"
    told: tuple[str, ...] = ()
    tripped: str = ""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What is next, and why.

    Attributes:
        go: what to do.
        why: reasons, in words.
        share: of the requests, where it becomes canary or gets more.
        passed: the checks that it has passed with this: ``shadow``, ``canary`` or none.
    """

    go: Go
    why: tuple[str, ...]
    share: float | None = None
    passed: tuple[str, ...] = ()


def turn(trial: Trial, now: int, *, shadow: Bounds, canary: Bounds, steps: Sequence[float]) -> Turn:
    """What is next for a challenger.

    Args:
        trial: how it does.
        now: microseconds since 1970 (UTC).
        shadow: what is asked of a shadow.
        canary: what is asked at each share of the canary.
        steps: the shares, rising, each in (0, 1]; empty: from shadow straight to champion.

    Example:
        >>> bounds = Bounds(min=10, requests=100, max_error_rate=0.01)
        >>> trial = Trial(stage=Stage.SHADOW, since=0, answers=250, compared="better")
        >>> turn(trial, 20, shadow=bounds, canary=bounds, steps=[0.05]).share
        0.05
        >>> turn(trial, 5, shadow=bounds, canary=bounds, steps=[0.05]).go.value
        'wait'
    """
    if trial.stage is Stage.AUDITED:
        return Turn(go=Go.SHADOW, why=("its gate is open",))
    if trial.tripped:
        out = Go.QUARANTINE if trial.stage is Stage.CANARY else Go.REJECT
        return Turn(go=out, why=(trial.tripped,))
    if trial.compared in ("worse", "slice_worse"):
        return Turn(go=Go.REJECT, why=trial.told or (f"compared: {trial.compared}",))
    bounds = shadow if trial.stage is Stage.SHADOW else canary
    failing = _failing(trial, bounds)
    if failing:
        return Turn(go=Go.REJECT, why=failing)
    lacking = _lacking(trial, bounds, now)
    if trial.compared != "better" and (trial.stage is Stage.SHADOW or not _next(trial, steps)):
        lacking = (*lacking, *(trial.told or ("not yet told better than the champion",)))
    if lacking:
        return Turn(go=Go.WAIT, why=lacking)
    done: tuple[str, ...] = (
        f"{trial.answers:,} answers as {trial.stage.value}, {trial.errors:,} failed",
    )
    if bounds.max_p99 is not None and trial.p99 is None:
        done = (*done, "how long its answers take could not be told")
    done = (*done, *trial.told)
    share = _next(trial, steps)
    if share is None:
        return Turn(go=Go.PROMOTE, why=done, passed=(trial.stage.value,))
    passed = (trial.stage.value,) if trial.stage is Stage.SHADOW else ()
    return Turn(go=Go.CANARY, why=done, share=share, passed=passed)


def _next(trial: Trial, steps: Sequence[float]) -> float | None:
    """The next share; None after the last one."""
    return next((step for step in steps if step > (trial.share or 0.0)), None)


def _failing(trial: Trial, bounds: Bounds) -> tuple[str, ...]:
    """What it fails at, once there is enough to tell."""
    found = []
    if trial.answers >= bounds.requests and trial.errors > bounds.max_error_rate * trial.answers:
        found.append(
            f"{trial.errors:,} of {trial.answers:,} answers failed, more than "
            f"{bounds.max_error_rate:.2%}"
        )
    if (
        trial.answers >= bounds.requests
        and bounds.max_p99 is not None
        and trial.p99 is not None
        and trial.p99 > bounds.max_p99
    ):
        found.append(
            f"99 of 100 answers take up to {trial.p99 / 1000:.1f} ms, more than "
            f"{bounds.max_p99 / 1000:.1f} ms"
        )
    return tuple(found)


def _lacking(trial: Trial, bounds: Bounds, now: int) -> tuple[str, ...]:
    """What it has not shown yet."""
    found = []
    if now - trial.since < bounds.min:
        found.append(
            f"at this stage for {(now - trial.since) / 3.6e9:.1f} of {bounds.min / 3.6e9:.1f} h"
        )
    if trial.answers < bounds.requests:
        found.append(f"{trial.answers:,} of {bounds.requests:,} answers")
    return tuple(found)
