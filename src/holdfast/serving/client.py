"""A small HTTP client for the service: standard library only, bounded in time, honest in errors."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from holdfast.errors import HoldfastError, UsageError


class ServiceError(HoldfastError):
    """The service refused a request or could not be reached.

    Attributes:
        status: the HTTP status, or 0 when there was no answer.
    """

    default_code = "HF-E-SERVICE"

    def __init__(self, message: str, *, status: int = 0, **details: str | None) -> None:
        super().__init__(message, **details)
        self.status = status


class Client:
    """Talks to one service over one kept-alive connection; not to be shared between threads.

    Busy (429) and unavailable (503) answers are retried as the service asks, and so are broken
    connections; `ids` make a retried prediction recognisable.

    Args:
        url: such as ``http://127.0.0.1:8000``.
        token: sent as a bearer token.
        timeout: seconds for one attempt.
        retries: further attempts after the first.
        longest_wait: seconds to wait at most before an attempt, whatever the service asks.
        sleep: waits (a test hands in its own).

    Example:
        >>> Client("ftp://somewhere")
        Traceback (most recent call last):
        holdfast.errors.UsageError: [HF-E-USAGE] this is not a service URL; ...
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 10.0,
        retries: int = 4,
        longest_wait: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                "this is not a service URL", expected="http(s)://host:port", got=f"url={url!r}"
            )
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._base = parts.path.rstrip("/")
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._retries = retries
        self._longest_wait = longest_wait
        self._sleep = sleep
        self._random = random.Random()  # noqa: S311 - spreads retries, no secret

    def predict(
        self,
        model: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        ids: Sequence[str] | None = None,
        source: str | None = None,
        at: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Score rows; one answer for each, with its verdict."""
        optional = {"ids": ids, "source": source, "at": at}
        given = {name: value for name, value in optional.items() if value is not None}
        asked: dict[str, Any] = {"rows": list(rows), **given}
        answer = self.request("POST", f"/v1/models/{quote(model, safe='')}/predict", asked)
        return list(answer["predictions"])

    def log_predictions(
        self, model: str, lines: Sequence[Mapping[str, Any]] | bytes
    ) -> dict[str, Any]:
        """Log predictions made elsewhere: dicts (sent as NDJSON) or an Arrow IPC stream."""
        if isinstance(lines, bytes):
            body, kind = lines, "application/vnd.apache.arrow.stream"
        else:
            body = b"\n".join(_encode(line) for line in lines)
            kind = "application/x-ndjson"
        path = f"/v1/models/{quote(model, safe='')}/predictions"
        return dict(self.request("POST", path, body, kind=kind))

    def log_labels(self, model: str, labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Log outcomes: ``[{"id": …, "value": …, "known_at": …}]``."""
        path = f"/v1/models/{quote(model, safe='')}/labels"
        return dict(self.request("POST", path, {"labels": list(labels)}))

    def models(self) -> list[dict[str, Any]]:
        """The models and their champions."""
        return list(self.request("GET", "/v1/models")["models"])

    def model(self, model: str) -> dict[str, Any]:
        """One model: champion, features, threshold."""
        return dict(self.request("GET", f"/v1/models/{quote(model, safe='')}"))

    def releases(self, model: str) -> list[dict[str, Any]]:
        """Releases of a model."""
        path = f"/v1/models/{quote(model, safe='')}/releases"
        return list(self.request("GET", path)["releases"])

    def incidents(self, model: str) -> list[dict[str, Any]]:
        """Incidents of a model."""
        path = f"/v1/models/{quote(model, safe='')}/incidents"
        return list(self.request("GET", path)["incidents"])

    def incident(self, model: str, name: str) -> dict[str, Any]:
        """One incident of a model, with its history and what is in force."""
        path = f"/v1/models/{quote(model, safe='')}/incidents/{quote(name, safe='')}"
        return dict(self.request("GET", path))

    def ready(self) -> bool:
        """Whether the service is ready; False also when it cannot be reached."""
        try:
            status, _, _ = self._once("GET", "/health/ready", None, {})
        except (OSError, http.client.HTTPException):
            return False
        return status == 200

    def wait_until_ready(self, seconds: float = 30.0) -> None:
        """Wait for the service.

        Raises:
            ServiceError: when it is not ready in time.
        """
        until = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > until:
                raise ServiceError(
                    "the service is not ready",
                    expected=f"an answer within {seconds:g} s",
                    remedy="see the server's messages",
                )
            self._sleep(0.05)

    def request(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json"
    ) -> Any:
        """Send one request, retrying as described; returns the decoded answer.

        Raises:
            ServiceError: with the service's own code, message and remedy.
        """
        payload = body if body is None or isinstance(body, bytes) else _encode(body)
        headers = {} if payload is None else {"content-type": kind}
        for attempt in range(self._retries + 1):
            try:
                status, answer_headers, content = self._once(method, path, payload, headers)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if attempt == self._retries:
                    raise ServiceError(
                        "the service does not answer",
                        got=f"{type(error).__name__}: {error}",
                        remedy="check the address and that the server runs",
                    ) from None
                self._wait(attempt, None)
                continue
            if status in (429, 503) and attempt < self._retries:
                self._wait(attempt, answer_headers.get("retry-after"))
                continue
            if status >= 400:
                raise _service_error(status, content)
            return json.loads(content) if content else None
        raise AssertionError("unreachable")

    def _once(
        self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        self._connection.request(method, self._base + path, payload, {**self._headers, **headers})
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def _wait(self, attempt: int, asked: str | None) -> None:
        seconds = float(asked) if asked and asked.isdigit() else 0.05 * 2**attempt
        spread = 0.5 + self._random.random() / 2
        self._sleep(min(seconds, self._longest_wait) * spread)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _encode(value: Any) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(
            "the request cannot be written as JSON",
            expected="texts, numbers, booleans, None; NaN as None",
            got=str(error),
        ) from None


def _service_error(status: int, content: bytes) -> ServiceError:
    try:
        told = json.loads(content)
        return ServiceError(
            told["message"],
            status=status,
            code=told.get("code"),
            expected=told.get("expected"),
            got=told.get("got"),
            remedy=told.get("remedy"),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServiceError("the service refused the request", status=status, got=f"HTTP {status}")
