"""Wrong versions of a file by rule, each one small change away from it.

What a hurried hand might have written: another operator, a number off by one, a condition turned
round, a statement or a decorator left out, two arguments swapped, nothing returned.  Text (strings,
formatted ones too) and annotations are left as they are.
"""

import ast
import itertools
from typing import NamedTuple

ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
              ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
              ast.MatMult: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
              ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd}
COMPARISONS = {ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
               ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
               ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
               ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt)}
BOOLEAN = {ast.And: ast.Or, ast.Or: ast.And}
SYMMETRIC = {"min", "max", "minimum", "maximum"}  # of two arguments, whichever comes first
NAMED = (ast.FunctionDef, ast.ClassDef)
UNTOUCHED = {"annotation", "returns"}             # the fields of a node that hold types


class Change(NamedTuple):
    """`old` becomes `new` from the byte `start` of a file on, in the line `code` of a function."""

    file: str
    within: str
    line: int
    code: str
    column: int
    kind: str
    old: str
    new: str
    start: int

    def of(self, source):
        """The wrong version of the source."""
        data = source.encode()
        end = self.start + len(self.old.encode())
        return (data[:self.start] + self.new.encode() + data[end:]).decode()

    @property
    def name(self):
        """What tells it from every other change, wherever its line moves."""
        return f"{self.file}:{self.within}: {self.code} [{self.column}] {self.kind}: {self.new}"


def changes(source, file=""):
    """Every `Change` of the source, in the order of its lines."""
    data, lines = source.encode(), source.split("\n")
    offsets = [0, *itertools.accumulate(len(line.encode()) + 1 for line in lines)]
    found = []
    for node, within in _nodes(ast.parse(source), ""):
        for kind, (row, first), last, new in _wrong(node, within):
            start = offsets[row - 1] + first
            end = offsets[last.end_lineno - 1] + last.end_col_offset
            code = lines[row - 1].partition("  # ")[0].rstrip()
            column = first - len(code) + len(code.lstrip())
            found.append(Change(file, within, row, code.strip(), column, kind,
                                data[start:end].decode(), new, start))
    return sorted(found, key=lambda change: (change.start, change.kind, change.new))


def _nodes(node, within):
    """Each node that may be changed, and the name of the function that it is in."""
    if isinstance(node, NAMED):
        within = f"{within}.{node.name}".lstrip(".")
    yield node, within
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and field not in UNTOUCHED \
                    and not isinstance(child, ast.JoinedStr):
                yield from _nodes(child, within)


def _wrong(node, within):
    """(kind, first place, the node that ends the old text, new text) of what changes a node."""
    if isinstance(node, ast.expr):
        for kind, new in _expressions(node):
            if ast.dump(new) != ast.dump(node):
                yield kind, _place(node), node, f"({ast.unparse(new)})"
    elif isinstance(node, NAMED):
        for decorator in node.decorator_list:
            yield "decorator", (decorator.lineno, node.col_offset), decorator, "#"
    elif isinstance(node, ast.If | ast.While):
        yield "condition", _place(node.test), node.test, f"(not ({ast.unparse(node.test)}))"
    elif within and isinstance(node, ast.stmt):
        for kind, new in _statements(node):
            yield kind, _place(node), node, new


def _expressions(node):
    match node:
        case ast.BinOp(left, operator, right):
            yield "arithmetic", ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.Compare(left, operators, others):
            for i, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    yield "comparison", ast.Compare(left, _with(operators, i, other()), others)
        case ast.BoolOp(operator, values):
            yield "boolean", ast.BoolOp(BOOLEAN[type(operator)](), values)
        case ast.UnaryOp(_, operand):
            yield "sign", operand
        case ast.IfExp(test, body, otherwise):
            yield "condition", ast.IfExp(test, otherwise, body)
        case ast.Constant(bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (("number", ast.Constant(value + step)) for step in (-1, 1))
        case ast.Call(function, arguments, named) if _last(function) not in SYMMETRIC:
            for i, (one, two) in enumerate(zip(arguments, arguments[1:], strict=False)):
                swapped = _with(_with(arguments, i, two), i + 1, one)
                yield "arguments", ast.Call(function, swapped, named)


def _statements(node):
    match node:
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield "return", "return None"
        case ast.Break():
            yield "loop", "continue"
        case ast.Continue():
            yield "loop", "break"
        case ast.Expr(ast.Constant()):
            return                                # a docstring
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield "statement", "pass"


def _last(function):
    return ast.unparse(function).rpartition(".")[2]


def _with(things, i, thing):
    return [*things[:i], thing, *things[i + 1:]]


def _place(node):
    return node.lineno, node.col_offset
