"""What all pages of the server share: their line of the table of routes, and how they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import holdfast
from holdfast.errors import RequestError
from holdfast.serving.routes import READ, Route

if TYPE_CHECKING:
    from holdfast.serving.gate import Request
    from holdfast.serving.service import Page


def page(
    path: str,
    name: str,
    summary: str,
    render: Callable[[Request], bytes],
    *,
    query: Mapping[str, Any] | None = None,
    forms: bool = False,
) -> Page:
    """A page that is read.

    Args:
        path: of its route.
        name: of its route.
        summary: of its route.
        render: from the request to the page; runs in a thread.
        query: parameter behind ``?`` → its JSON schema.
        forms: whether the page has a form.
    """
    from holdfast.serving.replies import reply
    from holdfast.serving.service import Page

    async def handler(request: Request) -> int:
        from holdfast.web.page import headers

        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(None, render, request)
        await reply(request.send, body, headers=headers(forms=forms))
        return 200

    route = Route(
        method="GET", path=path, roles=READ, name=name, summary=summary, page=True,
        query=query or {},
    )  # fmt: skip
    return Page(route, handler)


def version() -> str:
    """The version that the foot of a page names."""
    return holdfast.__version__


def nothing(what: str, name: str) -> RequestError:
    """The error for a page that does not exist."""
    return RequestError(
        f"there is no such {what} here",
        status=404,
        code="HF-E-REQUEST-PATH",
        expected="a link from the dashboard",
        got=f"{name[:80]!r}",
        remedy="go to / and follow the links",
    )
