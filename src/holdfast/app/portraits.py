"""What the pages know of a release without loading its models: contract, reference, shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.web import figures

if TYPE_CHECKING:
    from holdfast.contracts.model import Field
    from holdfast.releases.records import Reference


class Kept(msgspec.Struct, frozen=True):
    """What the pages need of a release: plain files of its bundle, no model."""

    contract: Any
    reference: Any


@lru_cache(maxsize=16)
def kept(folder: Path) -> Kept:
    """Contract and reference of a release; its id is its content, so this never grows old."""
    from holdfast.contracts import Contract
    from holdfast.releases.bundle import decode
    from holdfast.releases.records import Reference

    return Kept(
        Contract.from_json((folder / "contract.json").read_bytes()),
        decode((folder / "reference.json").read_bytes(), Reference, "reference.json"),
    )


def shape(release: Kept, feature: str) -> figures.Shape | None:
    """What a release remembers of a feature's distribution; None: nothing.

    A reference with a mapping `portraits` (feature → record with the fields of `figures.Shape`)
    is shown beside the rows of today. One without knows counts of marks only.
    """
    portraits = getattr(release.reference, "portraits", None)
    if not isinstance(portraits, Mapping):
        return None
    return figures.shape_of(portraits.get(feature))


def usual(reference: Reference, mark: str) -> float | None:
    """Share of the reference's rows with a mark; None where it counted no row."""
    if not reference.rows:
        return None
    marked = reference.marks.get(mark, 0) + reference.marks.get(f"~{mark}", 0)
    return marked / reference.rows


def bars_of(
    field: Field, values: Sequence[Any], known: figures.Shape | None, *, shown: bool
) -> figures.Bars | None:
    """The distribution of some values by the kind that the contract gives the field."""
    from holdfast.contracts.model import CategoriesRule, Kind
    from holdfast.frames.values import ValueKind, read_values
    from holdfast.web.words import limits_of

    if field.kind in (Kind.NUMERIC, Kind.INTEGER):
        numbers = read_values(ValueKind.NUMBER, list(values)).numbers
        return figures.number_bars(numbers, known, limits_of(field))
    if field.kind in (Kind.CATEGORICAL, Kind.BOOLEAN):
        names = [_spelled(v) for v in values if v is not None]
        allowed = [
            _spelled(v)
            for rule in field.rules
            if isinstance(rule, CategoriesRule)
            for v in rule.values
        ]
        plain = shown or field.kind is Kind.BOOLEAN
        return figures.category_bars(names, known, allowed, shown=plain)
    return None


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
