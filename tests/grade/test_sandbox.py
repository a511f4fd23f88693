"""The submission's process: what it answers, what it may take, and that nothing of it is left."""

import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from minidrop.grade import process
from minidrop.grade.coding import decode, decode_all, encode
from minidrop.grade.judges import Fault
from minidrop.grade.process import Limits, Submission, end_marked
from minidrop.grade.values import Function, Rng, realised

pytestmark = pytest.mark.slow
NUMPY = "import numpy as np\n"
QUICK = Limits(seconds=1.0, memory_mb=256, output_kb=4, wall=20.0, answer_mb=2)
FINE = "\ndef fine(x):\n    return x + 1\n"


def fault(source, limits=QUICK, **arguments):
    """The fault of a submission's f, after which its other function is as good as ever."""
    with Submission(NUMPY + source + FINE, limits) as submission:
        with pytest.raises(Fault) as error:
            submission.call("f", arguments)
        assert submission.call("fine", {"x": 1})[0] == 2
        pid = submission.process.pid
    assert gone(pid)
    assert "\n" not in error.value.said and len(error.value.said) < 420
    return error.value


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def answers(body, times=1, limits=QUICK, **arguments):
    with Submission(f"{NUMPY}def f({', '.join(arguments)}):\n    {body}", limits) as submission:
        return submission.call("f", arguments, times)


@pytest.mark.parametrize("expression, due", [
    ("1", 1), ("True", True), ("0.1", 0.1), ("float('nan')", np.nan), ("-np.inf", -np.inf),
    ("np.float32(0.1)", np.float32(0.1)), ("np.float16([1, 2])", [1, 2]), ("np.bool_(1)", 1),
    ("np.longdouble(0.5)", 0.5), ("np.int8([[1, -2]])", [[1, -2]]), ("np.zeros((0, 3))", [[]] * 0),
    ("np.array(3.0)", 3.0), ("np.arange(12.).reshape(3, 4)[::-1, ::2]", [[8, 10], [4, 6], [0, 2]]),
    ("np.asfortranarray([[1, 2], [3, 4]])", [[1, 2], [3, 4]]), ("np.array([1, 2], '>f8')", [1, 2]),
    ("[1, 2.5, True]", [1, 2.5, 1]), ("(np.ones(2), [3])", None), ("range(3)", [0, 1, 2]),
    ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]), ("[1e400, -1e400, float('nan')]",
                                             [np.inf, -np.inf, np.nan]),
    ("np.matrix([[1, 2]])", [[1, 2]]), ("np.ma.array([1, 2])", [1, 2]), ("10**30", 1e30),
    ("np.random.default_rng(0).random(3)", np.random.default_rng(0).random(3))])
def test_what_is_a_number_arrives(expression, due):
    value, = answers(f"return {expression}")
    if due is None:
        assert np.array_equal(value[0], [1, 1]) and value[1] == (3,)
    elif expression == "np.zeros((0, 3))":
        assert value.shape == (0, 3)
    else:
        assert np.array_equal(np.asarray(value, float), np.asarray(due, float), equal_nan=True)
        assert np.shape(value) == np.shape(due)


def test_types_and_dicts_and_fractions_arrive():
    assert answers("return np.float32([1])")[0].dtype == np.float32
    assert answers("return {'mean': np.ones(2), 1: (2, None)}")[0][1] == (2, None)
    with Submission("from fractions import Fraction\ndef f(): return Fraction(1, 3)") as one:
        assert one.call("f", {})[0] == float(Fraction(1, 3))


@pytest.mark.parametrize("expression, sentence", [
    ("None", "f returns None: is a return missing?"), ("1j", "a complex number"),
    ("np.array([1j])", "an array of complex numbers"), ("f", "a function"),
    ("(i for i in range(3))", "a generator, which only promises"), ("{1, 2}", "a set"),
    ("np.array([[1], [1, 2]], object)", "an array of objects"), ("object()", "an object"),
    ("np.array(['a'])", "an array of <U1"), ("10**400", "larger than all floats"),
    ("np.array(['2020'], 'M8[Y]')", "an array of datetime64"), ("map(abs, [1])", "a map")])
