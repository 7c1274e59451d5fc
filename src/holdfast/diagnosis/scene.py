"""The rows since the change point against the portrait: prepared once, looked at by every rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Evidence, Sample
from holdfast.diagnosis.look import ALONG, LEAST_R2, Drift, Look, T, Tilt
from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.signatures.answers import Answers
from holdfast.diagnosis.signatures.bonds import Bonds
from holdfast.frames.values import ValueKind, Values
from holdfast.profiles.portrait import ColumnPortrait, Portrait
from holdfast.profiles.portrait_cells import unpack4

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: a column that moved by less than this share of the one that moved most is not looked at closely
HARDLY = 0.01
#: columns looked at for every kind of fault, beside those that crossed
CLOSELY = 6
#: the first part of the rows before the change is taken for sound, if it is long enough
EARLIER, LEAST_EARLIER = 0.75, 60
#: columns looked at one value after another
BROKEN = 5
#: what a column must have lost of its bonds, in nats, before it is looked at for that alone
LOST = 15.0
#: evidence in nats from which a column counts as moved
SURE = 5.0


class Scene:
    """All columns of the rows since the change point, and where to look closely.

    Attributes:
        evidence, portrait, now, before: as given.
        rows: rows since the change point.
        whole: the scene of all rows, when this one is only about the first of them.
        apart: set if these are the rows of one segment, whose columns are no sample of the whole:
            the one column looked at.
        few: whether only few columns are asked about.
        looks: by name, the columns that both the rows and the portrait have.
    """

    def __init__(
        self,
        evidence: Evidence,
        now: Sample,
        portrait: Portrait,
        whole: Scene | None = None,
        *,
        apart: str = "",
        few: bool = False,
    ) -> None:
        self.whole = whole or self
        self.apart = apart
        self.few = few or bool(apart)
        self.evidence = evidence
        self.now = now
        self.before = evidence.before
        self.portrait = portrait
        self.rows = now.rows
        self.kept: dict[str, Any] = {}
        self.looks = {
            name: Look(self, name, face, now.columns[name])
            for name, face in portrait.columns.items()
            if name in now.columns and now.columns[name].kind is face.kind
        }

    def keep(self, key: str, make: Callable[[Scene], T]) -> T:
        """What `make` makes of the rows, made once."""
        if key not in self.kept:
            self.kept[key] = make(self)
        made: T = self.kept[key]
        return made

    @cached_property
    def features(self) -> FloatArray:
        """Shape (n, F): features of all columns of the portrait, zeros for columns not there."""
        if self.whole is not self and "features" in self.whole.__dict__:
            return self.whole.features[: self.rows]
        parts = []
        for name, face in self.portrait.columns.items():
            look = self.looks.get(name)
            if look is not None:
                ranks = look.ranks if look.is_number else None
                parts.append(face.features_of(look.values, look.cells, ranks))
            else:
                parts.append(
                    np.zeros((self.rows, face.features_of(_one_null(face), _NONE).shape[1]))
                )
        return np.hstack(parts) if parts else np.zeros((self.rows, 0))

    @cached_property
    def guesses(self) -> dict[str, FloatArray]:
        """By column, the level that the other columns of each row predict: all columns at once."""
        asked = [k for k in self.looks.values() if k.face.weights and k.face.r2 >= LEAST_R2]
        if not asked:
            return {}
        weights = np.stack([unpack4(k.face.weights) for k in asked], axis=1)
        guesses = self.features.astype(np.float32) @ weights.astype(np.float32)
        return {
            k.name: guesses[:, i].astype(np.float64) + k.face.intercept for i, k in enumerate(asked)
        }

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """By column, its place among the features."""
        out, at = {}, 0
        for name, face in self.portrait.columns.items():
            width = face.features_of(_one_null(face), _NONE).shape[1]
            out[name] = slice(at, at + width)
            at += width
        return out

    @cached_property
    def bonds(self) -> Bonds:
        """Which columns no longer go together."""
        return Bonds(self)

    def hangs_on(self, name: str) -> str:
        """The column that broke a column's bonds in its stead; empty when there is none."""
        return "" if self.apart else self.bonds.hangs_on(name)

    @cached_property
    def drifts(self) -> dict[str, Drift]:
        """By column, how far its sound values moved: all columns at once."""
        return self._drifts(list(self.looks.values()))

    def drift(self, name: str) -> Drift:
        """How far the sound values of one column moved."""
        if not self.few or "drifts" in self.__dict__:
            return self.drifts[name]
        return self.keep(f"drift of {name}", lambda s: s._drifts([s.looks[name]])[name])

    def _drifts(self, looks: list[Look]) -> dict[str, Drift]:
        if not looks:
            return {}
        width = max(len(k.ordinary) for k in looks)
        counts, shares = np.zeros((len(looks), width)), np.zeros((len(looks), width))
        along = np.zeros((len(looks), 3, width))
        for i, look in enumerate(looks):
            usual = look.ordinary
            counts[i, : len(usual)] = look.counts[usual]
            shares[i, : len(usual)] = look.shares[usual] / look.shares[usual].sum()
            along[i, :, : len(usual)] = look.directions()[:, usual]
        free = movement.learned(counts, shares)
        free -= [k.table_noise(0.5 * len(k.ordinary)) for k in looks]
        gains, sizes = movement.tilted(counts[:, None, :], shares[:, None, :], along)
        single = movement.grown(counts, shares)
        out = {}
        for i, look in enumerate(looks):
            best = int(gains[i].argmax())
            tilt = Tilt(0.0, 0.0, "")
            if gains[i, best] > 0.0:
                tilt = Tilt(float(gains[i, best]), float(sizes[i, best]), ALONG[best])
            out[look.name] = Drift(max(float(free[i]), tilt.nats, float(single[i])), tilt)
        return out

    @cached_property
    def answers(self) -> Answers:
        """Scores and labels of all rows."""
        return Answers(self) if self.whole is self else self.whole.answers

    @cached_property
    def sound(self) -> Scene | None:
        """The first rows from before the change, taken for sound; None when there are too few."""
        if self.before is None or EARLIER * self.before.rows < LEAST_EARLIER:
            return None
        rows = self.before.first(int(EARLIER * self.before.rows))
        return Scene(
            msgspec.structs.replace(self.evidence, before=None), rows, self.portrait, few=True
        )

    def gain_before(self, again: Callable[[Scene], FloatArray], share: float) -> float:
        """What an explanation would gain on as many rows from before the change, in nats.

        The reference knows a column only roughly, and life may have moved since; what an
        explanation gains on rows that were all in order is no evidence. 0 where it loses.

        Args:
            again: the log ratio of the explanation on other rows.
            share: of the rows that it explains.
        """
        if self.sound is None or share <= 0.0:
            return 0.0
        ratio = np.exp(np.clip(again(self.sound), -60.0, 60.0))
        rise = np.log(1.0 - share + share * ratio + 1e-12)
        return max(0.0, float(rise.mean())) * self.rows

    @cached_property
    def crossed(self) -> dict[str, float]:
        """Columns whose streams crossed (not those of labels), with their strongest evidence."""
        out: dict[str, float] = {}
        for m in self.evidence.moved:
            if m.field in self.looks and m.code != "label":
                out[m.field] = max(out.get(m.field, 0.0), m.nats)
        return dict(sorted(out.items(), key=lambda item: -item[1]))

    @cached_property
    def close(self) -> list[Look]:
        """The columns to look at for every kind of fault, most moved first."""
        if self.apart:
            return [self.looks[self.apart]]
        ranked = sorted(self.looks.values(), key=lambda k: -k.moved)
        least = max(0.0, HARDLY * ranked[0].moved) if ranked else 0.0
        chosen = [k for k in ranked[:CLOSELY] if k.moved > least]
        crossed = [self.looks[name] for name in list(self.crossed)[:CLOSELY]]
        late = [k for k in crossed if k not in chosen]  # crossed, though their shares barely moved
        return [*chosen[:2], *late[:2], *chosen[2:], *late[2:]]

    @cached_property
    def broken(self) -> list[Look]:
        """Of those, the columns whose values changed for sure: crossed, or moved on their own."""
        return [k for k in self.close if k.moved > SURE or k.name in self.crossed][:BROKEN]

    def told(self, name: str) -> bool:
        """Whether any stream of a column crossed, be it of labels."""
        return any(m.field == name for m in self.evidence.moved)

    @cached_property
    def asked(self) -> list[Look]:
        """Columns with any sign of a change: those looked at closely, moved, or with a stream."""
        if self.apart:
            return self.close
        fields = {m.field for m in self.evidence.moved} | {k.name for k in self.close}
        lost = self.bonds.lost
        return [
            k
            for k in self.looks.values()
            if k.name in fields or k.drifted > 0.0 or sum(lost.get(k.name, {}).values()) > LOST
        ]

    def shows(self, name: str) -> bool:
        """Whether values of a feature may appear in sentences."""
        return name in self.evidence.shown


_NONE = np.zeros(1, np.int64)


def _one_null(face: ColumnPortrait) -> Values:
    state = np.ones(1, np.uint8)
    if face.kind is ValueKind.NUMBER:
        return Values(face.kind, state, numbers=np.full(1, np.nan))
    return Values(face.kind, state, codes=np.full(1, -1))
