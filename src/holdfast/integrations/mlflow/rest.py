"""One request to MLflow's REST API: standard library only, bounded in time and size.

Every call is a connection of its own. Nothing is retried and no redirect is followed: what a
mirroring leaves undone is done by the next one.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from holdfast.errors import HoldfastError, UsageError

_PREFIX = "/api/2.0/mlflow/"
#: most bytes of an answer
_MOST = 64_000_000
T = TypeVar("T")


class MlflowError(HoldfastError):
    """MLflow could not be reached, refused a request, or gave an answer that is not MLflow's.

    Attributes:
        status: the HTTP status, or 0 when there was no answer.
        reason: MLflow's own name of the error, or empty.
    """

    default_code = "HF-E-MLFLOW"

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", **details: str | None
    ) -> None:
        super().__init__(message, **details)
        self.status = status
        self.reason = reason


class _Failed(msgspec.Struct):
    error_code: str
    message: str = ""


class Rest:
    """Where an MLflow server is, and how it is asked.

    Args:
        url: such as ``http://127.0.0.1:5000``; a path in it is the server's own prefix.
        token: sent as a bearer token.
        timeout: seconds to wait for the connection, and for each part of an answer.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        self.url = url
        self._host, self._port = _parts(url)
        self._secure = url.lower().startswith("https:")
        self._base = urlsplit(url).path.rstrip("/") + _PREFIX
        self._token = _checked(token)
        self._timeout = timeout

    def call(self, method: str, path: str, body: Any, query: Mapping[str, Any], kind: type[T]) -> T:
        """Ask one thing; an answer of another form than `kind` is an error.

        Raises:
            MlflowError: no answer, a refusal, or an answer of another form.
        """
        status, headers, content = self._exchange(method, path, body, query)
        if status >= 300:
            raise self._refused(path, status, headers, content)
        try:
            return msgspec.json.decode(content or b"{}", type=kind, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MlflowError(
                "this answer is not one of MLflow",
                status=status,
                expected=f"what MLflow's REST API answers to {path}",
                got=f"{_kind(headers)}, {error}",
                remedy="check that the URL is the one of an MLflow server",
            ) from None

    def _exchange(
        self, method: str, path: str, body: Any, query: Mapping[str, Any]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connect = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = connect(self._host, self._port, timeout=self._timeout)
        headers = {"accept": "application/json", "connection": "close"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        payload = None if body is None else json.dumps(body, allow_nan=False).encode()
        if payload is not None:
            headers["content-type"] = "application/json"
        target = self._base + path + (f"?{urlencode(query)}" if query else "")
        try:
            connection.request(method, target, payload, headers)
            with connection.getresponse() as response:
                content = response.read(_MOST + 1)
        except (OSError, http.client.HTTPException) as error:
            raise MlflowError(
                "MLflow does not answer",
                expected=f"an MLflow server at {self.url}",
                got=f"{type(error).__name__}: {error}",
                remedy="check the address and that the server runs; mirror again then",
            ) from None
        finally:
            connection.close()
        if len(content) > _MOST:
            raise MlflowError(
                "the answer is too large",
                status=response.status,
                expected=f"at most {_MOST} bytes",
                got=f"more, to {path}",
                remedy="check that the URL is the one of an MLflow server",
            )
        return response.status, response.headers, content

    def _refused(
        self, path: str, status: int, headers: http.client.HTTPMessage, content: bytes
    ) -> MlflowError:
        """The error that an HTTP status of 300 or more stands for."""
        if status < 400:
            return MlflowError(
                "the server sends us elsewhere, and redirects are not followed",
                status=status,
                expected="an answer from the server that was named",
                got=f"HTTP {status} to {str(headers.get('location')).partition('?')[0][:200]}",
                remedy="name that server with --url, if you trust it",
            )
        try:
            told = msgspec.json.decode(content, type=_Failed)
            reason, said = told.error_code, told.message
        except (msgspec.MsgspecError, UnicodeDecodeError):
            reason, said = "", content[:80].decode(errors="replace")
        said = " ".join(said.split())[:300]
        if self._token:
            said = said.replace(self._token, "***")
        message, remedy = "MLflow refused the request", "see what MLflow says; mirror again then"
        if status in (401, 403):
            message = "MLflow does not let us in"
            remedy = "put a token of a user who may write into MLFLOW_TRACKING_TOKEN"
        elif not reason:
            message = "this server does not speak as MLflow does"
            remedy = "check the URL: host, port, and the path where MLflow is behind a prefix"
        return MlflowError(
            message,
            status=status,
            reason=reason,
            expected=f"an answer to {path}",
            got=f"HTTP {status} {reason}".rstrip() + (f": {said}" if said else ""),
            remedy=remedy,
        )


def _kind(headers: http.client.HTTPMessage) -> str:
    return str(headers.get("content-type") or "no content type")[:80]


def _parts(url: str) -> tuple[str, int | None]:
    """Host and port of a URL that may be asked."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        odd = parts.query or parts.fragment or "@" in parts.netloc or not url.isprintable()
        if parts.scheme not in ("http", "https") or odd or " " in url:
            host = None
    if not host:
        raise UsageError(
            "this is not the URL of an MLflow server",
            expected="http(s)://host:port, without user, password or query",
            got="another text" if "@" in url else f"url={url[:200]!r}",
            remedy="start one with `mlflow server`; a token goes into MLFLOW_TRACKING_TOKEN",
        )
    return host, port


def _checked(token: str | None) -> str:
    found = (token or "").strip()
    if not (found.isascii() and found.isprintable()):
        raise UsageError(
            "this token cannot be sent",
            expected="printable ASCII in MLFLOW_TRACKING_TOKEN",
            got="other characters",
        )
    return found