def test_what_is_no_number_is_said(expression, sentence):
    error = fault(f"def f():\n    return {expression}")
    assert error.kind == "shape" and sentence in error.said


def test_many_calls_are_one_message_and_each_has_its_own_stream():
    draws = answers("return rng.random(2)", 500, rng=Rng(3))
    assert np.array_equal(draws[0], np.random.default_rng([3, 0]).random(2))
    for i in range(5):
        assert np.array_equal(draws[i], realised({"rng": Rng(3)}, i)["rng"].random(2))
    assert len(np.unique(draws)) == 1000 and abs(np.mean(draws) - 0.5) < 0.06   # 6.5 sigma
    assert answers("return rng.random()", 2, rng=Rng(4))[1] not in np.unique(draws)
    ragged = answers("return np.ones(int(rng.integers(1, 9)))", 20, rng=Rng(3))
    assert len({one.shape for one in ragged}) > 1


def test_a_stream_may_be_spawned_from():
    body = "a, b = rng.spawn(2); c, = rng.spawn(1); return [g.random() for g in (a, b, c, rng)]"
    draws = answers(body, 50, rng=Rng(3))
    assert len(np.unique(draws)) == 200 and answers(body, 1, rng=Rng(3))[0] == draws[0]


def test_what_a_call_returned_is_not_changed_by_the_next():
    first, second = answers("x[0] += 1; f.y = getattr(f, 'y', np.zeros(1)); f.y += 1; return f.y",
                            2, x=np.zeros(2))
    assert first == 1 and second == 2


def test_a_function_is_an_argument_too():
    assert answers("return g(3.0)", g=Function("lambda x: np.square(x) + 1"))[0] == 10


def test_a_changed_argument_is_a_remark_and_no_fault():
    with Submission(NUMPY + "def f(x, y):\n    x += 1\n    return x + y", QUICK) as submission:
        for _ in range(2):
            assert submission.call("f", {"x": np.array([np.nan, 0.0]), "y": np.ones(2)})[0][1] == 2
        assert submission.remarks == ["f changes its argument x"]


def test_what_is_printed_is_kept_and_cut_and_costs_nothing():
    source = "def f():\n    print('hello')\n    for i in range(10**5): print(i)\n    return 1"
    with Submission(source, QUICK) as submission:
        assert submission.call("f", {}) == [1]
        assert submission.printed.startswith("hello\n0\n1\n") and len(submission.printed) == 4096
        assert submission.call("f", {}) == [1] and len(submission.printed) == 4096


