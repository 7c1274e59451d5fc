"""Consecutive rows in doubt, and why."""

from __future__ import annotations

import msgspec


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive rows that a broken pipeline seems to have written.

    Attributes:
        begin: position of the first row.
        end: position after the last row; None while the trouble goes on at the end of the rows.
        kind: as in incidents: ``unit_scale``, ``missing``, ``stuck`` ...
        features: columns that are guilty; empty: whole rows, such as rows that came twice.
        settled: whether it lasted so long that the rows after it were taken as normal.
    """

    begin: int
    end: int | None
    kind: str
    features: tuple[str, ...]
    settled: bool = False

    def sentence(self) -> str:
        """The finding in words.

        >>> Stretch(begin=10, end=510, kind="missing", features=("Job",)).sentence()
        '500 rows look broken: missing in Job'
        >>> Stretch(begin=10, end=None, kind="fanout", features=()).sentence()
        'rows look broken until the end: fanout'
        """
        where = f" in {', '.join(self.features)}" if self.features else ""
        if self.end is None:
            return f"rows look broken until the end: {self.kind}{where}"
        told = f"{self.end - self.begin:,} rows look broken: {self.kind}{where}"
        return told + ("; it stayed so, and is taken as normal since" if self.settled else "")
