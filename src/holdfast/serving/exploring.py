"""Exploration: a small share of the rows that would be decided otherwise gets the other decision.

Where a decision keeps the outcome from ever being known (a refused loan cannot default), nothing
can be learned about the rows that get it. The rows explored have their outcome all the same, and
the logged probability of each decision says how many others each of them stands for.
"""

from __future__ import annotations

import logging
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from holdfast.contracts.model import Outcome
from holdfast.serving.canary import place
from holdfast.serving.ports import AnswerLike, Champion

log = logging.getLogger("holdfast.serving")


class Exploration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is explored.

    Attributes:
        share: of the rows that would be decided otherwise, above 0 and at most 0.5.
        decision: the decision that they get, one of the release's two.
        key: draws another slice when it is changed; kept secret, nobody can tell beforehand who
            is in it.
    """

    share: Annotated[float, Meta(gt=0, le=0.5)]
    decision: Annotated[str, Meta(min_length=1, max_length=200)]
    key: str = ""


class Drawn(NamedTuple):
    """The decision that is given.

    Attributes:
        decision: the model's, or the explored one; None when nothing was answered.
        explored: whether it is not the model's.
        propensity: probability with which a row decided like this one by the model gets this
            decision, in (0, 1]; 1 for a row that is never explored.
    """

    decision: str | None
    explored: bool
    propensity: float


class Explorer:
    """Draws the rows that are explored.

    The draw is a keyed hash of the entity, else of the prediction's id, as a canary's is: the same
    one is always drawn alike, and the share is exceeded by no more than the chance of the hash.

    Args:
        asked: what is explored.
    """

    def __init__(self, asked: Exploration) -> None:
        self._asked = asked
        self._told: set[str] = set()

    def draw(self, champion: Champion, answer: AnswerLike, whose: str) -> Drawn:
        """The decision for one answer.

        Only whole answers are explored: not a degraded or abstained one, not a fallback's, and
        none while an incident has switched a field off.

        Args:
            champion: the release that answered.
            answer: what it said.
            whose: the row's entity, else the id of the prediction.

        Example:
            >>> from holdfast.releases.answer import Answer
            >>> champion = Champion("loan", "r1", "c1", 1, None, None, decisions=("yes", "no"))
            >>> explorer = Explorer(Exploration(share=0.25, decision="yes"))
            >>> refused = Answer(0.9, "no", Outcome.OK)
            >>> [explorer.draw(champion, refused, f"c{n}").decision for n in range(6)]
            ['yes', 'no', 'yes', 'no', 'no', 'no']
            >>> explorer.draw(champion, Answer(0.1, "yes", Outcome.OK), "c1")
            Drawn(decision='yes', explored=False, propensity=1.0)
        """
        asked = self._asked
        if (
            answer.decision is None
            or answer.decision == asked.decision
            or answer.verdict is not Outcome.OK
            or answer.fallback is not None
            or champion.off
        ):
            return Drawn(answer.decision, False, 1.0)
        if asked.decision not in champion.decisions:
            self._tell(champion)
            return Drawn(answer.decision, False, 1.0)
        # the separators keep key and model apart, and this draw from that of any canary
        if place(f"explore\x00{asked.key}\x00{champion.model}", whose) < asked.share:
            return Drawn(asked.decision, True, asked.share)
        return Drawn(answer.decision, False, 1.0 - asked.share)

    def _tell(self, champion: Champion) -> None:
        if champion.release not in self._told:
            self._told.add(champion.release)
            log.warning(
                "%r is not explored: its release decides %s, never %r",
                champion.model, " or ".join(map(repr, champion.decisions)), self._asked.decision,
            )  # fmt: skip
