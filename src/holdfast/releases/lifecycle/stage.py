"""The stages of a release, and which may follow which."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Stage(enum.StrEnum):
    """Where a release stands."""

    CANDIDATE = "candidate"
    AUDITED = "audited"
    SHADOW = "shadow"
    CANARY = "canary"
    CHAMPION = "champion"
    STANDBY = "standby"
    RETIRED = "retired"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


#: stage -> the stages that may come next; the store refuses every other step by itself
ALLOWED: Mapping[Stage, frozenset[Stage]] = {
    Stage.CANDIDATE: frozenset({Stage.AUDITED, Stage.REJECTED, Stage.QUARANTINED}),
    Stage.AUDITED: frozenset({Stage.SHADOW, Stage.CHAMPION, Stage.REJECTED, Stage.QUARANTINED}),
    Stage.SHADOW: frozenset({Stage.CANARY, Stage.CHAMPION, Stage.REJECTED, Stage.QUARANTINED}),
    Stage.CANARY: frozenset({Stage.CHAMPION, Stage.REJECTED, Stage.QUARANTINED}),
    Stage.CHAMPION: frozenset({Stage.STANDBY, Stage.QUARANTINED}),
    Stage.STANDBY: frozenset({Stage.CHAMPION, Stage.RETIRED, Stage.QUARANTINED}),
    Stage.RETIRED: frozenset(),
    Stage.REJECTED: frozenset(),
    Stage.QUARANTINED: frozenset(),
}
