"""Which columns no longer go together, and which of two that parted broke the bond.

A column that is served from other rows loses its bond to every other column; one that merely hangs
on such a column loses one. So the covariance of each column's level with the features of every
other column is held against the reference's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.profiles.portrait_cells import unpack4

if TYPE_CHECKING:
    from holdfast.diagnosis.scene import Scene

#: so many times more of other bonds must a partner have lost to be the one at fault
ELSEWHERE = 3.0
#: what a partner must have lost elsewhere, or moved itself, before it is suspected
LEAST = 15.0
#: a column that moved by more than this share of its partner's movement answers for itself
OWN = 0.2
ROWS = 8


class Bonds:
    """The broken bonds of all columns of some rows.

    Attributes:
        lost: by column and other column, how far the covariance with its features changed:
            chi-squared less three times its degrees of freedom, at least 0.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.lost: dict[str, dict[str, float]] = {}
        asked = [k for k in scene.looks.values() if k.face.profile and k.ratios.size]
        if not asked or scene.rows < ROWS:
            return
        levels = np.stack([k.centred for k in asked])
        features = scene.features - scene.features.mean(0)
        heads = np.maximum((levels != 0.0).sum(1, keepdims=True), 1)
        then = np.stack([unpack4(k.face.profile) for k in asked])
        spread = np.maximum((levels**2) @ (features**2), 1e-9)
        change = (levels @ features - heads * then) ** 2 / spread
        starts = np.array([b.start for b in scene.blocks.values()])
        widths = np.array([b.stop - b.start for b in scene.blocks.values()])
        padded = np.concatenate((change, np.zeros((len(asked), 1))), axis=1)
        sums = np.add.reduceat(padded, starts, axis=1)
        sums = np.where(widths > 0, np.maximum(sums - 3.0 * widths - 3.0, 0.0), 0.0)
        for i, look in enumerate(asked):
            pairs = zip(scene.blocks, sums[i].tolist(), strict=True)
            self.lost[look.name] = {name: value for name, value in pairs if name != look.name}

    def hangs_on(self, name: str) -> str:
        """The column that broke a column's bonds in its stead; empty when there is none.

        The column lost little but its bond to one other, which lost others too or moved itself.
        """
        mine = self.lost.get(name, {})
        strongest = max(mine, key=lambda other: mine[other], default="")
        if not strongest or mine[strongest] <= 0.0 or strongest not in self.scene.looks:
            return ""
        total = sum(mine.values())
        rest = total - mine[strongest]
        theirs = sum(v for n, v in self.lost.get(strongest, {}).items() if n != name)
        own = max(0.0, self.scene.looks[name].moved)
        moved = self.scene.looks[strongest].moved
        if theirs > ELSEWHERE * rest + LEAST and own < theirs:
            return strongest
        if moved > LEAST and own < OWN * moved and rest < 0.5 * total:
            return strongest
        return ""
