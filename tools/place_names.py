"""How the places of a sentence are named: by the last name in the expression that stands there."""

from __future__ import annotations

import ast

_WHOLE_NAMES = frozenset({"span", "percent", "shown", "quoted", "listed", "join", "title", "ends"})
"""Functions that only put into form what they are given: the place is named after that."""
_BUILTINS = frozenset({"str", "int", "len", "round", "max", "min", "ceil", "float", "sorted"})
_METHODS = frozenset({"removesuffix", "removeprefix", "strip", "decode", "lower", "split"})


class Names:
    """Names the places of one sentence; two expressions of one name are told apart by a number."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def of(self, node: ast.expr) -> str:
        """Return the place of an expression."""
        base, written = _name(node).strip("_").lower() or "value", ast.unparse(node)
        name, count = base, 1
        while self._taken.setdefault(name, written) != written:
            count += 1
            name = f"{base}{count}"
        return f"{{{name}}}"


def _name(node: ast.expr) -> str:
    """Return the last name in an expression: what stands there, in a word."""
    while (inner := _inner(node)) is not None:
        if isinstance(node, ast.GeneratorExp) and isinstance(inner, ast.JoinedStr):
            return "items"
        node = inner
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name
    return "value"


def _inner(node: ast.expr) -> ast.expr | None:
    """Return the part of an expression that names it; None where it has a name itself, or none."""
    match node:
        case ast.Call(func=func, args=args):
            return _inner_of_call(func, args)
        case ast.BinOp(left=left, right=right):
            return right if isinstance(left, ast.Constant) else left
        case ast.BoolOp(values=[first, *_]) | ast.GeneratorExp(elt=first) | ast.ListComp(elt=first):
            return first
        case ast.JoinedStr(values=parts):
            return next((part for part in parts if isinstance(part, ast.FormattedValue)), None)
        case ast.Subscript(value=value) | ast.FormattedValue(value=value) | ast.IfExp(body=value):
            return value
    return None


def _inner_of_call(func: ast.expr, args: list[ast.expr]) -> ast.expr | None:
    if isinstance(func, ast.Attribute) and func.attr in _METHODS:
        return func.value
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return args[0] if args and name in _WHOLE_NAMES | _BUILTINS else None
