"""Who may do what: the matrix of routes, methods and roles, generated from the running app."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from tests.serving.world import NOW, World, served

from holdfast.errors import ConfigError
from holdfast.serving.auth import Role, Tokens, add_token, make_token, read_tokens
from holdfast.serving.routes import READ, ROUTES, WRITE, Route, Table
from holdfast.serving.service import Page

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TOKENS = {role: make_token(role, role, now=0) for role in Role}
OLD, OLD_ENTRY = make_token("old", Role.ADMIN, now=0, days=1)
BOOK = Tokens([*(entry for _, entry in TOKENS.values()), OLD_ENTRY])


def path_of(route: Route) -> str:
    path = route.path.replace("{model}", "loan").replace("{incident}", "i1")
    return path.replace("{verb}", "resolve")


def bearer(role: Role) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKENS[role][0]}"}


@served
async def test_every_route_and_method_is_open_to_its_roles_and_to_nobody_else():
    declared = {(r.method, path_of(r)): r for r in ROUTES}
    async with World(tokens=lambda: BOOK) as world:
        for path in {path_of(route) for route in ROUTES}:
            for method in METHODS:
                route = declared.get((method, path))
                for role in Role:
                    status, _, _ = await world.ask(method, path, b"", bearer(role))
                    if route is None:
                        assert status == 405, (method, path)
                    elif route.public or role in route.roles:
                        assert status not in (401, 403), (method, path, role)
                    else:
                        assert status == 403, (method, path, role)
                for headers in ({}, {"authorization": "Bearer hf_wrong"}, {"authorization": OLD}):
                    status, _, _ = await world.ask(method, path, b"", headers)
                    if route is None:
                        assert status == 405
                    else:
                        assert (status == 401) is not route.public, (method, path, headers)


@served
async def test_an_expired_token_is_no_token():
    async with World(tokens=lambda: BOOK) as world:
        headers = {"authorization": f"Bearer {OLD}"}
        assert (await world.ask("GET", "/v1/models", b"", headers))[0] == 401


def test_writing_and_reading_roles_are_apart():
    assert {Role.CLIENT, Role.ADMIN} == WRITE
    assert Role.CLIENT not in READ


def test_a_route_without_roles_fails_at_start():
    bare = Route(method="GET", path="/x", roles=frozenset(), name="x", summary="")
    with pytest.raises(ConfigError, match="who may use it"):
        Table([*ROUTES, bare])


@served
async def test_a_handler_outside_the_table_fails_at_start():
    async with World() as world:
        from holdfast.serving.gate import Gate

        with pytest.raises(ConfigError, match="do not match"):
            Gate(
                Table(ROUTES[:1]),
                {"predict": world.service.app._handlers["predict"], "odd": None},
                tokens=lambda: None,
                clock=lambda: NOW,
                metrics=world.service.metrics,
            )


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.x:80"])
@served
async def test_a_foreign_host_name_is_refused_on_every_route(host: str):
    async with World() as world:
        for route in ROUTES:
            status, _, answer = await world.ask(route.method, path_of(route), b"{}", {"host": host})
            assert (status, answer["code"]) == (421, "HF-E-REQUEST-HOST")


@served
async def test_writes_from_other_sites_are_refused_and_own_ones_are_not():
    async with World() as world:
        for route in ROUTES:
            if not route.writes:
                continue
            for origin in (
                "https://evil.example",
                "null",
                "http://127.0.0.1:9",
                "http://localhost",
            ):
                status, _, _ = await world.ask("POST", path_of(route), b"{}", {"origin": origin})
                assert status == 403
            status, _, _ = await world.ask(
                "POST", path_of(route), b"{}", {"origin": "http://127.0.0.1:8000"}
            )
            assert status not in (403, 421)


@served
async def test_a_browser_may_log_in_to_read_but_not_to_write():
    token = TOKENS[Role.ADMIN][0]
    basic = {"authorization": "Basic " + base64.b64encode(f"me:{token}".encode()).decode()}
    async with World(tokens=lambda: BOOK) as world:
        assert (await world.ask("GET", "/v1/models", b"", basic))[0] == 200
        assert (await world.ask("POST", "/v1/models/loan/predict", b"{}", basic))[0] == 401
        broken = {"authorization": "Basic ???"}
        assert (await world.ask("GET", "/v1/models", b"", broken))[0] == 401


@served
async def test_a_failing_page_is_500_without_its_inside():
    async def fails(request):
        raise ValueError("secret inside")

    route = Route(method="GET", path="/page", roles=READ, name="page", summary="", page=True)
    async with World(pages=[Page(route, fails)]) as world:
        status, _, answer = await world.ask("GET", "/page")
        assert status == 500
        assert "secret" not in str(answer)


def test_a_token_file_holds_hashes_only_and_is_private(tmp_path: Path):
    path = tmp_path / "tokens.json"
    one = add_token(path, "app", "client", now=1)
    two = add_token(path, "me", Role.ADMIN, now=2, days=30)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    assert one not in content
    assert two not in content
    book = Tokens(read_tokens(path).tokens)
    assert book.role_of(one.encode(), now=3) is Role.CLIENT
    assert book.role_of(two.encode(), now=31 * 86_400_000_000) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_a_token_file_open_to_others_is_refused(tmp_path: Path):
    path = tmp_path / "tokens.json"
    add_token(path, "app", "client", now=1)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        read_tokens(path)


def test_an_unknown_role_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(ConfigError, match="client, viewer, operator, releaser, admin"):
        add_token(tmp_path / "t", "x", "root", now=0)
