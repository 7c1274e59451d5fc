"""The outermost layer: which requests get in at all. Default deny, by the table of routes.

Order: shape of the request, Host, route, token and role, Origin on writes. Only then is a body
looked at.
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from holdfast.errors import ConfigError, RequestError
from holdfast.serving.auth import Tokens
from holdfast.serving.limits import Receive, TooBusyError
from holdfast.serving.metrics import Metrics
from holdfast.serving.replies import Send, reply_error
from holdfast.serving.routes import Route, Table

log = logging.getLogger("holdfast.serving")


class Request(NamedTuple):
    """A request that passed the gate.

    Attributes:
        scope, receive, send: as ASGI gives them.
        headers: by name.
        route: the line of the table that let it in.
        model: the model named in the path, or empty.
        names: what the path names besides the model.
        who: name on the token, empty where no token is in use.
    """

    scope: Mapping[str, Any]
    receive: Receive
    send: Send
    headers: dict[bytes, bytes]
    route: Route
    model: str
    names: Mapping[str, str] = {}
    who: str = ""


#: Answers a request; returns the HTTP status it sent.
Handler = Callable[[Request], Awaitable[int]]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """The ASGI application: lets in what the table and the tokens allow, and nothing else.

    Args:
        table: all routes.
        handlers: operation name -> handler; every route must have one.
        tokens: gives the valid tokens, or None where no token is needed (loopback only).
        hosts: allowed Host names besides loopback; ``("*",)`` allows any (tokens required).
        clock: microseconds since 1970 (UTC).
        metrics: counts.
    """

    def __init__(
        self,
        table: Table,
        handlers: Mapping[str, Handler],
        *,
        tokens: Callable[[], Tokens | None],
        hosts: tuple[str, ...] = (),
        clock: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        missing = [route.name for route in table.routes if route.name not in handlers]
        if missing or len(handlers) != len(table.routes):
            unknown = sorted(set(handlers) - {route.name for route in table.routes})
            raise ConfigError(
                "routes and handlers do not match",
                expected="one handler for each route of the table",
                got=f"without handler: {missing}; not in the table: {unknown}",
            )
        self.table = table
        self._handlers = dict(handlers)
        self._tokens = tokens
        self._any_host = "*" in hosts
        self._hosts = {name.lower() for name in (*_LOOPBACK, *hosts)}
        self._good_hosts: set[bytes] = set()
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind == "lifespan":
            await _lifespan(receive, send)
            return
        if kind != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = time.perf_counter()
        name = "none"
        try:
            headers = dict(scope["headers"])
            self._check_host(headers)
            method = scope["method"]
            names: Mapping[str, str] = {}
            route, model, methods = self.table.find(method, scope["path"])
            if route is None and not methods:
                raw = scope.get("raw_path") or scope["path"].encode()
                route, names, methods = self.table.match(method, raw)
                model = names.get("model", "")
            if route is None:
                raise _not_found(method, methods)
            name = route.name
            who = "" if route.public else self._check_token(route, headers)
            # a browser sends a form, with the login it knows, from any site: it has to say which
            if route.writes and (route.page or b"origin" in headers):
                self._check_origin(headers, form=route.page)
            status = await self._handlers[name](
                Request(scope, receive, send, headers, route, model, names, who)
            )
        except ConnectionResetError:
            return
        except Exception as error:  # noqa: BLE001 - the last layer: every failure is answered
            if isinstance(error, TooBusyError):
                self._metrics.now.refused += 1
            extra = []
            if isinstance(error, _NotAllowedError):
                extra = [(b"allow", ", ".join(error.methods).encode())]
            elif isinstance(error, _NoTokenError):
                extra = [(b"www-authenticate", error.challenge)]
            status = await reply_error(send, error, extra)
            if status >= 500 and status != 503:
                where = error.__traceback__
                while where and where.tb_next:
                    where = where.tb_next
                log.error(
                    "request failed: %s in %s line %s",
                    type(error).__name__,
                    where.tb_frame.f_code.co_qualname if where else "?",
                    where.tb_lineno if where else "?",
                )
        self._metrics.request(name, status, time.perf_counter() - started)

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        host = headers.get(b"host", b"")
        if host in self._good_hosts:
            return
        if self._any_host or _hostname(host) in self._hosts:
            if len(self._good_hosts) < 64:
                self._good_hosts.add(host)
            return
        raise RequestError(
            "this host name is not served here",
            status=421,
            code="HF-E-REQUEST-HOST",
            expected="a Host header that the server was told to accept",
            got=f"host={host[:80].decode('latin-1')!r}",
            remedy="use the address the server prints, or start it with --allow-host",
        )

    def _check_token(self, route: Route, headers: dict[bytes, bytes]) -> str:
        """Refuse what the token may not do; gives the name on it."""
        tokens = self._tokens()
        if tokens is None:
            return ""
        given = headers.get(b"authorization", b"")
        scheme, _, secret = given.partition(b" ")
        kind = scheme.lower()
        if kind == b"basic" and (route.page or not route.writes):
            try:
                secret = base64.b64decode(secret, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                secret = b""
        elif kind != b"bearer":
            secret = b""
        entry = tokens.entry_of(secret.strip(), self._clock()) if secret else None
        if entry is None:
            raise _NoTokenError(missing=not given, page=route.page)
        if entry.role not in route.roles:
            raise RequestError(
                "the token's role may not do this",
                status=403,
                code="HF-E-REQUEST-ROLE",
                expected=f"one of the roles {', '.join(sorted(route.roles))}",
                got=f"role={entry.role.value!r}",
                remedy="use a token with one of these roles",
            )
        return entry.name

    def _check_origin(self, headers: dict[bytes, bytes], *, form: bool) -> None:
        origin = headers.get(b"origin", b"").decode("latin-1")
        _, found, rest = origin.partition("://")
        same = found and rest.lower() == headers.get(b"host", b"").decode("latin-1").lower()
        if not same:
            raise RequestError(
                "a write from another web site is refused",
                status=403,
                code="HF-E-REQUEST-ORIGIN",
                expected="this server's own Origin header"
                if form
                else "no Origin header, or this server's own",
                got=f"origin={origin[:80]!r}",
                remedy="use the form on the page of this server"
                if form
                else "send writes from a program, not from a page of another site",
            )


class _NotAllowedError(RequestError):
    methods: tuple[str, ...] = ()


class _NoTokenError(RequestError):
    def __init__(self, *, missing: bool, page: bool) -> None:
        super().__init__(
            "a token is needed here" if missing else "the token is not valid",
            status=401,
            code="HF-E-REQUEST-TOKEN",
            expected="Authorization: Bearer <token>",
            got="no Authorization header" if missing else "an unknown or expired token",
            remedy="ask the server's administrator for a token",
        )
        self.challenge = (
            b'Basic realm="holdfast: any name, token as password", charset="UTF-8"'
            if page
            else b'Bearer realm="holdfast"'
        )


def _not_found(method: str, methods: tuple[str, ...]) -> RequestError:
    if methods:
        error = _NotAllowedError(
            "this path does not know this method",
            status=405,
            code="HF-E-REQUEST-METHOD",
            expected=", ".join(methods),
            got=f"method={method[:20]!r}",
        )
        error.methods = methods
        return error
    return RequestError(
        "there is nothing at this path",
        status=404,
        code="HF-E-REQUEST-PATH",
        expected="a path of the OpenAPI document",
        remedy="see GET /openapi.json",
    )


def _hostname(host: bytes) -> str:
    """Name part of a Host header.

    >>> _hostname(b"LocalHost:8000"), _hostname(b"[::1]:80")
    ('localhost', '[::1]')
    """
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
