"""What a browser sends of a page: the fields of a form, and the parameters behind ``?``."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

import msgspec

from holdfast.errors import RequestError
from holdfast.serving.gate import Request
from holdfast.serving.limits import Limits, declared_length, read_body

_URLENCODED = b"application/x-www-form-urlencoded"
#: bytes of a form
LARGEST = 16_384


def fields(text: str, names: Collection[str]) -> dict[str, str]:
    """Names and values of a query or a form, decoded.

    Args:
        text: as it travels, ``a=1&b=x%20y``.
        names: what may occur, each at most once; the others are refused.

    Raises:
        RequestError: 422, for other names, one that stands twice, or text that is no query.

    Example:
        >>> fields("kind=releases&page=2", ["kind", "page"])
        {'kind': 'releases', 'page': '2'}
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=len(names))
    except ValueError:
        pairs = [("", "")]
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= set(names):
        raise RequestError(
            "this page is asked in another way",
            status=422,
            code="HF-E-REQUEST-FIELDS",
            expected=f"each at most once: {', '.join(sorted(names))}",
            got=f"fields={[name[:40] for name, _ in pairs[:10]]}",
            remedy="follow the links and use the forms of the pages",
        )
    return found


def query(request: Request) -> dict[str, str]:
    """The parameters behind ``?``, as the route declares them.

    Raises:
        RequestError: 422, see `fields`.
    """
    text = request.scope.get("query_string", b"").decode("latin-1")
    return fields(text, request.route.query)


async def form(request: Request, limits: Limits) -> dict[str, str]:
    """The fields of the form that was sent, as the route declares them.

    Raises:
        RequestError: 415 for another type of body, 413 above `LARGEST` bytes, 422, see `fields`.
        ConnectionResetError: the client went away.
    """
    given = request.headers.get(b"content-type", b"")
    if given.partition(b";")[0].strip().lower() != _URLENCODED:
        raise RequestError(
            "the body's type is not read here",
            status=415,
            code="HF-E-REQUEST-TYPE",
            expected=f"content-type: {_URLENCODED.decode()}",
            got=f"content-type={given[:80].decode('latin-1')!r}",
            remedy="use the form of the page",
        )
    limits = msgspec.structs.replace(limits, body=LARGEST)
    declared_length(request.headers, limits)
    body = await read_body(request.receive, limits)
    return fields(body.decode("latin-1"), request.route.form)
