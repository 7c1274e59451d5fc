"""Every route of the service with the roles that may use it: one table, everything else denied.

The gate, the OpenAPI document and the tests are all made from this table. A page mounted by the
composition root brings its own line; a route without roles is an error at start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from holdfast.errors import ConfigError
from holdfast.serving.auth import Role

WRITE = frozenset({Role.CLIENT, Role.ADMIN})
READ = frozenset({Role.VIEWER, Role.OPERATOR, Role.RELEASER, Role.ADMIN})
OPERATE = frozenset({Role.OPERATOR, Role.ADMIN})
RELEASE = frozenset({Role.RELEASER, Role.ADMIN})
ANY = frozenset(Role)
#: Health probes: answered to anyone, they say nothing but "yes" or "no".
PUBLIC: frozenset[Role] = frozenset()

_MODEL = "/v1/models/{model}"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Attributes:
        method, path: what is asked; ``{model}`` and the like stand for one path segment.
        roles: who may; empty means anyone, and only when `public` says so too.
        name: operation id and key of the handler.
        summary: one line for the OpenAPI document.
        public: whether no token is needed even when tokens are in use.
        page: whether a browser shows it (login by HTTP Basic with the token as password). A page
            that writes is sent from a form of this server and from nowhere else.
        query, form: name → JSON schema of the parameters behind ``?`` and of the form's fields.
    """

    method: str
    path: str
    roles: frozenset[Role]
    name: str
    summary: str
    public: bool = False
    page: bool = False
    query: Mapping[str, Any] = {}
    form: Mapping[str, Any] = {}

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method not in ("GET", "HEAD")


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path=f"{_MODEL}/predict",
        roles=WRITE,
        name="predict",
        summary="Score rows under the champion's contract; each answer carries its verdict.",
    ),
    Route(
        method="POST",
        path=f"{_MODEL}/predictions",
        roles=WRITE,
        name="log_predictions",
        summary="Log predictions made elsewhere (NDJSON or Arrow IPC); each row gets a verdict.",
    ),
    Route(
        method="POST",
        path=f"{_MODEL}/labels",
        roles=WRITE,
        name="log_labels",
        summary="Log outcomes by prediction id; ids not seen yet are kept and joined later.",
    ),
    Route(
        method="GET",
        path="/v1/models",
        roles=READ,
        name="list_models",
        summary="The models and the release that answers for each.",
    ),
    Route(
        method="GET",
        path=_MODEL,
        roles=READ,
        name="show_model",
        summary="One model: its champion, features and thresholds.",
    ),
    Route(
        method="GET",
        path=f"{_MODEL}/releases",
        roles=READ,
        name="list_releases",
        summary="Releases of a model, newest first.",
    ),
    Route(
        method="GET",
        path=f"{_MODEL}/incidents",
        roles=READ,
        name="list_incidents",
        summary="Incidents of a model, newest first.",
    ),
    Route(
        method="GET",
        path=f"{_MODEL}/incidents/{{incident}}",
        roles=READ,
        name="show_incident",
        summary="One incident: cause, evidence, impact, what was done, history.",
    ),
    Route(
        method="POST",
        path=f"{_MODEL}/incidents/{{incident}}/{{verb}}",
        roles=OPERATE,
        name="decide_incident",
        summary="Acknowledge, mute, unmute, resolve, accept or reopen an incident: with a reason.",
    ),
    Route(
        method="GET",
        path="/health/live",
        roles=PUBLIC,
        public=True,
        name="live",
        summary="200 as long as the process runs.",
    ),
    Route(
        method="GET",
        path="/health/ready",
        roles=PUBLIC,
        public=True,
        name="ready",
        summary="200 once every champion is loaded and the log accepts writes, else 503.",
    ),
    Route(
        method="GET",
        path="/metrics",
        roles=READ,
        name="metrics",
        summary="Counters in the Prometheus text format, summed over all workers.",
    ),
    Route(
        method="GET",
        path="/openapi.json",
        roles=ANY,
        name="openapi",
        summary="This document.",
    ),
)


class Table:
    """The routes, found by method and path.

    Raises:
        ConfigError: when a route names no role and is not declared public, or stands twice.

    Example:
        >>> Table(ROUTES).find("POST", "/v1/models/loan/predict")[0].name
        'predict'
        >>> Table(ROUTES).find("GET", "/v1/models/loan/predict")
        (None, '', ('POST',))
    """

    __slots__ = ("_fixed", "_model", "_patterns", "routes")

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed: dict[str, dict[str, Route]] = {}
        self._model: dict[str, dict[str, Route]] = {}
        self._patterns: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in self.routes:
            if bool(route.roles) == route.public:
                raise ConfigError(
                    "a route does not say who may use it",
                    expected="roles, or public=True and no roles",
                    got=f"{route.method} {route.path}",
                    remedy="declare its roles in the route table",
                )
            is_model = route.path.startswith(_MODEL)
            where = self._model if is_model else self._fixed
            key = route.path[len(_MODEL) + 1 :] if is_model else route.path
            if "{" in key:
                shape = tuple(route.path.split("/"))
                self._patterns.setdefault(shape, {})[route.method] = route
            elif where.setdefault(key, {}).setdefault(route.method, route) is not route:
                raise ConfigError("a route stands twice", got=f"{route.method} {route.path}")

    def find(self, method: str, path: str) -> tuple[Route | None, str, tuple[str, ...]]:
        """The route, the model named in the path, and the methods that the path knows."""
        model = ""
        if path.startswith("/v1/models/"):
            model, _, tail = path[11:].partition("/")
            methods = self._model.get(tail) if model else None
        else:
            methods = self._fixed.get(path)
        if methods is None:
            return None, "", ()
        route = methods.get(method)
        if route is None:
            return None, "", tuple(methods)
        return route, model, ()

    def match(
        self, method: str, raw: bytes
    ) -> tuple[Route | None, Mapping[str, str], tuple[str, ...]]:
        """The same for paths with more names in them, still percent-encoded.

        A name is one segment, whatever it holds: ``a%2Fb`` is the name ``a/b``.

        >>> route, names, _ = Table(ROUTES).match("GET", b"/v1/models/a%2Fb/incidents/i1")
        >>> route.name, names
        ('show_incident', {'model': 'a/b', 'incident': 'i1'})
        """
        given = raw.split(b"/")
        for shape, methods in self._patterns.items():
            if len(shape) != len(given):
                continue
            names = {}
            for part, segment in zip(shape, given, strict=True):
                text = unquote_to_bytes(segment).decode("utf-8", "replace")
                if part.startswith("{"):
                    if not text:
                        break
                    names[part[1:-1]] = text
                elif part != text:
                    break
            else:
                return methods.get(method), names, () if method in methods else tuple(methods)
        return None, {}, ()
