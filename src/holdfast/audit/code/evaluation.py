"""What every kind of expression stands for."""

from __future__ import annotations

import ast

from holdfast.audit.code.expressions import attribute, subscript
from holdfast.audit.code.naming import dotted
from holdfast.audit.code.state import State
from holdfast.audit.code.trace import NOTHING, Value


class Evaluation:
    """Evaluates expressions over the names of a walk; the walk itself gives the rest."""

    state: State
    scopes: list[dict[str, Value]]

    def get(self, name: str) -> Value | None:
        """What a name stands for, or None."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds a target."""
        raise NotImplementedError

    def called(self, node: ast.Call) -> Value:
        """What a call gives."""
        raise NotImplementedError

    def value(self, node: ast.expr | None) -> Value:
        """What an expression stands for."""
        if node is None:
            return NOTHING
        method = getattr(self, f"_v_{type(node).__name__.lower()}", None)
        if method is None:
            return NOTHING
        found = method(node)
        assert isinstance(found, Value)  # noqa: S101
        return found

    def _v_name(self, node: ast.Name) -> Value:
        return self.get(node.id) or NOTHING

    def _v_constant(self, node: ast.Constant) -> Value:
        return Value("text", text=node.value) if isinstance(node.value, str) else NOTHING

    def _v_joinedstr(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.value(part.value)
        return NOTHING

    def _v_attribute(self, node: ast.Attribute) -> Value:
        name = dotted(node)
        known = self.get(name) if name else None
        if known is not None and known.kind != "function":
            return known
        return attribute(self.state, self.value(node.value), node.attr, node.lineno)

    def _v_call(self, node: ast.Call) -> Value:
        return self.called(node)

    def _v_subscript(self, node: ast.Subscript) -> Value:
        return subscript(self.state, self.value(node.value), self.value(node.slice), node)

    def _v_slice(self, node: ast.Slice) -> Value:
        for part in (node.lower, node.upper, node.step):
            self.value(part)
        return NOTHING

    def _v_tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Value:
        items = tuple(self.value(item) for item in node.elts)
        known = [item for item in items if item.kind == "text"]
        return Value(
            "tuple", items=items, text=known[0].text if len(known) == 1 == len(items) else ""
        )

    _v_list = _v_set = _v_tuple

    def _v_dict(self, node: ast.Dict) -> Value:
        items = [self.value(item) for item in (*node.values, *node.keys)]
        return Value("tuple", items=tuple(items))

    def _v_starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def _v_await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _v_namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.assign(node.target, value)
        return value

    def _v_ifexp(self, node: ast.IfExp) -> Value:
        self.state.decide(self.value(node.test), node.lineno)
        one, other = self.value(node.body), self.value(node.orelse)
        return one if one.kind != "other" else other

    def _v_unaryop(self, node: ast.UnaryOp) -> Value:
        return self.value(node.operand)

    def _v_binop(self, node: ast.BinOp) -> Value:
        return self.state.combine(self.value(node.left), self.value(node.right), node.lineno)

    def _v_boolop(self, node: ast.BoolOp) -> Value:
        values = [self.value(item) for item in node.values]
        return next((v for v in values if v.kind in {"mask", "score"}), values[0])

    def _v_compare(self, node: ast.Compare) -> Value:
        values = [self.value(node.left), *(self.value(item) for item in node.comparators)]
        scored = [v for v in values if v.kind == "score"]
        if scored:
            return scored[0]
        rows = [v for v in values if v.kind in {"data", "stat"}]
        if not rows:
            return Value("mask")
        rows.sort(key=lambda v: (v.kind != "data", not v.oid))
        touch = self.state.choosing(frozenset[int]().union(*(v.touch for v in rows)))
        return Value("mask", rows[0].parts, touch, rows[0].label, oid=rows[0].oid)

    def _v_listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        return self._comprehension(node.generators, node.elt)

    _v_generatorexp = _v_setcomp = _v_listcomp

    def _v_dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehension(node.generators, node.value)

    def _comprehension(self, generators: list[ast.comprehension], element: ast.expr) -> Value:
        touch = frozenset[int]()
        with self.state.loop():
            inner = dict(self.scopes[-1])
            outer, self.scopes[-1] = self.scopes[-1], inner
            for part in generators:
                self.assign(part.target, self.state.member(self.value(part.iter), element.lineno))
                tests = [self.value(test) for test in part.ifs]
                touch |= frozenset[int]().union(*(test.touch for test in tests))
            value = self.value(element)
            self.scopes[-1] = outer
        if value.kind == "other" and touch:
            return Value("stat", touch=touch)
        return Value("tuple", items=(value,))

    def _v_lambda(self, node: ast.Lambda) -> Value:
        return Value("function", name="lambda", node=node)
