"""Values of another type than in training: numbers as texts, lists as strings."""

from __future__ import annotations

import msgspec
import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, Suspect, pipeline
from holdfast.diagnosis.rules.missing import rising_state
from holdfast.diagnosis.scene import Scene
from holdfast.frames.values import WRONG

PRIOR = -1.0
#: values looked at for how they are written
PEEK = 30


def match(evidence: Evidence) -> Cause | None:
    """The share of values of a wrong type is up."""
    moved = evidence.rising("type")
    if not moved:
        return None
    values = evidence.values.get(moved[0].field)
    words = "of the wrong type"
    because = "values do not have the type that training had"
    if values is not None and values.texts == 1.0:
        words = "arriving as text"
        if values.number_texts > 0.9:
            because = "numbers arrive written as text"
    return pipeline("dtype_change", moved, words, 0.9, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Each column whose rows turn into something that is no number."""
    out = []
    for suspect in rising_state(scene, WRONG, "dtype_change", "", "wrong types", PRIOR):
        values = scene.looks[suspect.cause.features[0]].values
        style = written(values.raw(np.flatnonzero(values.state == WRONG)[:PEEK]))
        because = f"{suspect.cause.because}; {style}" if style else suspect.cause.because
        words = "arriving as text" if style else "of the wrong type"
        cause = msgspec.structs.replace(suspect.cause, words=words, because=because)
        out.append(suspect._replace(cause=cause))
    return out


def written(values: list[object]) -> str:
    """How numbers that came as texts are written; empty when they are no texts.

    >>> written(["1,5", "2,25"]), written(["7 EUR"]), written(["'3'"]), written([b"x", 3])
    ('decimal commas', 'numbers with a unit or sign beside them', 'numbers in quotes', '')
    """
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < len(values) or not texts:
        return ""
    if all(_reads(t) for t in texts):
        return "numbers written as text"
    if all(_reads(t.strip("'\"")) for t in texts):
        return "numbers in quotes"
    if all(_reads(t.replace(",", ".")) for t in texts):
        return "decimal commas"
    if sum(any(c.isdigit() for c in t) for t in texts) > 0.9 * len(texts):
        return "numbers with a unit or sign beside them"
    return "words where numbers belong"


def _reads(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


RULE = Rule("dtype_change", ("type",), match, weigh)
