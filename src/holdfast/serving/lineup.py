"""Which release answers for which model, kept up to date while serving.

Twice a second the pointers are read (one cheap query). A new champion is opened and verified in a
thread while the old one goes on answering; then one reference is exchanged. A release that cannot
be opened leaves the old one in place, is reported, and is not tried again until the pointer moves.
Fields that were switched off meanwhile change what answers in the same way; while none is, the
champion's own scorer answers and nothing is added to a request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from holdfast.errors import HoldfastError, RequestError
from holdfast.serving.ports import Champion, ChampionSource

log = logging.getLogger("holdfast.serving")


class Lineup:
    """The champions of this worker.

    Args:
        source: where champions come from.
        every: seconds between looks at the pointers.
    """

    def __init__(self, source: ChampionSource, *, every: float = 0.5) -> None:
        self._source = source
        self._every = every
        self._champions: dict[str, Champion] = {}
        self._whole: dict[str, Champion] = {}
        self._failed: dict[str, tuple[tuple[str, int], str]] = {}
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
                champion = self._source.load(model, release, revision)
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

    async def keep_fresh(self, also: Callable[[], None] | None = None) -> None:
        """Refresh for ever; `also` is called after each look (in the same thread)."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._every)
            try:
                await loop.run_in_executor(None, self.refresh)
                if also is not None:
                    await loop.run_in_executor(None, also)
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
