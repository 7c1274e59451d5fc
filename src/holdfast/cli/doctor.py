"""``holdfast doctor``: is this installation able to do its work?"""

from __future__ import annotations

from holdfast.cli import options, output, table

app = table.new()


@app.command()
def doctor(
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Check this installation and, where there is one, the store.

    Versions against the ranges Holdfast is tested with, the disk under the store, whether what was
    written there can be read again, and every release's files against their hashes.
    """
    output.known_format(format)
    from holdfast.cli.health import examine

    output.emit(examine(store), format, json=json, fail_on=fail_on)
