"""``holdfast compare``: what changed between two tables, and whether it matters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from holdfast.evaluation import Costs

app = table.new()


@app.command()
def compare(
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="A table known to be normal.")
    ],
    current: Annotated[Path, typer.Argument(metavar="CURRENT", help="The table in question.")],
    target: options.Target = None,
    score: Annotated[
        str | None, typer.Option("--score", help="Column that holds the scores of both tables.")
    ] = None,
    contract: options.ContractFile = None,
    release: Annotated[
        str | None,
        typer.Option(
            "--release",
            help="Release that scores both tables: an id, `champion`, or a release's folder.",
        ),
    ] = None,
    store: options.Store = None,
    model: options.Model = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Compare only this column; may be repeated."),
    ] = None,
    cost_fp: Annotated[
        float | None, typer.Option("--cost-fp", help="Cost of a wrong positive decision.")
    ] = None,
    cost_fn: Annotated[
        float | None, typer.Option("--cost-fn", help="Cost of a wrong negative decision.")
    ] = None,
    show_values: Annotated[
        bool,
        typer.Option("--show-values", help="Show categories and bounds that no contract names."),
    ] = False,
    error: Annotated[
        float,
        typer.Option("--error", help="Chance of any change between two samples of one source."),
    ] = 0.01,
    floor: Annotated[
        float, typer.Option("--floor", help="Smallest shift that matters, in standard deviations.")
    ] = 0.07,
    skew: Annotated[
        bool,
        typer.Option(
            "--skew",
            help="Row by row: REFERENCE as served, CURRENT as training saw it; needs --key.",
        ),
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="Column that names the rows of both; may be repeated."),
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", help="Column that names the rows' owner (--skew).")
    ] = None,
    event_time: options.EventTime = None,
    relative: Annotated[
        float, typer.Option("--relative", help="Tolerance of numbers (--skew).")
    ] = 1e-6,
    absolute: Annotated[
        float, typer.Option("--absolute", help="Tolerance of numbers (--skew).")
    ] = 1e-9,
    allowed: Annotated[
        float, typer.Option("--allowed", help="Share of mismatches that is fine (--skew).")
    ] = 0.001,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="CURRENT holds raw requests, which train.py's transform(table) turns into "
            "features (--skew).",
        ),
    ] = False,
    single: Annotated[
        bool,
        typer.Option(
            "--single",
            help="REFERENCE is a release's folder, CURRENT its rows: each alone against all "
            "together (--skew).",
        ),
    ] = False,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Show the keys of example rows (--skew).")
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Compare a table with a reference: what changed, whether it matters, the probable cause.

    A column changed when a difference is beyond chance, over all columns together, and large
    enough to matter. Exits 1 when something that matters changed, or it could not be told.

    With --skew the rows themselves are compared: what was served against what training saw.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    if skew and single:
        from holdfast.cli.compare_skew import single_rows

        single_rows(
            reference, current, ids=key[0] if key else None, show_ids=show_ids, seed=seed,
            json=json, format=format, fail_on=fail_on,
        )  # fmt: skip
        return
    if skew:
        from holdfast.cli.compare_skew import compare_skew

        compare_skew(
            reference, current, key=key or (), features=columns, contract=contract, entity=entity,
            event_time=event_time, relative=relative, absolute=absolute, allowed=allowed,
            replay=replay, show_ids=show_ids, seed=seed, json=json, format=format, fail_on=fail_on,
        )  # fmt: skip
        return
    from holdfast.comparison import compare as compared
    from holdfast.contracts import Contract

    costs = _costs(cost_fp, cost_fn)
    chosen = None
    if release is not None or model is not None:
        from holdfast.app.home import opened
        from holdfast.releases import Release

        folder = Path(release) if release is not None else None
        if folder is not None and folder.is_dir():
            chosen = Release.open(folder)
        else:
            with opened(store, read_only=True) as home:
                _, chosen = home.release(model, release or "champion")
    with output.progress("comparing"):
        found = compared(
            reference,
            current,
            contract=None if contract is None else Contract.load(contract),
            release=chosen,
            target=target,
            score=score,
            costs=costs,
            columns=columns,
            show_values=show_values,
            error=error,
            floor=floor,
            seed=seed,
        )
    name = f"{current.name} with {reference.name}"
    output.emit(found.document(name), format, json=json, fail_on=fail_on)


def _costs(false_positive: float | None, false_negative: float | None) -> Costs | None:
    """Both costs or none."""
    if false_positive is None and false_negative is None:
        return None
    from holdfast.errors import UsageError
    from holdfast.evaluation import Costs

    if false_positive is None or false_negative is None:
        raise UsageError(
            "one cost alone decides nothing",
            expected="--cost-fp and --cost-fn",
            got=f"cost_fp={false_positive}, cost_fn={false_negative}",
        )
    return Costs(false_positive, false_negative)
