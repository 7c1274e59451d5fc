"""The same rows in other batches, with a restart in between."""

from __future__ import annotations

import itertools


def stretches(rows, cuts):
    """Consecutive (low, high) from 0 to `rows`, cut at `cuts`."""
    edges = [0, *sorted({c for c in cuts if 0 < c < rows}), rows]
    return list(itertools.pairwise(edges))


def run(make, observe, rows, cuts, restart=None):
    """What `observe(bank, low, high)` finds over all rows, restarted at row `restart`."""
    bank, found = make(), []
    for low, high in stretches(rows, [*cuts, *([] if restart is None else [restart])]):
        if low == restart:
            data = bank.dump()
            bank = make()
            bank.load(data)
        found += observe(bank, low, high)
    return bank, found


def plainly(found):
    """Crossings as tuples, in the order of rows."""
    lines = [(x.group, x.row, x.onset, round(x.nats, 9), x.bet, x.over, x.last) for x in found]
    return sorted(lines, key=lambda x: (x[1], x[5], x[0]))
