"""Functions and classes as their signature and docstring, in Markdown."""

import ast
import copy
import importlib
import inspect
import re

from scripts import source

from minidrop import catalog

_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).*)*", re.M)


def fenced(text):
    """`text` with its examples as blocks of their own.

    >>> print(fenced("Half.\\n\\n>>> 1 / 2\\n0.5\\n\\nMore."))
    Half.
    <BLANKLINE>
    ```pycon
    >>> 1 / 2
    0.5
    ```
    <BLANKLINE>
    More.
    """
    def block(match):
        lines = [line.removeprefix(match[1]) for line in match[0].split("\n")]
        return "\n".join(["```pycon", *lines, "```"])
    return _EXAMPLE.sub(block, text)


def public(technique):
    """The syntax trees of the public functions and classes of a technique's file, in order."""
    tree = ast.parse(technique.path.read_text(encoding="utf-8"))
    named = {node.name: node for node in tree.body
             if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return [named[name] for name in catalog.functions(technique)]


def signature(node, module):
    """What to call, as Python: `dropout_mask(rng, shape, p)`."""
    if isinstance(node, ast.FunctionDef):
        return f"{node.name}({_arguments(node)})"
    own = [method for method in methods(node) if method.name == "__init__"]
    if own:
        return f"{node.name}({_arguments(own[0])})"
    made = inspect.signature(getattr(importlib.import_module(module), node.name))
    bare = [p.replace(annotation=p.empty) for p in made.parameters.values()]
    return f"{node.name}{made.replace(parameters=bare, return_annotation=made.empty)}"


def _arguments(node):
    """What a function or method takes, as Python, without annotations and `self`."""
    taken = copy.deepcopy(node.args)
    for one in (*taken.posonlyargs, *taken.args, taken.vararg, *taken.kwonlyargs, taken.kwarg):
        if one is not None:
            one.annotation = None
    return re.sub(r"^self(, )?", "", ast.unparse(taken))


def methods(node):
    """The functions that a class defines itself."""
    return [child for child in node.body if isinstance(child, ast.FunctionDef)]


def entry(node, technique, page, prose):
    """A public function or class; `prose` is applied to the text of its docstring."""
    module = source.name_of(technique.path).removesuffix(".py").replace("/", ".")
    text = ast.get_docstring(node)
    if not text:
        raise ValueError(f"{module}.{node.name} has no docstring")
    there = source.link(technique.path, node.lineno, page)
    yield f"### `{node.name}` {{#{node.name}}}"
    yield f"```python\n{signature(node, module)}\n```"
    yield prose(fenced(text))
    for method in methods(node) if isinstance(node, ast.ClassDef) else ():
        told = ast.get_docstring(method)
        if told and method.name[0] != "_":
            yield f"`{method.name}({_arguments(method)})`: {prose(fenced(told))}"
    yield f"[line {node.lineno} of {source.name_of(technique.path)}]({there}){{.source-line}}"
