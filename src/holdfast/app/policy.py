"""The retraining policy of a project: read, and asked what it says now or said before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.settings import named_model
from holdfast.errors import ConfigError, UsageError
from holdfast.retraining.deciding import Decision, Outcome, Told, decide
from holdfast.retraining.facts import Facts
from holdfast.retraining.reading import read_policy

if TYPE_CHECKING:
    from holdfast.app.home import Home
    from holdfast.retraining.policy import Policy
    from holdfast.storage import Store

DECIDED = "loop.decided"


def policy_of(config: Path) -> Policy:
    """The policy of a settings file.

    Raises:
        ConfigError: there is no such file, or its policy cannot be used (``HF-E-POLICY``).
    """
    try:
        text = config.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "there is no settings file here",
            expected=f"a file {config.name}",
            got=f"path={str(config)!r}",
            remedy="`holdfast init NAME --data TABLE --target COLUMN` writes one",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the settings file cannot be read", got=f"{config.name}: {error}"
        ) from None
    return read_policy(text, config.name)


def canary_bounds(config: Path) -> dict[str, int]:
    """What the servers ask of a canary's time: its policy's ``canary.max_p99``.

    Args:
        config: the settings file.

    Returns:
        Model name -> microseconds; empty where no model is named or nothing is asked.

    Raises:
        ConfigError: the policy of the model that is named cannot be used (``HF-E-POLICY``).
    """
    model = named_model(config)
    bound = policy_of(config).canary.max_p99 if model is not None else None
    return {} if model is None or bound is None else {model: bound}


def decision_now(home: Home, model: str, policy: Policy, now: int) -> Decision:
    """What the policy says of a model now; nothing is recorded.

    Args:
        home: the open store.
        model: name of the model.
        policy: the clauses.
        now: microseconds since 1970 (UTC).
    """
    from holdfast.app.loop.look import look

    champion = home.store.catalog.champion(model)
    if champion is None:
        return decide(policy, Facts(model=model, now=now, champion=None))
    release = home.registry.open(champion.release, allow=home.settings.allow_models)
    found = look(home.store, release, model, policy, home.settings.labels, now)
    return decide(policy, found.facts)


def decision_at(store: Store, model: str, event: int) -> tuple[Decision, int]:
    """The decision that a control event recorded, and when; the last one up to that event.

    Args:
        store: an open store.
        model: name of the model.
        event: number of a control event.

    Raises:
        UsageError: nothing was decided up to then.
    """
    found = [e for e in store.control.events(model, [DECIDED]) if e.seq <= event]
    if not found:
        raise UsageError(
            "nothing was decided up to this event",
            expected="the number of a control event from the first decision on",
            got=f"event={event}",
            remedy="`holdfast release history` shows what was decided",
        )
    last = found[-1]
    clauses = msgspec.convert(last.payload["clauses"], tuple[Told, ...])
    outcome = Outcome(last.payload["decision"])
    return Decision(outcome=outcome, cause=last.payload["cause"], clauses=clauses), last.at


def as_payload(decision: Decision) -> dict[str, Any]:
    """A decision as the payload of its event, ``loop.decided``."""
    return {
        "decision": decision.outcome.value,
        "cause": decision.cause,
        "why": list(decision.why),
        "clauses": msgspec.to_builtins(decision.clauses),
    }
