"""Walks through the statements in the order in which they would run; nothing is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from holdfast.audit.code.calls import call
from holdfast.audit.code.evaluation import Evaluation
from holdfast.audit.code.naming import dotted, target_columns
from holdfast.audit.code.state import State
from holdfast.audit.code.trace import NOTHING, Trace, Value
from holdfast.audit.code.vocabulary import is_label

#: functions inside functions are followed this deep
DEEPEST = 6
_ROWS = re.compile(r"^(?:[xX]|[yY]|df|data|train|test)(?:_|$)|_df$|_data$|^X[A-Z]")
#: calls followed in one script; a script that needs more repeats itself
MOST_CALLS = 3_000


def trace(tree: ast.Module) -> Trace:
    """What a script does with its rows: fits, splits, scores, and what reached what.

    Functions are followed where they are called; those that are never called are read once, with
    rows of unknown origin for their arguments.
    """
    walk = Walk()
    walk.state.targets = target_columns(tree)
    walk.block(tree.body)
    walk.leftovers()
    return walk.state.trace


class Walk(Evaluation):
    """The walk itself: names and what they stand for."""

    def __init__(self) -> None:
        self.state = State()
        self.scopes: list[dict[str, Value]] = [{}]
        self.returned: list[Value] = []
        self.defined: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        self.entered: set[int] = set()
        self.open: list[int] = []
        self.calls = 0

    # names

    def get(self, name: str) -> Value | None:
        """What a name stands for, or None."""
        for scope in (self.scopes[-1], self.scopes[0]):
            if name in scope:
                return scope[name]
        return None

    def put(self, name: str, value: Value) -> None:
        """Binds a name; rows bound to a name such as ``X_test`` become the rows of that side."""
        if value is NOTHING and _ROWS.search(name):
            value = Value("data", self.state.new_rows())
        self.scopes[-1 if not name.startswith("self.") else 0][name] = self.state.named(name, value)

    def fresh(self, name: str) -> Value:
        """Rows of unknown origin; the same each time the same name is asked."""
        known = self.get(name)
        if known is None:
            known = self.state.named(
                name, Value("data", self.state.new_rows(), label=is_label(name))
            )
            self.scopes[-1][name] = known
        return known

    # statements

    def block(self, body: Iterable[ast.stmt]) -> None:
        """Statements one after the other."""
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)

    def _expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def _assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value))

    def _augassign(self, node: ast.AugAssign) -> None:
        old = self.value(node.target)
        new = self.state.combine(old, self.value(node.value), node.lineno)
        self.assign(node.target, new)

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.returned.append(self.value(node.value))

    def _delete(self, node: ast.Delete) -> None:
        return

    def _assert(self, node: ast.Assert) -> None:
        self.value(node.test)

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.defined.append(node)
        self.scopes[-1][node.name] = Value("function", name=node.name, node=node)

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef) -> None:
        self.scopes[-1][node.name] = Value("class", name=node.name, node=node)
        for part in node.body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                self.defined.append(part)
                self.scopes[0][f"self.{part.name}"] = Value("function", name=part.name, node=part)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.scopes[-1][name] = Value("module", name=alias.name.rpartition(".")[2])

    _importfrom = _import

    def _if(self, node: ast.If) -> None:
        self.state.decide(self.value(node.test), node.lineno)
        self._branches([node.body, node.orelse])

    def _try(self, node: ast.Try) -> None:
        self.block(node.body)
        for handler in node.handlers:
            self._branches([handler.body])
        self.block(node.orelse)
        self.block(node.finalbody)

    _trystar = _try

    def _match(self, node: ast.Match) -> None:
        self.value(node.subject)
        self._branches([case.body for case in node.cases])

    def _branches(self, bodies: list[list[ast.stmt]]) -> None:
        """Ways that exclude one another: all they touch is kept, the first names the rows."""
        before = self.scopes[-1]
        kept: dict[str, Value] = dict(before)
        changed: set[str] = set()
        for body in bodies:
            self.scopes[-1] = dict(before)
            self.block(body)
            for name, value in self.scopes[-1].items():
                if before.get(name) is value:
                    continue
                if name in changed:
                    kept[name] = kept[name].having(touch=kept[name].touch | value.touch)
                else:
                    kept[name] = value
                    changed.add(name)
        before.update(kept)
        self.scopes[-1] = before

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        over = self.value(node.iter)
        with self.state.loop():
            self.assign(node.target, self.state.member(over, node.lineno))
            self.block(node.body)
        self.block(node.orelse)

    _asyncfor = _for

    def _while(self, node: ast.While) -> None:
        with self.state.loop():
            self.state.decide(self.value(node.test), node.lineno)
            self.block(node.body)
        self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.value(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self.block(node.body)

    _asyncwith = _with

    # assignment

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds a target: a name, a tuple, an attribute, or a column of a frame."""
        if isinstance(target, ast.Name):
            self.put(target.id, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value)
        elif isinstance(target, ast.Tuple | ast.List):
            names = [
                dotted(item)
                for item in ast.walk(target)
                if isinstance(item, ast.Name | ast.Attribute)
            ]
            items = self.state.unpack(
                value, len(target.elts), [n for n in names if n], target.lineno
            )
            for one, item in zip(target.elts, items, strict=True):
                self.assign(one, item)
        elif isinstance(target, ast.Attribute):
            name = dotted(target)
            if name:
                self.put(name, value)
        elif isinstance(target, ast.Subscript):
            self._column(target, value)

    def _column(self, target: ast.Subscript, value: Value) -> None:
        """``frame[column] = value``: the frame now depends on what the value depends on."""
        holder: ast.expr = target.value
        while isinstance(holder, ast.Attribute) and holder.attr in {
            "loc",
            "iloc",
            "at",
            "iat",
            "values",
        }:
            holder = holder.value
        name = dotted(holder)
        if not name:
            return
        known = self.get(name)
        if known is None:
            known = self.fresh(name)
        if isinstance(target.slice, ast.Constant) and target.slice.value in self.state.targets:
            return  # the label itself
        if known.kind in {"tuple", "other"} and value.kind in {"score", "estimator"}:
            self.put(name, Value("tuple", items=(*known.items, value)))
        if known.kind == "data":
            value = self.state.reach(value, known, target.lineno)
            self.put(name, known.having(touch=known.touch | value.touch))

    def called(self, node: ast.Call) -> Value:
        """What a call gives."""
        return call(self, node)

    # functions

    def enter(self, node: ast.AST, given: list[Value], named: dict[str, Value]) -> Value:
        """Follows a function of the script with these arguments; gives what it returns."""
        self.calls += 1
        if id(node) in self.open or len(self.open) >= DEEPEST or self.calls > MOST_CALLS:
            return next((v for v in given if v.kind == "data"), NOTHING)
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)  # noqa: S101
        self.entered.add(id(node))
        self.open.append(id(node))
        scope = dict(self.scopes[-1]) if len(self.scopes) > 1 else {}
        self.scopes.append(scope)
        kept, self.returned = self.returned, []
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        if names[:1] in (["self"], ["cls"]):
            names = names[1:]
        bound = dict(zip(names, given, strict=False))
        bound.update(named)
        for name in (*names, *(a.arg for a in node.args.kwonlyargs)):
            value = bound.get(name)
            if value is None:
                scope.pop(name, None)
                if not self._has_default(node, name):
                    self.fresh(name)
            else:
                scope[name] = value  # what the caller knows is better than what the name says
        if isinstance(node, ast.Lambda):
            self.returned.append(self.value(node.body))
        else:
            self.block(node.body)
        found = [v for v in self.returned if v.kind != "other"]
        self.returned = kept
        self.scopes.pop()
        self.open.pop()
        return found[-1] if found else NOTHING

    @staticmethod
    def _has_default(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> bool:
        args = node.args
        places = [a.arg for a in (*args.posonlyargs, *args.args)]
        given = places[len(places) - len(args.defaults) :] if args.defaults else []
        given += [
            a.arg for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None
        ]
        return name in given

    def leftovers(self) -> None:
        """Functions that nobody called are read once, each with rows of its own."""
        for node in list(self.defined):
            if id(node) not in self.entered:
                self.enter(node, [], {})
