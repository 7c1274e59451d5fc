"""What goes wrong between here and an MLflow server, each told as what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from tests.local_server import Quiet, serving
from tests.mlflow_server import free_port

from holdfast.errors import UsageError
from holdfast.integrations.mlflow import Mlflow, MlflowError, rest


@contextmanager
def answering(
    status: int, body: bytes, *headers: tuple[str, str], wait: float = 0.0
) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server that always says the same; gives its URL, and path and token of each request."""
    asked: list[tuple[str, str | None]] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["authorization"]))
            time.sleep(wait)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as url:
        yield url, asked


def refused(url: str, **settings: Any) -> MlflowError:
    with pytest.raises(MlflowError) as caught:
        Mlflow(url, **settings).model("loan")
    assert caught.value.expected
    assert caught.value.got
    assert caught.value.remedy
    assert (caught.value.code, caught.value.exit_code) == ("HF-E-MLFLOW", 2)
    return caught.value


def test_a_server_that_is_away_is_told():
    error = refused(f"http://127.0.0.1:{free_port()}")
    assert (error.message, error.status) == ("MLflow does not answer", 0)
    assert "ConnectionRefused" in str(error.got)


def test_a_server_that_never_answers_is_given_up():
    with answering(200, b"{}", wait=1.0) as (url, _):
        assert "timed out" in str(refused(url, timeout=0.1).got)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_and_never_shown(status: int):
    with answering(status, b"no entry for s3cret") as (url, asked):
        error = refused(url, token=" s3cret\n")
    assert asked == [("/api/2.0/mlflow/registered-models/get?name=loan", "Bearer s3cret")]
    assert (error.status, error.message) == (status, "MLflow does not let us in")
    assert "MLFLOW_TRACKING_TOKEN" in str(error)
    assert "s3cret" not in str(error)


def test_a_server_that_is_no_mlflow_is_told():
    with answering(404, b"<html>not here</html>") as (url, asked):
        error = refused(f"{url}/prefix/")
    assert asked == [("/prefix/api/2.0/mlflow/registered-models/get?name=loan", None)]
    assert "does not speak as MLflow" in error.message
    assert "check the URL" in str(error.remedy)


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"[]", b"\xff", b"{}", b'{"registered_model": {"name": 3}}']
)
def test_an_answer_of_another_form_is_told(body: bytes):
    with answering(200, body, ("content-type", "text/html")) as (url, _):
        error = refused(url)
    assert error.message == "this answer is not one of MLflow"
    assert "text/html" in str(error.got)


def test_mlflows_own_words_are_passed_on():
    told = b'{"error_code": "INTERNAL_ERROR", "message": "the\\ndatabase is locked"}'
    with answering(500, told) as (url, _):
        error = refused(url)
    assert (error.status, error.reason) == (500, "INTERNAL_ERROR")
    assert error.got == "HTTP 500 INTERNAL_ERROR: the database is locked"


def test_what_is_not_there_is_none_only_where_mlflow_says_so():
    told = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}'
    with answering(404, told) as (url, _):
        assert Mlflow(url).model("loan") is None


def test_a_redirect_is_told_and_not_followed():
    with answering(200, b"{}") as (other, asked):
        where = ("location", f"{other}/login?token=abc")
        with answering(302, b"", where) as (url, _):
            error = refused(url, token="s3cret")
    assert asked == []
    assert error.got == f"HTTP 302 to {other}/login"


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest, "_MOST", 10)
    with answering(200, b"{" + b" " * 20 + b"}") as (url, _):
        assert "too large" in refused(url).message


@pytest.mark.parametrize(
    "url",
    ["sqlite:///mlflow.db", "file:///tmp", "127.0.0.1:5000", "http://", "http://h:port", "",
     "http://h:99999", "http://ada:pass@h", "http://h?q=1", "http://h#x", "http://h/a b",
     "http://h\n.example", "http://[::1"],
)  # fmt: skip
def test_only_plain_http_urls_are_taken(url: str):
    with pytest.raises(UsageError, match="not the URL of an MLflow server") as caught:
        Mlflow(url)
    assert "pass" not in str(caught.value.got)


@pytest.mark.parametrize("token", ["sécret", "a\r\nhost: b"])
def test_a_token_that_is_no_header_is_refused(token: str):
    with pytest.raises(UsageError, match="token cannot be sent") as caught:
        Mlflow("http://127.0.0.1", token=token)
    assert token not in str(caught.value)
