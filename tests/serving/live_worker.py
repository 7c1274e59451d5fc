"""A worker program for tests: the real process, socket, store and log; a scorer of one rule."""

from __future__ import annotations

import socket
import sys
from typing import Any

from tests.serving.world import Source

from holdfast.app.programs import _child, _tell, make_service
from holdfast.models import forbid_pickle
from holdfast.serving.worker import follow_parent, run


def main() -> None:
    settings, number, folder, (sock, life, status) = _child()
    follow_parent(life)
    forbid_pickle()
    source: Any = Source()
    run(
        lambda: make_service(settings, number, folder, source=source),
        socket.socket(fileno=sock),
        lambda: _tell(status),
    )


if __name__ == "__main__":
    sys.exit(main())
