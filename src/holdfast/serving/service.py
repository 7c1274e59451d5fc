"""The service put together: one object with an ASGI application, a start and an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

import holdfast
from holdfast.errors import StoreError
from holdfast.serving.auth import Tokens
from holdfast.serving.bulk import Bulk
from holdfast.serving.decide import Decisions
from holdfast.serving.exploring import Exploration, Explorer
from holdfast.serving.gate import Gate, Handler
from holdfast.serving.health import WatchedLog
from holdfast.serving.labels import Labels
from holdfast.serving.limits import BodyBudget, Limits
from holdfast.serving.lineup import Lineup
from holdfast.serving.metrics import Metrics
from holdfast.serving.openapi import document
from holdfast.serving.ports import ChampionSource, Desk, LogLike
from holdfast.serving.predict import Predict
from holdfast.serving.routes import ROUTES, Route, Table
from holdfast.serving.shadow import Shadows
from holdfast.serving.views import Views


class Page(msgspec.Struct, frozen=True):
    """A page that the composition root mounts: its line of the table and its handler."""

    route: Route
    handler: Handler


class Service:
    """Everything one worker serves.

    Args:
        source: gives the champions.
        predictions, labels: the logs.
        desk: what the store knows, for reading endpoints.
        clock: microseconds since 1970 (UTC).
        limits: bounds on requests and queues.
        durable: whether answers wait for the log.
        label_policy: which of several labels counts.
        tokens: gives the valid tokens; None in return where none is needed.
        reload_tokens: called twice a second in a thread; re-reads the token file if it changed.
        hosts: allowed Host names besides loopback.
        pages: mounted pages.
        metrics: counts; the pages may want to show them.
        at_end: called last, when everything is written.
        shadows: the log of shadows; None: nothing is scored for them.
        exploration: which decisions are explored; None: none.
        max_p99: model name -> microseconds of scoring that 99 of 100 requests to its canary may
            take for a row; a canary that takes longer is stopped.
    """

    def __init__(
        self,
        *,
        source: ChampionSource,
        predictions: LogLike,
        labels: LogLike,
        desk: Desk,
        clock: Callable[[], int],
        limits: Limits | None = None,
        durable: bool = True,
        label_policy: str = "last",
        tokens: Callable[[], Tokens | None] = lambda: None,
        reload_tokens: Callable[[], None] | None = None,
        hosts: tuple[str, ...] = (),
        pages: Sequence[Page] = (),
        metrics: Metrics | None = None,
        at_end: Callable[[], None] = lambda: None,
        shadows: LogLike | None = None,
        exploration: Exploration | None = None,
        max_p99: Mapping[str, int] | None = None,
    ) -> None:
        limits = limits or Limits()
        self.metrics = metrics or Metrics()
        self.lineup = Lineup(source, max_p99=max_p99)
        self._reload_tokens = reload_tokens
        self._at_end = at_end
        budget = BodyBudget(limits)
        watched = WatchedLog(predictions)
        self._unflushed = None if durable else watched
        self._shadows = None if shadows is None else Shadows(shadows, clock)
        self._predict = Predict(
            self.lineup,
            watched,
            limits=limits,
            budget=budget,
            clock=clock,
            metrics=self.metrics,
            durable=durable,
            shadows=self._shadows,
            explorer=None if exploration is None else Explorer(exploration),
        )
        self._labels = Labels(
            self.lineup, labels, limits=limits, budget=budget, clock=clock, policy=label_policy
        )
        self._bulk = Bulk(
            self.lineup,
            watched,
            limits=limits,
            budget=budget,
            clock=clock,
            metrics=self.metrics,
        )
        table = Table([*ROUTES, *(page.route for page in pages)])
        views = Views(
            self.lineup,
            desk,
            self.metrics,
            gauges=lambda: {
                "waiting_rows": float(self._predict.waiting_rows),
                "body_bytes": float(budget.used),
            },
            healthy=watched.check,
            document=msgspec.json.encode(document(table.routes, limits, holdfast.__version__)),
        )
        handlers: Mapping[str, Handler] = {
            "predict": self._predict,
            "log_predictions": self._bulk,
            "log_labels": self._labels,
            "decide_incident": Decisions(desk, limits=limits, clock=clock),
            **views.handlers(),
            **{page.route.name: page.handler for page in pages},
        }
        self.app = Gate(
            table, handlers, tokens=tokens, hosts=hosts, clock=clock, metrics=self.metrics
        )
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load the champions and start the threads; the socket is opened after this."""
        self._predict.start()
        self._labels.start()
        await asyncio.get_running_loop().run_in_executor(None, self.lineup.refresh)
        keeping = self.lineup.keep_fresh(self._each_look), self.lineup.keep_guarded()
        self._keepers = [asyncio.create_task(task) for task in keeping]

    def _each_look(self) -> None:
        if self._reload_tokens is not None:
            self._reload_tokens()
        self.metrics.save()
        self._flush()

    def _flush(self) -> None:
        if self._unflushed is not None:
            self._unflushed.flush()

    async def close(self) -> None:
        """Write and answer all that was accepted, then stop; call when the socket is closed."""
        for keeper in self._keepers:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        await self._predict.close()
        if self._shadows is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._shadows.close)
        await self._labels.close()
        await self._bulk.close()
        self.metrics.save()
        with contextlib.suppress(StoreError):  # the process ends; the store says what was lost
            self._flush()
        self._at_end()
