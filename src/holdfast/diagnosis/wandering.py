"""What the world does by itself, taken off what speaks for a broken pipeline.

A broken pipeline is abrupt, sits in one column, and its values are those of the reference, altered.
The world wanders: what moves today moved before, stays where it is for a while, and takes other
columns along.
"""

from __future__ import annotations

import math

import numpy as np

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.rules.base import Found, Suspect
from holdfast.diagnosis.rules.category_renamed import STICKY
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.spells import longest_spell, spells
from holdfast.diagnosis.signatures.transforms import KNOWN

#: evidence in nats from which a column counts as moved already before the change
WANDERS = 12.0
#: a spell is out of the ordinary from so many times the reference's longest
UNUSUAL = 2.0
#: rows lie strewn from so many times the runs that values of the reference make, and so many more
STREWN, CHANCE_RUNS = 1.5, 3.0
#: other columns moved along, when one did by this share of what the guilty one did, and by this
ALONG, LEAST_ALONG = 0.35, 40.0
#: what explains a column so much better than a movement of shares is a signature of its own
SIGNATURE = 1.3
#: in a column whose own streams are quiet, a smaller share of rows is what tails bring
FEW = 0.01
#: price in nats a row of a vague suspect in such a column: its streams would have told
QUIET = 0.01
#: by so much, in nats, is what drift or a spell imitates less likely than drift itself
IMITATED = 15.0
#: kinds that a run of equal values imitates
SPELLS = frozenset({"stuck", "default_filled", "clipped", "lost_segment", "encoding_permuted"})
#: kinds whose evidence is counted by rows
OF_ROWS = frozenset({"precision_loss", "stale_misaligned", "unknown", "timezone_shift"})
#: kinds that a drift of many columns imitates
VAGUE = frozenset(
    {
        "unit_scale", "encoding_permuted", "stuck", "default_filled", "clipped", "outliers",
        "stale_misaligned", "timezone_shift", "column_swap", "unknown",
    }
)  # fmt: skip


def its_like(suspect: Suspect, scene: Scene, name: str) -> float:
    """What a fault of the same kind, of any size, would have explained before the change, in nats.

    A column that stood still at another value before, or lay far from the reference, does so by
    nature.
    """
    sound = scene.sound
    if sound is None or suspect.cause.class_ != "pipeline":
        return 0.0
    if name and sound.looks[name].moved <= WANDERS:
        return 0.0
    found = sound.keep(f"like {suspect.cause.kind}", lambda s: _of_kind(s, suspect.cause.kind))
    like = [s.nats for s in found if s.cause.features[:1] == suspect.cause.features[:1]]
    return max(0.0, *like, 0.0) * scene.rows / sound.rows


def _of_kind(scene: Scene, kind: str) -> list[Suspect]:
    rule = next(rule for rule in RULES if rule.kind == kind)
    return [s for s in rule.weigh(scene) if math.isfinite(s.value)]


def tempered(suspect: Suspect, where: Scene) -> Suspect:
    """A suspect that a sticky column imitates, with what is left of its evidence.

    Rows of one spell are one observation: of a column whose values stay for long, evidence counts
    by spells, and spells no longer than the reference knows them say nothing at all, unless the
    rows lie strewn between other values.
    """
    cause = suspect.cause
    if not cause.features or cause.class_ != "pipeline":
        return suspect
    look = where.looks.get(cause.features[0])
    if look is None:
        return suspect
    if look.name not in where.crossed and suspect.weight is not None:
        since = suspect.weight[int(np.argmax(suspect.weight > 0.0)) :]
        if len(since) and float(since.mean()) < FEW:
            return suspect._replace(nats=min(suspect.nats, 0.0))
    if cause.kind in VAGUE and not where.apart and not where.told(look.name):
        suspect = suspect._replace(nats=suspect.nats - QUIET * where.whole.rows)
    sticky = _sticky(look)
    if sticky < STICKY:
        return suspect
    if cause.kind in SPELLS:
        nats = suspect.nats * max(1.0 - sticky, spells(look.values) / len(look.values))
        as_usual = longest_spell(look.values) <= UNUSUAL * look.face.spell
        if as_usual and not strewn(suspect, sticky):
            nats = min(nats, look.drifted) - IMITATED
        return suspect._replace(nats=nats)
    if cause.kind in OF_ROWS:
        return suspect._replace(nats=suspect.nats * spells(look.values) / len(look.values))
    if cause.kind == "unit_scale" and suspect.prior < KNOWN:
        return suspect._replace(nats=min(suspect.nats, look.drifted) - IMITATED)
    return suspect


def _sticky(look: Look) -> float:
    """How much more often than by chance a value stays; a column of one number stays for good.

    Of one category alone an unseen one is news, and no spell of a known one.
    """
    return 1.0 if look.is_number and look.face.distinct <= 1 else look.face.sticky


def strewn(suspect: Suspect, sticky: float) -> bool:
    """Whether the accused rows lie in more runs than values that stay so long would make.

    Args:
        suspect: with the weight of each row.
        sticky: how much more often than by chance a value of the column stays, 0 to 1.
    """
    if suspect.weight is None:
        return False
    accused = suspect.weight > 0.5
    runs = int(accused[:1].sum()) + int(np.count_nonzero(accused[1:] & ~accused[:-1]))
    return runs > STREWN * (1.0 - sticky) * int(accused.sum()) + CHANCE_RUNS


def moved_along(best: Found, scene: Scene, everywhere: Found | None = None) -> None:
    """Of columns that moved together without a signature of their own, drift is the explanation.

    Args:
        best: the suspects, changed in place.
        scene: all rows; those of a segment differ from the reference in many columns anyway.
        everywhere: the suspects on all rows, where `best` are those of a segment.
    """
    known = best if everywhere is None else everywhere
    moved = [k for k in scene.looks.values() if k.drifted > LEAST_ALONG]
    plain = [k for k in moved if not _has_signature(known, k)]
    for key, (suspect, where) in best.items():
        cause = suspect.cause
        if cause.kind not in VAGUE or cause.class_ != "pipeline" or not cause.features:
            continue
        own = scene.looks[cause.features[0]].drifted
        others = [k.drifted for k in plain if k.name not in cause.features]
        if max(others, default=0.0) > ALONG * own:
            nats = min(suspect.nats, max(0.0, own) - IMITATED)
            best[key] = suspect._replace(nats=nats), where


def _has_signature(best: Found, look: Look) -> bool:
    """Whether some fault explains this column much better than a movement of its shares."""
    least = SIGNATURE * look.drifted
    return any(
        name == look.name and suspect.cause.class_ == "pipeline" and suspect.nats > least
        for (_, name), (suspect, _) in best.items()
    )
