"""Which release answers for which model, kept up to date while serving.

Five times a second the pointers are read (one cheap query). A new champion is opened and verified
in a thread while the old one goes on answering; then one reference is exchanged. A release that
cannot be opened leaves the old one in place, is reported, and is not tried again until the pointer
moves. Standby, canary and shadow are kept open beside the champion: after a rollback the standby
answers without being opened first.
A canary that was stopped here is told as often, and one that was stopped in another worker stops
here too, in a look of its own that no opening of a release holds up.
Fields that were switched off meanwhile change what answers in the same way; while none is, the
champion's own scorer answers and nothing is added to a request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec

from holdfast.errors import HoldfastError, RequestError
from holdfast.serving.canary import Canary
from holdfast.serving.ports import Champion, ChampionSource

log = logging.getLogger("holdfast.serving")


class Lineup:
    """The champions of this worker.

    Args:
        source: where champions come from.
        every: seconds between looks at the pointers.
        max_p99: model name -> microseconds of scoring that 99 of 100 requests to its canary may
            take for a row.
    """

    def __init__(
        self,
        source: ChampionSource,
        *,
        every: float = 0.2,
        max_p99: Mapping[str, int] | None = None,
    ) -> None:
        self._source = source
        self._max_p99 = max_p99 or {}
        self._every = every
        self._champions: dict[str, Champion] = {}
        self._whole: dict[str, Champion] = {}
        self._failed: dict[str, tuple[tuple[str, int], str]] = {}
        self._warm: dict[tuple[str, str], Champion] = {}
        self._cold: set[tuple[str, str]] = set()
        self._canaries: dict[str, Canary] = {}
        self._shadows: dict[str, Champion] = {}
        self.loaded = False

    def get(self, model: str) -> Champion:
        """The champion of a model.

        Raises:
            RequestError: 404 when the model is unknown here; 503 when its champion does not open.
        """
        champion = self._champions.get(model)
        if champion is not None:
            return champion
        if model in self._failed:
            raise RequestError(
                "the champion of this model cannot be opened",
                status=503,
                code="HF-E-RELEASE-UNAVAILABLE",
                got=self._failed[model][1],
                remedy="see the server's log; roll back or promote a sound release",
            )
        known = sorted(self._champions)
        raise RequestError(
            "there is no such model here",
            status=404,
            code="HF-E-REQUEST-MODEL",
            expected=f"one of {', '.join(known[:20])}" if known else "a model with a champion",
            got=f"model={model[:80]!r}",
            remedy="promote a release of this model: holdfast release promote",
        )

    def canary(self, model: str) -> Canary | None:
        """The canary of a model, if it has one."""
        return self._canaries.get(model)

    def shadow(self, model: str) -> Champion | None:
        """The shadow of a model, if it has one."""
        return self._shadows.get(model)

    @property
    def champions(self) -> dict[str, Champion]:
        """Model name -> champion, as of now."""
        return self._champions

    @property
    def failures(self) -> dict[str, str]:
        """Model name -> why its champion does not open."""
        return {model: why for model, (_, why) in self._failed.items()}

    def refresh(self) -> None:
        """Look at the pointers and load what changed. Blocking; call it in a thread."""
        pointers = self._source.pointers()
        current = dict(self._champions)
        changed = False
        for model, (release, revision) in pointers.items():
            have = current.get(model)
            if have is not None and (have.release, have.revision) == (release, revision):
                continue
            if self._failed.get(model, (None, ""))[0] == (release, revision):
                continue
            try:
                warm = self._warm.get((model, release))
                champion = (
                    self._source.load(model, release, revision)
                    if warm is None
                    else msgspec.structs.replace(warm, revision=revision)
                )
            except HoldfastError as error:
                log.error("champion of %r does not open: %s", model, error)
                self._failed[model] = ((release, revision), f"{error.code} {error.message}")
                continue
            self._failed.pop(model, None)
            self._whole[model] = champion
            current[model] = champion
            changed = True
            self._source.acknowledge(champion)
        for model in set(current) - set(pointers):
            del current[model], self._whole[model]
            changed = True
        off = self._source.switches()
        for model, champion in current.items():
            wanted = off.get(model, ())
            if champion.off != wanted:
                current[model] = _switched(self._whole[model], wanted)
                changed = True
        if changed:
            self._champions = current
        self.loaded = True
        self._refresh_others()

    def _refresh_others(self) -> None:
        """Keeps standby, canary and shadow open; after the champions, which come first."""
        wanted: set[tuple[str, str]] = set()
        canaries: dict[str, Canary] = {}
        shadows: dict[str, Champion] = {}
        for model, roles in self._source.roles().items():
            champion = self._champions.get(model)
            if champion is None:
                continue
            names = {roles.standby, roles.canary, roles.shadow, champion.release} - {None}
            wanted |= {(model, name) for name in names if name is not None}
            canary = self._opened(model, roles.canary)
            if canary is not None:
                canaries[model] = self._canary(canary, champion, roles.share)
            shadow = self._opened(model, roles.shadow)
            if shadow is not None:
                shadows[model] = shadow
            self._opened(model, roles.standby)
            self._warm.setdefault((model, champion.release), self._whole[model])
        self._warm = {key: found for key, found in self._warm.items() if key in wanted}
        self._cold &= wanted
        self._canaries, self._shadows = canaries, shadows

    def _canary(self, release: Champion, champion: Champion, share: float) -> Canary:
        known = self._canaries.get(champion.model)
        if known is None or known.release.release != release.release:
            bound = self._max_p99.get(champion.model)
            return Canary(msgspec.structs.replace(release, instead=champion), share, bound)
        known.share = share
        known.release = msgspec.structs.replace(release, instead=champion)
        return known

    def stop_canaries(self) -> None:
        """Tell which canaries were stopped here, stop those of others. Blocking, and never long."""
        canaries = self._canaries
        for canary in canaries.values():
            if canary.tripped:
                self._source.tripped(canary.release, canary.guard, canary.tripped)
        stopped = self._source.stopped()
        for model, canary in canaries.items():
            told = stopped.get((model, canary.release.release))
            if told is not None:
                canary.stop(*told)

    def _opened(self, model: str, release: str | None) -> Champion | None:
        """A release kept open beside the champion; None where it does not open."""
        if release is None or (model, release) in self._cold:
            return None
        found = self._warm.get((model, release))
        if found is None:
            try:
                found = self._warm[model, release] = self._source.load(model, release, 0)
            except HoldfastError as error:
                log.error("a release of %r does not open: %s", model, error)
                self._cold.add((model, release))
        return found

    async def keep_fresh(self, also: Callable[[], None] | None = None) -> None:
        """Refresh for ever; `also` is called after each look (in the same thread)."""

        def look() -> None:
            self.refresh()
            if also is not None:
                also()

        await self._again(look)

    async def keep_guarded(self) -> None:
        """Stop canaries for ever, beside the refreshing."""
        await self._again(self.stop_canaries)

    async def _again(self, look: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._every)
            try:
                await loop.run_in_executor(None, look)
            except HoldfastError as error:
                log.warning("the store did not answer, keeping the champions: %s", error)


def _switched(champion: Champion, off: tuple[str, ...]) -> Champion:
    """The champion while some fields are off; as it is where that cannot be arranged."""
    if not off or champion.without is None:
        return msgspec.structs.replace(champion, off=off)
    try:
        scorer = champion.without(off)
    except HoldfastError as error:
        log.error("%r cannot answer without %s: %s", champion.model, ", ".join(off), error)
        return msgspec.structs.replace(champion, off=off)
    return msgspec.structs.replace(champion, scorer=scorer, off=off)
