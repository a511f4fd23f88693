"""What is refused before it runs: read from the syntax tree of a submission.

What is defended, and what is not
---------------------------------
The key is a function of this library, which everybody can read.  So no secret is defended, but that
points are given for a student's own work, and that no submission harms the machine, the marks of
another, or those of its own next task.

- What is due is computed by the grader and never enters the submission's process, which holds no
  seed but those of its inputs, no environment of the user, and no path on which minidrop is found.
- An import of minidrop is refused here, with its line, and so is what leads to files, processes,
  frames and the interpreter's own parts.  What this does not see, the walls do (walls.py): while
  it runs, a submission has no `open`, no `exec`, an `__import__` that knows a list of modules, and
  an audit hook that stops every file but those of Python and NumPy, every process and socket.
- Where Linux has Landlock, its kernel enforces the part about files, programs, connections and
  other processes' memory, even when native code asks.  Elsewhere nothing but Python does.
- Computing, memory, waiting, printing and the size of an answer are bounded by `Limits`.  On
  Windows only waiting, printing and answers are, on macOS memory is not: neither offers it.
- tests/grade/test_walls.py is inside already, past this file, and asks for 36 things: the library
  by its name, its folder, a file of it, a .pth and a text; its files in six ways; the grader's
  memory, environment and open files; frames, all objects, native code, processes.  None is given.
- It gets what is its own: threads, where the user is root, its own process' memory and end, the
  channel of its answers, and whether a file exists.  What it writes there is read as hostile.

None of this is a sandbox against an expert.  A syntax tree can be misled, an audit hook hears only
of what Python asks for, and an array that lies about its memory (`__array_interface__`, which is
refused) reads and writes over the interpreter and its hook.  Landlock still holds then, but not
for forks, for connections other than TCP, nor for the library where Python's own folder holds it.
A copy of the library's text, under other names, is a submission like any other.  So a server that
takes files of strangers runs the grader in a container without a network, with a user of its own,
and keeps there nothing that is worth reading.
"""

import ast
import re
import warnings

from .walls import MODULES, WITHOUT, may_import


def words(text, form="{}"):
    """The set of the words of a text, each in the given form."""
    return frozenset(form.format(word) for word in text.split())


HARMLESS = words("""
    abs add aiter all and anext annotations array array_finalize array_function array_priority
    array_ufunc array_wrap bool call class class_getitem complex contains copy deepcopy del delattr
    delete delitem divmod doc enter eq exit float floor floordiv format ge get getattr getattribute
    getitem gt hash iadd iand ifloordiv imatmul imod imul index init init_subclass int invert ior
    ipow isub iter itruediv ixor le len lt main match_args matmul missing mod module mul name ne neg
    new next or pos post_init pow qualname radd rand repr reversed rfloordiv rmatmul rmod rmul ror
    round rpow rsub rtruediv rxor set set_name setattr setitem slots str sub truediv version weakref
    wrapped xor""", "__{}__")
TELLING = words("""
    array_interface array_struct base bases builtins closure code defaults dict func globals import
    kwdefaults loader mro reduce reduce_ex self setstate spec subclasses traceback""", "__{}__")
FRAMES = words("""
    ag_await ag_code ag_frame cr_await cr_code cr_frame cr_origin f_back f_builtins f_code f_globals
    f_locals f_trace func_code func_globals gi_code gi_frame gi_yieldfrom tb_frame tb_next""")
INSIDE = words("_os _sys builtins ctypes ctypeslib f2py importlib npyio os posix subprocess sys")
OF_MODULES = words("""
    distutils gc inspect marshal nt pathlib pickle shutil signal socket testing threading""")
FIELDS = words("_asdict _fields _make _replace")  # of named tuples, and public
FILES = words("""
    DataSource dump dumps fromfile fromregex genfromtxt load loadtxt memmap open_memmap read_array
    save savetxt savez savez_compressed tofile write_array""")
BY_NAME = frozenset(("getattr", "setattr", "delattr", "hasattr", "attrgetter", "methodcaller"))
LARGEST = 100_000


def refusals(source):
    """[(line, sentence)] of everything in a submission that is not allowed, in its order.

    >>> refusals("import numpy as np\\nimport minidrop as md")
    [(2, 'minidrop may not be imported: it holds the answers')]
    """
    if len(source) > LARGEST:
        return [(1, f"the file has more than {LARGEST} characters")]
    tree = parsed(source)
    reader = Reader(tree)
    for node in reader.nodes(tree):
        for said in reader.said(node):
            reader.found.append((getattr(node, "lineno", 1), said))
    return sorted(set(reader.found))