LATE, MEMORY = "of computing", "more memory is asked for"
HOSTILE = {
    "an endless loop": ("def f():\n    while True: pass", "late", "line 3: no answer"),
    "one that catches everything": (
        "def f():\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass", "late", "line 5: no answer"),
    "a generator without end": ("def f():\n    return sum(iter(int, 1))", "late", LATE),
    "a number without end": ("def f():\n    return 9 ** (9 ** 9) % 7", "late", LATE),
    "2**10**9, as text": ("def f():\n    return str(3 ** 10 ** 7)", "late|raised", ""),
    "a huge array": ("def f():\n    return np.zeros(10**12)", "memory", f"line 3: {MEMORY}"),
    "all memory, slowly": ("def f():\n    x = []\n    while True: x.append(np.ones(10**6))",
                           "memory", MEMORY),
    "a huge list": ("def f():\n    return [0] * 10**10", "memory", MEMORY),
    "a huge answer": ("def f():\n    return np.zeros(10**6)", "output", "larger than 2 MB"),
    "sys.exit": ("def f():\n    raise SystemExit(0)", "raised", "line 3: SystemExit"),
    "Ctrl-C": ("def f():\n    raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
    "GeneratorExit": ("def f():\n    raise GeneratorExit", "raised", "GeneratorExit"),
    "deep recursion": ("def f():\n    return f()", "raised", "RecursionError"),
    "an answer within itself": ("def f():\n    x = []; x.append(x); return x", "raised", ""),
    "an error that cannot be told": (
        "class E(Exception):\n    def __str__(self): raise self\ndef f(): raise E", "raised", "E"),
    "an error that is told at length": (
        "def f():\n    raise ValueError('x' * 10**6)", "raised", "line 3: ValueError: xxx"),
    "an error that is told for ever": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(): raise E",
        "late", LATE),
    "nothing written": (
        "def f():\n    raise NotImplementedError('f.1: not yet')", "unwritten", "f.1: not yet"),
    "nothing of the name": ("g = 1", "missing", "there is no function f"),
    "arguments that do not fit": ("def f(x):\n    return x", "raised", "TypeError: f() missing"),
    "sleep": ("import time\ndef f():\n    time.sleep(1000)", "late", "it waits for something"),
    "an array with its own len": (
        "class A(np.ndarray):\n    def __len__(self): return 10**9\n"
        "    def __array__(self, *a, **b): return np.ones(3)\n    shape = (10**9,)\n"
        "def f():\n    return f.nothing(np.zeros(3).view(A))", "raised", "AttributeError"),
    "strides that lead out": (
        "def f():\n    return np.lib.stride_tricks.as_strided(np.ones(2), (10**6,), (8,))",
        "raised", "reads past its array"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_costs_its_own_task_alone(name):
    source, kind, sentence = HOSTILE[name]
    limits = {"sleep": QUICK._replace(wall=2.0), "all memory, slowly": QUICK._replace(seconds=5.0)
              }.get(name, QUICK)
    error = fault(source, limits)
    assert error.kind in kind.split("|") and sentence in error.said, error.said


@pytest.mark.parametrize("source, kind", [
    ("raise ValueError('no')", "raised"), ("while True: pass", "late"), ("x = 1 +", "raised"),
    ("x = np.zeros(10**12)", "memory"), ("import os", "refused")])
def test_a_file_that_fails_is_run_once(source, kind):
    with Submission(f"{NUMPY}{source}\ndef f(): return 1", QUICK) as submission:
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(Fault) as error:
                submission.call("f", {})
            assert error.value.kind == kind and "line 2" in error.value.said
        assert time.monotonic() - begun < 20


def test_numpy_bent_out_of_shape_bends_its_own_answers():
    source = ("np.isclose = np.allclose = lambda *a, **b: True\nnp.array_equal = None\n"
              "class A(np.ndarray):\n    def __eq__(self, other): return True\n"
              "    shape = (1,)\n    def __array__(self, *a, **b): return np.ones(7)\n"
              "def f():\n    return np.zeros(3).view(A)")
    with Submission(NUMPY + source, QUICK) as submission:
        value, = submission.call("f", {})
    assert type(value) is np.ndarray and np.array_equal(value, [0, 0, 0])
    assert np.isclose(0, 1) == False                             # noqa: E712


def test_computing_is_counted_for_a_task_and_not_for_a_call():
    source = "def f():\n    t = 0\n    for i in range(10**6): t += i\n    return t\ng = f"
    with Submission(source, QUICK._replace(seconds=0.6)) as submission:
        with pytest.raises(Fault, match="0.6 seconds of computing"):
            for _ in range(200):                  # each takes much less than what is left
                submission.call("f", {})
        assert submission.call("g", {})


def test_the_main_guard_does_not_run():
    with Submission("def f(): return 1\nif __name__ == '__main__':\n    raise ValueError") as one:
        assert one.call("f", {}) == [1]


def test_dataclasses_named_tuples_and_enums_work():
    source = ("from __future__ import annotations\nfrom dataclasses import dataclass\n"
              "from collections import namedtuple\nfrom typing import NamedTuple\nimport enum\n"
              "import functools, statistics, random, textwrap, copy\n"
              "@dataclass\nclass A:\n    x: float = 1.0\n"
              "class B(NamedTuple):\n    y: int\nC = namedtuple('C', 'z')\n"
              "class D(enum.Enum):\n    W = 4\n"
              "@functools.singledispatch\ndef g(x): return 5\n"
              "def f():\n    return [A().x, B(2).y, C(3).z, D.W.value, g(1), copy.deepcopy(6),"
              " statistics.mean([7, 7])]")
    with Submission(source, QUICK) as submission:
        assert submission.call("f", {})[0] == (1, 2, 3, 4, 5, 6, 7)


ALL_OF_NUMPY = """
from numpy.lib.stride_tricks import sliding_window_view
def f():
    x = np.arange(16.0).reshape(4, 4)
    with np.errstate(divide="raise"):
        pass
    np.ones(2) / 0
    np.fft.fft(x), np.linalg.svd(x), np.polynomial.Polynomial([1, 2])(x), np.median(x, 0)
    np.ma.masked_less(x, 3).mean(), np.char.upper(["a"]), np.unique(x), np.histogram(x)
    np.random.seed(0), np.random.rand(3), np.einsum("ij,ij->", x, x, optimize=True), str(x)
    np.random.default_rng(1).choice(5, 2, replace=False), np.vectorize(abs)(x), np.lib.scimath
    np.testing.assert_allclose(1, 1), np.rec.array([(1, 2)]), np.info, np.pad(x, 1), np.gradient(x)
    return sliding_window_view(x, (2, 2)).sum((2, 3)) + x.take(0) + np.corrcoef(x)[:3, :3] * 0
"""


def test_all_of_numpy_that_is_not_about_files_works_within_the_walls():
    with Submission(NUMPY + ALL_OF_NUMPY, Limits(wall=30.0)) as submission:
        assert submission.call("f", {})[0].shape == (3, 3)


def test_a_submission_that_ends_its_process_is_told_and_the_next_task_has_a_new_one():
    with Submission("def f(): return 1", QUICK) as submission:
        submission.call("f", {})
        first = submission.process.pid
        submission.process.kill()
        with pytest.raises(Fault):
            submission.call("f", {})
        assert submission.call("f", {}) == [1] and submission.process.pid != first


def test_nothing_is_left_running_though_it_left_the_group_of_its_process():
    mark = "0123456789abcdef0123456789abcdef"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"],
                          env={"MARK": mark}, start_new_session=True) as other:
        if not Path("/proc/self/environ").exists():
            pytest.skip("this system has no /proc")
        while mark.encode() not in Path(f"/proc/{other.pid}/environ").read_bytes():
            time.sleep(0.01)
        end_marked(mark)
        assert other.wait(10) < 0


@pytest.mark.parametrize("message", [
    {"array": "AAAA", "shape": [1], "type": "<f8"}, {"array": "", "shape": [-1], "type": "<f8"},
    {"array": "AAAAAAAAAAA=", "shape": [1], "type": "O"}, {"array": "", "shape": [0]},
    {"array": "AAAAAAAAAAA=", "shape": [1.0], "type": "<f8"}, {"rng": 1}, {"function": "exit()"},
    {"array": "", "shape": [0] * 99, "type": "<f8"}, {"numbers": ["a"]}, {"pickle": "x"}, {},
    {"array": "", "shape": [0, 10**30], "type": "O8"}, {"value": {}}, {"value": [1]}])
def test_what_is_no_message_is_no_value(message):
    with pytest.raises((ValueError, TypeError, KeyError)):
        decode(message)


def test_an_answer_of_too_many_parts_is_not_read(monkeypatch):
    monkeypatch.setattr(process, "PARTS", 1000)
    assert fault("def f():\n    return [[] for _ in range(1000)]").kind == "output"


def test_an_answer_to_other_calls_is_none():
    with pytest.raises(ValueError, match="2 answers to 3 calls"):
        decode_all({"values": [encode(1), encode(2)]}, 3)
