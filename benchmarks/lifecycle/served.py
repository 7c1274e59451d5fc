"""Promotions that must not succeed, asked of a real server: its forms and its API.

Whoever asks has the token of some role, a wrong one or none; the form may be an old one, come from
elsewhere, or be right in everything but the release that it names.
"""

from __future__ import annotations

import base64
import http.client
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.lifecycle.forbidden import CONDITIONS, SHUT, answers, bundles, opened, prepared
from holdfast.demo.processes import running
from holdfast.releases.lifecycle import verify

ROLES = ("client", "viewer", "operator", "releaser", "admin")
#: roles that may move releases: they are tried with what even they may not
MAY_MOVE = ("releaser", "admin")
#: what an API to promote might be called
PATHS = (
    "/v1/models/loan/releases/{release}", "/v1/models/loan/releases/{release}/promote",
    "/v1/models/loan/promote", "/v1/models/loan/champion", "/v1/models/loan",
)  # fmt: skip


def tokens(folder: Path) -> dict[str, str]:
    """A token for each role, made by the command."""
    found = {"nobody": "", "a stranger": "hf_wrong"}
    for role in ROLES:
        words = ["serve", "--new-token", f"{role}:{role}", "--token-file", "tokens.json"]
        command = [sys.executable, "-m", "holdfast", *words]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        found[role] = next(word for word in made.stdout.split() if word.startswith("hf_"))
    return found


def served(count: int, seed: int) -> dict[str, Any]:
    """Tries `count` times, half of them under a freeze; the result is as that of `attempt`."""
    chance = random.Random(seed)
    refused: Counter[str] = Counter()
    succeeded: Counter[str] = Counter()
    unnoticed = done = 0
    for frozen in (False, True):
        with tempfile.TemporaryDirectory() as name, opened(Path(name)) as store:
            folder = Path(name)
            prepared(store, frozen)
            known, before = tokens(folder), answers(store)
            words = ["holdfast", "serve", "--store", "holdfast.db", "--port", "0"]
            words += ["--token-file", "tokens.json", "--ready-file", "{ready}"]
            with running(words, folder, "holdfast") as url:
                connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
                for _ in range(count // 2):
                    who = chance.choice(list(known))
                    shut = SHUT if who in MAY_MOVE else CONDITIONS
                    condition = "frozen" if frozen else chance.choice(shut)
                    release = bundles().ids[condition]
                    ask = chance.choice((_form, _api))
                    door, status = ask(
                        connection, url, release, known[who], store.lifecycle.rev("loan"), chance
                    )
                    done += 1
                    refused[f"{door} as {who}"] += status >= 400
                    changed, told = answers(store) != before, verify(store, "loan")
                    unnoticed += changed and told == ()
                    if changed or told or status < 400:
                        succeeded[f"{door} as {who}: {condition}"] += 1
                        before = answers(store)
                connection.close()
    return {
        "attempts": done,
        "seed": seed,
        "refused": dict(sorted(refused.items())),
        "succeeded": dict(sorted(succeeded.items())),
        "unnoticed": unnoticed,
    }


def _form(
    connection: http.client.HTTPConnection, url: str, release: str, token: str, rev: int,
    chance: random.Random,
) -> tuple[str, int]:  # fmt: skip
    """The form of the release's page; now and then an old one, or one of another site."""
    odd = chance.choice(("", "", "", "old form", "form of another site", "rollback"))
    move = "rollback" if odd == "rollback" else "promote"
    seen = rev - 1 if odd == "old form" else rev
    body = urlencode({"move": move, "reason": "attempt", "seen": seen})
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": "http://elsewhere.example" if odd == "form of another site" else url.rstrip("/"),
    }
    if token:
        login = base64.b64encode(f"ada:{token}".encode()).decode()
        headers["authorization"] = f"Basic {login}"
    path = f"/models/loan/releases/{release}"
    return odd or "form", _status(connection, "POST", path, body, headers)


def _api(
    connection: http.client.HTTPConnection, url: str, release: str, token: str, rev: int,
    chance: random.Random,
) -> tuple[str, int]:  # fmt: skip
    """What an API to promote might be; there is none."""
    path = chance.choice(PATHS).format(release=release)
    method = chance.choice(("POST", "PUT", "PATCH", "DELETE"))
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = f'{{"release": "{release}", "stage": "champion", "reason": "attempt"}}'
    return "API", _status(connection, method, path, body, headers)


def _status(
    connection: http.client.HTTPConnection, method: str, path: str, body: str,
    headers: dict[str, str],
) -> int:  # fmt: skip
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (http.client.HTTPException, ConnectionError):
        connection.close()  # the server closes after some refusals; the next one opens it again
        return 400
    return answer.status
