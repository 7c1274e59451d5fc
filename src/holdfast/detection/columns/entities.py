"""One bet an entity: rows of the same customer in a bunch are not independent evidence.

Of the rows of one entity only one in every `WINDOW` rows is bet on: a row counts when no row of its
entity counted among the last `WINDOW` rows. Whether a row counts follows from identifiers and order
alone, before its values are looked at, so the promise then holds for entities as it does for rows.
The reference is thinned in the same way. Rows without an identifier all count. Repeats and
duplicates are about neighbouring rows and look at every row.

State: the entities that counted among the last `WINDOW` rows, at most as many.
"""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import ValueKind, Values

#: rows within which an entity counts once
WINDOW = 200


class Entities:
    """Which rows count, in the order in which they come.

    Example:
        >>> from holdfast.frames.values import read_values
        >>> seen = Entities()
        >>> seen.counted(read_values(ValueKind.CATEGORY, ["ana", "bo", "ana", None, None])).tolist()
        [True, True, False, True, True]
    """

    def __init__(self) -> None:
        self.rows = 0
        self._last: dict[int, int] = {}

    def counted(self, values: Values | None, rows: int | None = None) -> NDArray[np.bool_]:
        """Shape (n,): which rows count.

        Args:
            values: the entity of each row; None: no row has one.
            rows: how many, where `values` is None.
        """
        n = len(values) if values is not None else int(rows or 0)
        out = np.ones(n, np.bool_)
        if values is not None:
            last, row = self._last, self.rows
            for i, (key, known) in enumerate(_keys(values)):
                if known:
                    if row + i - last.get(key, -WINDOW - 1) <= WINDOW and key in last:
                        out[i] = False
                    else:
                        last[key] = row + i
        self.rows += n
        if len(self._last) > 2 * WINDOW or n >= WINDOW:
            self._forget()
        return out

    def _forget(self) -> None:
        """Lets go of entities that counted too long ago to matter."""
        oldest = self.rows - WINDOW
        self._last = {k: row for k, row in self._last.items() if row >= oldest}

    def dump(self) -> bytes:
        """The state; the same whatever the batches."""
        self._forget()
        return msgspec.msgpack.encode((self.rows, sorted(self._last.items())))

    @classmethod
    def load(cls, data: bytes) -> Entities:
        """What `dump` wrote."""
        self = cls()
        self.rows, last = msgspec.msgpack.decode(data, type=tuple[int, list[tuple[int, int]]])
        self._last = dict(last)
        return self


def _keys(values: Values) -> list[tuple[int, bool]]:
    """A number for each row's entity, and whether it has one."""
    if values.kind is ValueKind.NUMBER:
        known = values.state == 0
        bits = np.where(known, values.numbers + 0.0, 0.0).view(np.int64)
        return list(zip(bits.tolist(), known.tolist(), strict=True))
    table = [_key(name) for name in values.names]
    return [(table[c], True) if c >= 0 else (0, False) for c in values.codes.tolist()]


def _key(name: str) -> int:
    """64 bits of a name."""
    data = name.encode("utf-8", "surrogatepass")
    return zlib.crc32(data) << 32 | zlib.crc32(data[::-1], len(data))
