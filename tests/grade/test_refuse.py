"""What is refused, and what has to pass: read from the syntax tree, nothing is run."""

import ast

import pytest

from minidrop import catalog
from minidrop.grade.refuse import LARGEST, refusals

REFUSED = {
    "import minidrop": "minidrop may not be imported",
    "import minidrop.units.dropout as d": "minidrop may not be imported",
    "from minidrop import dropout": "minidrop may not be imported",
    "from minidrop.units import dropout": "minidrop may not be imported",
    "def f():\n    from minidrop import dropout": "minidrop may not be imported",
    "if __name__ == '__main__':\n    import minidrop": "minidrop may not be imported",
    "from . import key": "key may not be imported",
    "from .minidrop import key": "minidrop may not be imported",
    "import importlib": "importlib may not be imported",
    "__import__('minidrop')": "__import__ may not be used",
    "exec('import minidrop')": "exec may not be used",
    "eval('1')": "eval may not be used",
    "compile('1', '', 'eval')": "compile may not be used",
    "run = exec": "exec may not be used",
    "import os": "os may not be imported",
    "import numpy as np, sys": "sys may not be imported",
    "import subprocess": "subprocess may not be imported",
    "import ctypes": "ctypes may not be imported",
    "import threading": "threading may not be imported",
    "import gc": "gc may not be imported",
    "import torch": "torch may not be imported",
    "from numpy import ctypeslib": "numpy.ctypeslib may not be imported",
    "import numpy.f2py": "numpy.f2py may not be imported",
    "from numpy.testing import rundocs": "numpy.testing.rundocs may not be imported",
    "from numpy._core import multiarray": "multiarray may not be imported",
    "from collections import _sys": "collections._sys may not be imported",
    "from numpy import load": "load reads or writes files",
    "open('x')": "open may not be used",
    "with open(__file__) as f: pass": "open may not be used",
    "input()": "input may not be used",
    "breakpoint()": "breakpoint may not be used",
    "globals()['x'] = 1": "globals may not be used",
    "vars()": "vars may not be used",
    "locals()": "locals may not be used",
    "__builtins__['open']": "__builtins__ may not be used",
    "f.__globals__": "__globals__ leads to the inside",
    "().__class__.__base__.__subclasses__()": "leads to the inside",
    "().__class__.__mro__[1]": "__mro__ leads to the inside",
    "f.__code__": "__code__ leads to the inside",
    "f.__closure__[0].cell_contents": "__closure__ leads to the inside",
    "x.__dict__": "__dict__ leads to the inside",
    "print.__self__": "__self__ leads to the inside",
    "e.__traceback__.tb_frame.f_back": "leads to the inside",
    "g.gi_frame": "gi_frame leads to the inside",
    "c.cr_frame": "cr_frame leads to the inside",
    "a.ag_frame": "ag_frame leads to the inside",
    "getattr(x, '__globals__')": "__globals__ leads to the inside",
    "getattr(x, name)": "getattr takes a name that is written out",
    "getattr(x, 'f' + '_back')": "getattr takes a name that is written out",
    "setattr(x, name, 1)": "setattr takes a name that is written out",
    "import operator\noperator.attrgetter('a.__globals__')": "__globals__ leads to the inside",
    "import operator\noperator.methodcaller(name)": "methodcaller takes a name",
    "'{0.__globals__}'.format(f)": "__globals__ leads to the inside",
    "match f:\n    case object(__globals__=g): pass": "__globals__ leads to the inside",
    "class A:\n    __match_args__ = ('__globals__',)": "__globals__ leads to the inside",
    "class A:\n    __array_interface__ = {}": "__array_interface__ may not be used",
    "class A:\n    def __reduce__(self): return exit, ()": "__reduce__ may not be defined",
    "type('A', (), {'__array_interface__': 1})": "__array_interface__ leads to the inside",
    "import numpy as np\nnp.load('key.npy')": "np.load reads or writes files",
    "import numpy as np\nnp.save('x', y)": "np.save reads or writes files",
    "import numpy as np\nnp.fromfile('x')": "np.fromfile reads or writes files",
    "import numpy as np\nnp.memmap('x')": "np.memmap reads or writes files",
    "import numpy as np\nnp.genfromtxt('x')": "np.genfromtxt reads or writes files",
    "import numpy as np\nnp.loadtxt('x')": "np.loadtxt reads or writes files",
    "import numpy as np\nnp.lib.npyio.DataSource('x')": "npyio is a module",
    "import numpy as np\nnp.lib.format.open_memmap('x')": "reads or writes files",
    "x.tofile('x')": "tofile writes a file",
    "import numpy as np\nnp.lib.npyio.os.system('ls')": "os is a module of the interpreter",
    "import numpy as np\nnp.lib._npyio_impl": "is a private part of a module",
    "import numpy as np\nnp.ctypeslib.load_library('c', '.')": "ctypeslib is a module",
    "import numpy as np\nnp.testing.rundocs()": "np.testing may not be used",
    "import random\nrandom._os.getpid()": "_os is a module of the interpreter",
    "import statistics\nstatistics.sys": "sys is a module of the interpreter",
}