def parsed(source):
    """The syntax tree; what Python would warn of, as of "\\d" in a text, is no matter here.

    It is compiled behind the walls alone: each `finally` would be compiled twice, and so on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


class Reader:
    """One walk through a tree: `bound` are the names it binds, `modules` those of modules."""

    def __init__(self, tree):
        self.found: list[tuple[int, str]] = []
        nodes = [*ast.walk(tree)]
        self.modules = {(one.asname or one.name.partition(".")[0]) for node in nodes
                        if isinstance(node, ast.Import | ast.ImportFrom) for one in node.names}
        self.bound = self.modules | {
            name for node in nodes for name in (
                [node.id] if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
                else [node.arg] if isinstance(node, ast.arg)
                else [getattr(node, "name", None)])}
        self.texts = {id(node.body[0].value) for node in nodes if isinstance(
            node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body
            and isinstance(node.body[0], ast.Expr)}

    def nodes(self, tree):
        """All nodes but those below `if __name__ == "__main__":`, which never runs."""
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node, ast.If) and "__name__" not in self.bound \
                    and ast.unparse(node.test) == "__name__ == '__main__'":
                waiting += node.orelse
                self.found += [(one.lineno, said) for one in ast.walk(node)
                               if isinstance(one, ast.Import | ast.ImportFrom)
                               for said in self.imported(one) if said.startswith("minidrop")]
            else:
                waiting += ast.iter_child_nodes(node)

    def said(self, node):
        """What is wrong with one node: sentences."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from self.imported(node)
        elif isinstance(node, ast.Attribute):
            yield from self.attribute(node)
        elif isinstance(node, ast.Name):
            yield from self.name(node)
        elif isinstance(node, ast.Call):
            yield from self.call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in self.texts and (word := _hidden(node.value)):
                yield f"{word} leads to the inside of Python, also as a text"
        elif isinstance(node, ast.MatchClass):
            for word in node.kwd_attrs:
                yield from _attribute(word)
        elif _inside(getattr(node, "name", None) or ""):
            yield f"{node.name} may not be defined"

    @staticmethod
    def imported(node):
        """The modules that are not on the list."""
        if isinstance(node, ast.ImportFrom):
            asked = [("." * node.level + (node.module or ""), [one.name for one in node.names])]
        else:
            asked = [(one.name, []) for one in node.names]
        for name, wanted in asked:
            if name.lstrip(".").partition(".")[0] == "minidrop":
                yield "minidrop may not be imported: it holds the answers"
            elif not may_import(name, wanted):
                whole = ", ".join(f"{name}.{one}" for one in wanted) or name
                yield (f"{whole} may not be imported: numpy may, and "
                       f"{', '.join(sorted(MODULES - {'numpy', '__future__'}))}")
            for one in wanted:
                if one in FILES and name.partition(".")[0] == "numpy":
                    yield f"{one} reads or writes files, and a submission has none"

    def attribute(self, node):
        """The inside of Python and NumPy, files, and private parts of modules."""
        yield from _attribute(node.attr)
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.modules:
            if node.attr in FILES:
                yield f"{ast.unparse(node)} reads or writes files, and a submission has none"
            elif node.attr[0] == "_" and not node.attr.endswith("__") and node.attr not in FIELDS:
                yield f"{ast.unparse(node)} is a private part of a module"
            elif node.attr in OF_MODULES:
                yield f"{ast.unparse(node)} may not be used"

    def name(self, node):
        """Functions that reach out of the program, unless a variable is called like them."""
        unbound = isinstance(node.ctx, ast.Load) and node.id not in self.bound
        if node.id in WITHOUT and unbound or _inside(node.id):
            yield f"{node.id} may not be used"

    @staticmethod
    def call(node):
        """Attributes by a name that is computed, or leads inside."""
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in BY_NAME:
            names = node.args if called in ("attrgetter", "methodcaller") else node.args[1:2]
            for one in names[:1] if called == "methodcaller" else names:
                if not (isinstance(one, ast.Constant) and isinstance(one.value, str)):
                    yield f"{called} takes a name that is written out, as in getattr(x, 'shape')"
                    continue
                for word in one.value.split("."):
                    yield from _attribute(word)


def _inside(word):
    return len(word) > 4 and word[:2] == word[-2:] == "__" and word not in HARMLESS


def _attribute(word):
    if _inside(word) or word in FRAMES:
        yield f"{word} leads to the inside of Python"
    elif word in INSIDE:
        yield f"{word} is a module of the interpreter, and may not be used"
    elif word == "tofile":
        yield f"{word} writes a file, and a submission has none"


def _hidden(text):
    return next((word for word in re.findall(r"\w+", text)
                 if word in TELLING | FRAMES), "")
