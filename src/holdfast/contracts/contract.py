"""The contract as users hold it: learn, check, guard, save, load, compare."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.contracts.canonical import canonical_json, contract_id, from_json
from holdfast.contracts.model import (
    SERVING_ROLES,
    ContractData,
    Field,
    Policy,
    Role,
)
from holdfast.contracts.validate import validate
from holdfast.errors import ContractError, UsageError

if TYPE_CHECKING:
    from holdfast.contracts.report import CheckReport


class Contract:
    """What a table or row must look like.

    Example:
        >>> rows = [{"age": 20 + i % 40, "job": "ab"[i % 2]} for i in range(400)]
        >>> contract = Contract.learn(rows)
        >>> contract.features
        ('age', 'job')
        >>> contract.check(rows).passed
        True
        >>> print(contract.check([{**row, "job": None} for row in rows]).findings[0].sentence)
        `job` is null in 100% of 400 rows; the contract allows 1.3%
    """

    __slots__ = ("data",)

    def __init__(self, data: ContractData) -> None:
        self.data = data

    @classmethod
    def learn(
        cls,
        table: Any,
        *,
        target: str | None = None,
        event_time: str | None = None,
        ids: Sequence[str] = (),
        entities: Sequence[str] = (),
        groups: Sequence[str] = (),
        post_outcome: Sequence[str] = (),
        name: str = "",
        policies: Mapping[str, Policy | str] | None = None,
        seed: int = 0,
    ) -> Contract:
        """Learn a contract from a table that is known to be good.

        Args:
            table: anything `holdfast.frames.read` takes.
            target: the column to predict; absent at serving, like `post_outcome`.
            event_time: the column that says when a row happened.
            ids: columns that name the row.
            entities: columns that name its owner.
            groups: columns that name its group.
            post_outcome: columns known only after the outcome.
            name: name of the contract.
            policies: per field, what to do with a row that violates it; ``allow`` otherwise.
            seed: of the row sample in which cross-field rules are looked for.

        The same rows give the same contract, however they are cut into chunks.
        """
        from holdfast.contracts.learning.learn import learn

        roles: dict[str, Role] = {}
        for role, columns in (
            (Role.GROUP, groups),
            (Role.ENTITY, entities),
            (Role.ID, ids),
            (Role.POST_OUTCOME, post_outcome),
            (Role.EVENT_TIME, [event_time] if event_time is not None else []),
            (Role.TARGET, [target] if target is not None else []),
        ):
            if isinstance(columns, str):
                raise UsageError(
                    "columns must be given as a list",
                    expected=f"[{columns!r}]",
                    got=f"{columns!r}",
                    remedy="put brackets around it",
                )
            roles.update(dict.fromkeys(columns, role))
        made = cls(learn(table, roles=roles, name=name, seed=seed))
        return made.with_policies(policies) if policies else made

    def check(self, table: Any, *, view: str = "training") -> CheckReport:
        """Check a table; a batch complains only beyond chance.

        Args:
            table: anything `holdfast.frames.read` takes.
            view: ``training`` (every column) or ``serving`` (without target and post-outcome).
        """
        from holdfast.contracts.check import check

        if view not in {"training", "serving"}:
            raise UsageError(
                "there is no such view of a contract",
                expected="training or serving",
                got=f"view={view!r}",
            )
        data = self.serving().data if view == "serving" else self.data
        return check(data, table, view=view)

    def guard(self, *, mode: str = "enforce", on_error: str = "closed") -> Any:
        """Compile the serving view to a function from a dict to a `Verdict`.

        Args:
            mode: ``enforce``, or ``shadow`` (same marks, answer untouched).
            on_error: what happens when the guard itself fails: ``closed`` rejects, ``open`` lets
                the row pass and says so.
        """
        from holdfast.contracts.guard import compile_guard

        return compile_guard(self.serving().data, mode=mode, on_error=on_error)

    def serving(self) -> Contract:
        """The contract of a row at serving: without target, post-outcome and ignored columns."""
        kept = tuple(f for f in self.data.fields if f.role in SERVING_ROLES)
        if len(kept) == len(self.data.fields):
            return self
        names = {field.name for field in kept}
        cross = tuple(rule for rule in self.data.cross if names.issuperset(_fields_of(rule)))
        return Contract(msgspec.structs.replace(self.data, fields=kept, cross=cross))

    def with_policies(self, policies: Mapping[str, Policy | str]) -> Contract:
        """The same contract with other policies for the named fields.

        Raises:
            ContractError: an unknown field or policy, or ``impute`` without a value to impute.
        """
        chosen = {name: _policy(name, policy) for name, policy in policies.items()}
        for name, policy in chosen.items():
            field = self.field(name)
            if policy is Policy.IMPUTE and field.impute is None:
                raise ContractError(
                    f"field {name!r} has no value to impute",
                    expected="a field with an impute value",
                    got=f"kind={field.kind.value}",
                    remedy="set `impute` in the contract to what training used",
                )
        fields = tuple(
            msgspec.structs.replace(f, policy=chosen[f.name]) if f.name in chosen else f
            for f in self.data.fields
        )
        return Contract(msgspec.structs.replace(self.data, fields=fields))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the fields a model may use, in table order."""
        return tuple(f.name for f in self.data.fields if f.role is Role.FEATURE)

    @property
    def target(self) -> str | None:
        """Name of the field to predict."""
        return next((f.name for f in self.data.fields if f.role is Role.TARGET), None)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field, in table order."""
        return self.data.fields

    def field(self, name: str) -> Field:
        """One field by name.

        Raises:
            ContractError: there is no such field.
        """
        for field in self.data.fields:
            if field.name == name:
                return field
        raise ContractError(
            f"the contract has no field {name!r}",
            expected="one of " + ", ".join(repr(f.name) for f in self.data.fields[:12]),
            got=f"field={name!r}",
            remedy="check the spelling, capitals included",
        )

    @property
    def id(self) -> str:
        """sha256 (hex) of the canonical JSON: equal contracts have equal ids."""
        return contract_id(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        head = (
            f"Contract {self.data.name!r}: {len(self.fields)} fields, "
            f"{len(self.data.cross)} cross-field rules, learned from {self.data.rows} rows"
        )
        lines = [head, *(f"  {f.name}: {f.kind.value}, {f.role.value}" for f in self.fields)]
        return "\n".join(lines)

    def to_json(self) -> bytes:
        """The contract as indented JSON, UTF-8, always in the same order."""
        return msgspec.json.format(canonical_json(self.data), indent=2)

    @classmethod
    def from_json(cls, document: bytes | str) -> Contract:
        """A contract from its JSON.

        Raises:
            ContractError: the document is malformed, has unknown keys or a newer version.
        """
        return cls(verified(from_json(document)))

    def save(self, path: str | Path) -> Path:
        """Write ``.json``, or ``.yaml`` keeping the comments of a file that is there."""
        target = Path(path)
        if target.suffix == ".json":
            text = self.to_json() + b"\n"
        elif target.suffix in {".yaml", ".yml"}:
            from holdfast.contracts.document import dump_yaml

            previous = target.read_text("utf-8") if target.is_file() else None
            text = dump_yaml(self.data, previous_text=previous).encode()
        else:
            raise _format_error(target)
        partial = target.with_name(target.name + ".tmp")
        with partial.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        return target

    @classmethod
    def load(cls, path: str | Path) -> Contract:
        """Read a contract saved as ``.json`` or ``.yaml``."""
        source = Path(path)
        if source.suffix not in {".json", ".yaml", ".yml"}:
            raise _format_error(source)
        try:
            text = source.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ContractError(
                "the contract cannot be read",
                expected="a UTF-8 file written by Contract.save",
                got=f"name={source.name!r}, {type(error).__name__}",
                remedy="check the path",
            ) from error
        if source.suffix == ".json":
            return cls.from_json(text)
        from holdfast.contracts.document import load_yaml

        return cls(verified(load_yaml(text)))

    def diff(self, other: Contract) -> list[Any]:
        """What changed from this contract to `other`; each change has a `sentence`."""
        from holdfast.contracts.document import diff

        return list(diff(self.data, other.data))


def verified(data: ContractData) -> ContractData:
    """The data itself, or `ContractError` when it contradicts itself."""
    validate(data)
    return data


def _fields_of(rule: Any) -> tuple[str, ...]:
    from holdfast.contracts.rules import fields_of

    return fields_of(rule)


def _policy(name: str, policy: Policy | str) -> Policy:
    try:
        return Policy(policy)
    except ValueError as error:
        raise ContractError(
            f"field {name!r} cannot have this policy",
            expected=", ".join(p.value for p in Policy),
            got=f"policy={policy!r}",
        ) from error


def _format_error(path: Path) -> UsageError:
    return UsageError(
        "a contract is saved as JSON or YAML",
        expected="a name ending in .json, .yaml or .yml",
        got=f"name={path.name!r}",
    )