ORDINARY = {
    "a stub's docstring": 'r"""minidrop may not be imported: it holds the answers."""\nx = 1',
    "NumPy": "import numpy as np\nfrom numpy.lib.stride_tricks import as_strided\n"
             "from numpy.random import Generator\nimport numpy.linalg as la\nfrom numpy import *\n"
             "y = np.einsum('ij,jk->ik', x, la.inv(x)).astype(np.float32).__len__()\n"
             "z = np.lib.stride_tricks.sliding_window_view(x, 3)\n"
             "r = np.random.default_rng(0).normal()",
    "modules": "from __future__ import annotations\nimport math, itertools, functools, typing\n"
               "from collections import namedtuple, defaultdict\nimport collections.abc\n"
               "from dataclasses import dataclass, field\nfrom fractions import Fraction\n"
               "import time, warnings\nwarnings.simplefilter('ignore')\nt = time.perf_counter()",
    "a class": "class Layer:\n    '''A layer, __globals__ or not.'''\n    __slots__ = ('x', '_c')\n"
               "    def __init__(self, x):\n        super().__init__(); self._c = self.x = x\n"
               "    def __call__(self, x): return self.x + x\n    def __len__(self): return 1\n"
               "    def __repr__(self): return f'{self.__class__.__name__}({self.x!r})'\n"
               "    def __enter__(self): return self\n    def __exit__(self, *error): pass\n"
               "    @property\n    def load(self): return self._c\n"
               "    def save(self): return self.load",
    "the main guard": "import numpy as np\ndef f(x): return x\nif __name__ == '__main__':\n"
                      "    import matplotlib.pyplot as plt\n    np.testing.assert_equal(f(1), 1)\n"
                      "    plt.savefig(open('x.png', 'wb'))",
    "names of builtins": "def forward(input, mask, vars=1):\n    help = input * mask\n"
                         "    for compile in range(3): help += compile\n    return help",
    "recursion, closures, generators": "def f(n):\n    def g(): return f(n - 1)\n"
                                       "    return g() if n else sum(i for i in range(3))\n"
                                       "def h():\n    yield from (1, 2)\nasync def k(): return 1",
    "a named tuple": "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
                     "p = P(1, 2)._replace(x=3)\nnames = P._fields",
    "getattr": "a = getattr(x, 'shape', None)\nif hasattr(x, 'ndim'): setattr(x, 'y', 1)",
    "operator": "from operator import itemgetter, attrgetter, mul\nkey = attrgetter('size')",
    "print": "print(f'{x:.3f}', '__hello__', x.__doc__, '__name__')",
    "underscores": "_, __ = 1, 2\nx = 1_000 + _ + __\nself.signal = _",
    "matching": "match x:\n    case {'a': 1, **rest}: pass\n    case [first, *others]: pass\n"
                "    case complex(real=a) as input: print(input)",
    "a text with a backslash": "x = '\\d'",
    "exceptions": "try:\n    1 / 0\nexcept ArithmeticError as error:\n"
                  "    raise ValueError from error",
}


@pytest.mark.parametrize("source, sentence", REFUSED.items())
def test_what_reaches_out_is_refused_with_its_line_and_a_sentence(source, sentence):
    found = refusals(source)
    assert any(sentence in said for _, said in found), found
    assert all(1 <= line <= source.count("\n") + 1 and "\n" not in said for line, said in found)


def test_the_line_is_the_one_of_the_import():
    assert refusals("import numpy as np\n\nx = 1\nimport os\n")[0][0] == 4


@pytest.mark.parametrize("name", ORDINARY)
def test_what_is_ordinary_passes(name):
    assert refusals(ORDINARY[name]) == []


def test_what_the_guard_hides_is_read_where_it_could_run():
    for source in ("if __name__ == '__main__':\n    pass\nelse:\n    import os",
                   "if __name__ == 'submission':\n    import os",
                   "__name__ = '__main__'\nif __name__ == '__main__':\n    import os",
                   "def f(__name__):\n    if __name__ == '__main__':\n        import os"):
        assert "os may not be imported" in refusals(source)[0][1]


def test_every_technique_of_the_library_is_ordinary_but_for_its_imports():
    files = [path for place in ("units", "inputs", "norms") for path in sorted(
        (catalog.PACKAGE / place).glob("[!_]*.py"))]
    assert len(files) > 15
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body
                     if not isinstance(node, ast.Import | ast.ImportFrom)]
        assert refusals(ast.unparse(tree)) == [], path


def test_a_file_that_is_too_long_is_refused():
    assert "characters" in refusals("x = 1\n" * (LARGEST // 5))[0][1]
