"""The pages of a model's releases: the timeline, one release, and the two moves made from there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.history import history_of
from holdfast.app.mounting import nothing, page, version
from holdfast.app.standing import standing
from holdfast.errors import HoldfastError, ReleaseError, RequestError
from holdfast.releases.history import TOPICS
from holdfast.releases.history_words import short
from holdfast.serving.routes import RELEASE, Route

if TYPE_CHECKING:
    from holdfast.app.cases import StoreCases
    from holdfast.serving.gate import Request
    from holdfast.serving.service import Page
    from holdfast.storage import Store

_HISTORY = "/models/{model}/history"
_RELEASE = "/models/{model}/releases/{release}"
#: what a form may ask for
_MOVES = ("promote", "rollback")


class ReleasePages:
    """History and releases of a model, and the forms that promote and roll back.

    Args:
        store: open for writing.
        cases: its incidents.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(self, store: Store, cases: StoreCases, clock: Callable[[], int]) -> None:
        from holdfast.releases import Registry

        self._store = store
        self._cases = cases
        self._clock = clock
        self._registry: Registry = Registry(store, now=clock)

    def mounted(self) -> list[Page]:
        """Every page with its line of the table of routes."""
        from holdfast.serving.service import Page
        from holdfast.web.history import ALL
        from holdfast.web.release import LONGEST_REASON

        return [
            page(
                _HISTORY,
                "history_page",
                "Page of a model's history: what happened, who decided it and why.",
                self.history,
                query={
                    "kind": {"type": "string", "enum": [ALL, *TOPICS]},
                    "page": {"type": "integer", "minimum": 1, "maximum": 999_999},
                },
            ),
            page(
                _RELEASE,
                "release_page",
                "Page of a release: its stage, what speaks for and against it, where it is from.",
                lambda request: self.release(request.names["model"], request.names["release"]),
                forms=True,
            ),
            Page(
                Route(
                    method="POST",
                    path=_RELEASE,
                    roles=RELEASE,
                    name="move_release",
                    summary="Promote a release or roll it back from its page: with a reason.",
                    page=True,
                    form={
                        "move": {"type": "string", "enum": list(_MOVES)},
                        "seen": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
                        "reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON},
                    },
                ),
                self.move,
            ),
        ]

    def history(self, request: Request) -> bytes:
        """The timeline of a model."""
        from holdfast.serving.forms import query
        from holdfast.web.history import ALL, history_page

        model = request.names["model"]
        if model not in self._store.catalog.models():
            raise nothing("model", model)
        asked = query(request)
        topic, number = asked.get("kind", ALL), asked.get("page", "1")
        if topic not in (ALL, *TOPICS) or not (number.isascii() and number.isdigit()):
            raise RequestError(
                "there is no such part of the history",
                status=422,
                code="HF-E-REQUEST-FIELDS",
                expected=f"kind: {', '.join((ALL, *TOPICS))}; page: 1, 2, 3 ...",
                got=f"kind={topic[:40]!r}, page={number[:20]!r}",
                remedy="follow the links of the page",
            )
        return history_page(
            model=model,
            entries=history_of(self._store, model),
            releases=self._ids(model),
            incidents=self._incidents(model),
            topic=topic,
            page=max(int(number[:6]), 1),
            now=self._clock(),
            version=version(),
        )

    def release(
        self,
        model: str,
        release: str,
        *,
        refused: dict[str, Any] | None = None,
        reason: str = "",
    ) -> bytes:
        """The page of one release."""
        from holdfast.web.release import release_page

        ids = self._ids(model)
        if release not in ids:
            raise nothing("release of this model", release)
        now = self._clock()
        return release_page(
            model=model,
            release=msgspec.to_builtins(standing(self._store, self._registry, model, release, now)),
            entries=[e for e in history_of(self._store, model) if short(release) in e.sentence],
            releases=ids,
            incidents=self._incidents(model),
            refused=refused,
            reason=reason,
            now=now,
            version=version(),
        )

    async def move(self, request: Request) -> int:
        """POST of a form: the history on success, else the page with what was refused."""
        from holdfast.serving.decide import NOBODY
        from holdfast.serving.forms import form
        from holdfast.serving.limits import Limits
        from holdfast.serving.replies import NO_STORE, reply
        from holdfast.web.page import headers, segment
        from holdfast.web.release import LONGEST_REASON

        given = await form(request, Limits())
        model, release = request.names["model"], request.names["release"]
        move, seen = given.get("move", ""), given.get("seen", "")[:9]
        reason = " ".join(given.get("reason", "").split())
        if move not in _MOVES or not (seen.isascii() and seen.isdigit()):
            raise RequestError(
                "this cannot be done to a release",
                status=422,
                code="HF-E-REQUEST-FIELDS",
                expected=f"move: {', '.join(_MOVES)}; seen: the revision of the lifecycle",
                got=f"move={move[:40]!r}, seen={seen!r}",
                remedy="use the form of the page",
            )
        loop = asyncio.get_running_loop()
        try:
            if not 0 < len(reason) <= LONGEST_REASON:
                raise RequestError(
                    "a move needs a reason that others will read",
                    status=422,
                    code="HF-E-REQUEST-DECISION",
                    expected=f"a reason of 1 to {LONGEST_REASON} characters",
                    got=f"{len(reason)} characters",
                    remedy="say why, in your own words",
                )
            how = {"reason": reason, "by": request.who or NOBODY}
            await loop.run_in_executor(
                None, functools.partial(self._moved, model, release, move, int(seen), **how)
            )
        except (ReleaseError, RequestError) as error:
            status = error.status if isinstance(error, RequestError) else 409
            if status not in (409, 422):
                raise
            body = await loop.run_in_executor(None, self._refused, model, release, error, reason)
            await reply(request.send, body, status, headers(forms=True))
            return status
        there = _HISTORY.replace("{model}", segment(model)).encode()
        await reply(request.send, b"", 303, ((b"location", there), NO_STORE))
        return 303

    def _moved(
        self, model: str, release: str, move: str, seen: int, *, reason: str, by: str
    ) -> None:
        if release not in self._ids(model):
            raise nothing("release of this model", release)
        now = standing(self._store, self._registry, model, release, self._clock())
        if now.rev != seen:
            raise ReleaseError(
                f"the lifecycle of {model!r} has moved since this page was shown",
                code="HF-E-STORE-REVISION",
                expected=f"revision {seen}",
                got=f"revision {now.rev}",
                remedy="look at what has happened below, and decide again",
            )
        if (now.champion == release) is (move == "promote"):
            raise ReleaseError(
                f"release {release[:12]} answers already"
                if move == "promote"
                else f"release {release[:12]} does not answer, so there is nothing to go back from",
                code="HF-E-LIFECYCLE",
                expected="a release that does not answer"
                if move == "promote"
                else f"champion={release[:12]}",
                got=f"champion={now.champion and now.champion[:12]}",
                remedy="look at the history: somebody else may have been faster",
            )
        if now.tainted:
            raise ReleaseError(
                "the release that would answer learned from spoiled rows",
                code="HF-E-STORE-SPOILED",
                expected="rows outside of every incident that spoiled them",
                got=f"rows of {', '.join(incident[:12] for incident in now.tainted)}",
                remedy="build a release without these rows, or accept the incident if they are "
                "sound",
            )
        if move == "promote":
            self._registry.promote(model, release, reason=reason, by=by)
        else:
            self._registry.rollback(model, reason=reason, by=by)

    def _refused(self, model: str, release: str, error: HoldfastError, reason: str) -> bytes:
        return self.release(model, release, refused=error.to_dict(), reason=reason)

    def _ids(self, model: str) -> set[str]:
        return {row.id for row in self._store.catalog.releases(model)}

    def _incidents(self, model: str) -> set[str]:
        return {incident["id"] for incident in self._cases.listed(model)}
