"""The champion's realized loss: judged rows taken in as they mature, a watch over their losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.app.loop.rows import Judged
from holdfast.app.loop.state import LoopState
from holdfast.retraining.facts import LossSignal
from holdfast.retraining.losses import baseline_of, losses_of
from holdfast.retraining.losswatch import LossWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.releases import Release
    from holdfast.retraining.policy import Policy
    from holdfast.storage.training import Interval


class Watched(NamedTuple):
    """The state after a look, and what it says."""

    state: LoopState
    loss: LossSignal


def watched(
    rows: Judged,
    release: Release,
    state: LoopState,
    policy: Policy,
    spoiled: Sequence[Interval],
    now: int,
) -> Watched:
    """Takes in the rows that matured since the last look.

    How long a row takes to mature is what the policy says, or is measured once when the watch
    begins, see `Judged.delay`.

    Args:
        rows: every judged row since the champion's training; those it did not answer are skipped.
        release: the champion, opened.
        state: after the last look. Of another champion, or where rows that were judged turned out
            to be spoiled (or sound after all), the watch begins again.
        policy: the clauses.
        spoiled: the event times that were left out of `rows`.
        now: microseconds since 1970 (UTC).
    """
    cut = tuple((i.since, i.until) for i in spoiled)
    if state.release != release.id or cut != state.spoiled:
        state = LoopState(release=release.id, spoiled=cut, decided=state.decided)
    rise, baseline = policy.when.loss_increase, baseline_of(policy.metric, release.evaluation)
    if rise is None or baseline is None or not baseline.value:
        why = "the policy does not ask" if rise is None else "the release has no such metric"
        return Watched(state, LossSignal(estimate=None, why=why))
    maturity = state.maturity
    if maturity is None:
        maturity = rows.delay() if policy.when.maturity is None else policy.when.maturity
    if maturity is None:
        why = "too few outcomes have come to tell how long they take"
        return Watched(state, LossSignal(estimate=None, baseline=baseline.value, why=why))
    watch = (
        LossWatch.load(state.watch)
        if state.watch
        else LossWatch(
            baseline.value, baseline.high or baseline.value,
            rise=rise.min, confidence=rise.confidence,
        )
    )  # fmt: skip
    mature, when = rows.matured(maturity, now)
    mine = mature.table.column("release").to_numpy(zero_copy_only=False) == release.id
    new = mine & (when > state.until)
    part = mature.part(new)
    losses = losses_of(
        policy.metric, part.bad == 1.0, part.score,
        threshold=release.threshold, costs=release.costs,
    )  # fmt: skip
    watch.update(losses, part.received)
    latest = max([state.until, *when[-1:].tolist()])
    state = msgspec.structs.replace(
        state, until=latest, maturity=maturity, rows=watch.rows, watch=watch.dump()
    )
    return Watched(state, watch.signal())
