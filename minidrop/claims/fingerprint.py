"""By which code the runs of a claim are made: a hash of the syntax of all that they execute here.

Here is minidrop.claims: its functions and classes that `run` reaches, and the constants that they
read.  Words, comments and layout do not count, nor the module that a function stands in, nor what
judges and draws.  The rest of minidrop does not either: of that a record tells the version.

This file needs no other of minidrop, so that it can be held against a checkout of older code.
"""

import ast
import functools
import hashlib
import inspect
import symtable
import sys
import types

HERE = "minidrop.claims"
WORDS = ("ctx", "kind", "type_comment")           # fields of a syntax tree that say nothing


def of(run):
    """The fingerprint of a claim's `run`: 16 digits.

    TypeError where `run` is neither a function nor a partial of one.
    """
    if not isinstance(run, types.FunctionType | functools.partial):
        raise TypeError("run of a claim must be a function or a partial of one, got "
                        f"{type(run).__name__}")
    found: dict = {}
    text = _text(run, found, root=True)
    whole = "\n".join([text, *found.values()])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _text(value, found, root=False):
    """What a value says; functions and classes of here come into `found` on the way."""
    if isinstance(value, functools.partial):
        parts = value.func, value.args, value.keywords
        return f"partial{[_text(part, found, root) for part in parts]}"
    if hasattr(value, "__wrapped__"):
        value = inspect.unwrap(value)
    if isinstance(value, types.FunctionType | type):
        if (root or _here(value)) and value not in found:
            found[value] = ""                     # its place is kept, and a circle ends
            found[value] = _statement(value, found)
        return f"{value.__name__} {[*found].index(value)}" if value in found else value.__name__
    if isinstance(value, dict):
        return str([(_text(key, found), _text(one, found)) for key, one in value.items()])
    if isinstance(value, list | tuple):
        return str([_text(one, found) for one in value])
    if isinstance(value, set | frozenset):
        return str(sorted(_text(one, found) for one in value))
    plain = isinstance(value, str | bytes | int | float | complex | range | None)
    return repr(value) if plain else type(value).__name__


def _here(value):
    """Whether it is a function, class or module of the package of claims."""
    name = (value.__name__ if isinstance(value, types.ModuleType) else
            getattr(value, "__module__", None) or "")
    return name == HERE or name.startswith(f"{HERE}.")


def _statement(thing, found):
    """The syntax of a function or class, and the constants that it reads, as a text."""
    nodes = _nodes(thing)
    if not nodes:                                 # typed at a prompt, for instance
        return f"{thing.__module__}.{thing.__qualname__}"
    there, constants = vars(sys.modules[thing.__module__]), []
    if _here(thing) and isinstance(thing, types.FunctionType) and thing.__closure__:
        names = thing.__code__.co_freevars        # of a function that another one made
        constants = [f"{name} = {_text(cell.cell_contents, found)}"
                     for name, cell in zip(names, thing.__closure__, strict=True)]
    for node in nodes:
        names = _globals(symtable.symtable(ast.unparse(node), "<claim>", "exec"))
        reader = _Reader({name: there[name] for name in names if name in there}, found)
        constants.append(_dump(reader.visit(node)))
        constants += reader.constants
    return "\n".join(constants)


def _nodes(thing):
    """The trees of a function or class in its module: one, or none where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[thing.__module__]))
    except (KeyError, OSError, TypeError):
        return []
    if isinstance(thing, type):
        return [node for node in tree.body if isinstance(node, ast.ClassDef)
                and node.name == thing.__qualname__]
    code = thing.__code__
    return [node for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.Lambda) and code.co_firstlineno == min(
                one.lineno for one in (node, *getattr(node, "decorator_list", ())))
            and getattr(node, "name", "<lambda>") == code.co_name]


class _Reader(ast.NodeTransformer):
    """Takes words out of a tree, and for what it reads of here puts the place in `found`."""

    def __init__(self, there, found):
        self.there, self.found, self.constants = there, found, []

    def visit_Expr(self, node):
        words = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if words else self.generic_visit(node)

    def visit_Attribute(self, node):
        module = self.there.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(module, types.ModuleType) and _here(module):
            return self._read(node.attr, getattr(module, node.attr))
        return self.generic_visit(node)

    def visit_Name(self, node):
        return self._read(node.id, self.there[node.id]) if node.id in self.there else node

    def _read(self, name, value):
        if not callable(value) and not isinstance(value, types.ModuleType):
            self.constants.append(f"{name} = {_text(value, self.found)}")
        elif callable(value) and _here(inspect.unwrap(value)):
            name = _text(value, self.found)
        return ast.Name(name)


def _globals(table):
    """The names that a piece of code reads from its module."""
    top = table.get_type() == "module"
    own = {one.get_name() for one in table.get_symbols()
           if one.is_referenced() and (top or one.is_global())}
    return own.union(*map(_globals, table.get_children()))


def _dump(node):
    """A tree as a text that is the same in all versions of Python: empty fields are left out."""
    if isinstance(node, ast.AST):
        fields = [f"{name}={_dump(value)}" for name, value in ast.iter_fields(node)
                  if name not in WORDS and value is not None and value != []]
        return f"{type(node).__name__}({', '.join(fields)})"
    return f"[{', '.join(map(_dump, node))}]" if isinstance(node, list) else repr(node)
