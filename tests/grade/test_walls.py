"""The walls alone: what a submission reaches that nobody refused before it ran."""

import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import minidrop
from minidrop.grade.judges import Fault
from minidrop.grade.process import RUNNER, Limits, Submission, _computed
from minidrop.grade.refuse import refusals
from minidrop.grade.walls import may_import

pytestmark = pytest.mark.slow
QUICK = Limits(seconds=1.0, memory_mb=256, output_kb=4, wall=20.0, answer_mb=2)
LIBRARY = Path(minidrop.__file__).parent
INSIDE = """
import numpy as np, copy
o = np.lib._npyio_impl.os
sys, b = o.sys, o.sys.modules["builtins"]
def write(data):
    for i in range(3, 12):
        try: o.write(i, data)
        except OSError: pass
"""
STEALING = {
    "the library's text": f"b.open({str(LIBRARY / 'units/dropout.py')!r}).read()",
    "the library's text, by NumPy": f"np.loadtxt({str(LIBRARY / 'units/dropout.py')!r}, str)",
    "the library's text, by bytes": f"o.open({str(LIBRARY / 'units/dropout.py').encode()!r}, 0)",
    "the library's text, by dots": f"b.open(np.__path__[0] + '/../../../..{LIBRARY}/xp.py')",
    "the library's text, by a loader": "[c for c in ().__class__.__base__.__subclasses__()"
        f" if c.__name__ == 'FileLoader'][0]('', '').get_data({str(LIBRARY / 'xp.py')!r})",
    "the library's text, by a pickle": "copy.copy(type('E', (), {'__reduce__': lambda self: "
        f"(b.open, ({str(LIBRARY / 'xp.py')!r},))}})())",
    "the library": "b.__import__('minidrop')",
    "the library, by its folder": f"sys.path.insert(0, {str(LIBRARY.parent)!r}) or "
                                  "b.__import__('minidrop')",
    "the library, by a file of it": f"sys.path.insert(0, {str(LIBRARY / 'units')!r}) or "
                                    "b.__import__('maxout')",
    "the library, by a .pth": f"b.__import__('site').addsitedir({str(LIBRARY.parent)!r}) or "
                              "b.__import__('minidrop')",
    "the library, by text": "b.exec('import minidrop')",
    "a list of files": "o.listdir('/')",
    "the grader's memory": "o.open(f'/proc/{o.getppid()}/mem', 0)",
    "the grader's environment": "b.open(f'/proc/{o.getppid()}/environ').read()",
    "the grader's files": "o.listdir(f'/proc/{o.getppid()}/fd')",
    "its own frames": "sys._getframe(1).f_locals",
    "frames by an error": "np.lib._npyio_impl.contextlib.sys.exc_info()[2].tb_frame",
    "all objects": "b.__import__('gc').get_objects()",
    "a function's code": "(lambda: 0).__code__.replace(co_consts=())",
    "a process": "b.__import__('subprocess').check_output(['ls'])",
    "a command": "o.system('true')",
    "a fork": "o.fork()",
    "another program": "o.execv('/bin/true', ['true'])",
    "a spawned process": "o.posix_spawn('/bin/true', ['true'], {})",
    "a signal to the grader": "o.kill(o.getppid(), 0)",
    "a connection": "b.__import__('socket').create_connection(('127.0.0.1', 9))",
    "native code": "sys.modules['ctypes'].pythonapi.Py_GetVersion()",
    "native code of another library": "sys.modules['ctypes'].CDLL('libc.so.6')",
    "memory by its address": "sys.modules['ctypes'].string_at(id(1), 8)",
    "a file that is new": "b.open('here', 'w')",
    "a folder that is new": "o.mkdir('here')",
    "a file that is gone": "o.remove('here')",
    "other limits": "sys.modules['resource'].setrlimit(0, (9**9, 9**9))",
    "a tracer": "sys.settrace(print)",
    "input": "b.input()",
    "a debugger": "b.breakpoint()",
}
POSIX = ("grader", "fork", "spawned", "limits", "/proc")


def test_each_way_in_is_closed_also_for_who_is_inside():
    assert len(refusals(INSIDE)) >= 2 and len(STEALING) == 36       # as refuse.py says
    ways = {name: text for name, text in STEALING.items()
            if os.name == "posix" or not any(word in name + text for word in POSIX)}
    lines = [f"def f{i}():\n    try: 1 / 0\n    except ArithmeticError: return str({text})"
             for i, text in enumerate(ways.values())]
    open_ways = []
    with Submission(INSIDE + "\n".join(lines), QUICK._replace(seconds=5.0)) as submission:
        for i, name in enumerate(ways):
            try:
                open_ways.append((name, submission.call(f"f{i}", {})))
            except Fault as fault:
                assert fault.kind in ("refused", "raised"), (name, fault.said)
                if not any(word in fault.said for word in (
                        "not allowed", "may not be", "No module", "SystemError", "lost sys.stdin")):
                    open_ways.append((name, fault.said))
    assert open_ways == []


def test_what_a_submission_can_know_is_its_own():
    with Submission(INSIDE + "def f(): return [*o.environ], [*sys.path], o.getcwd(), "
                    "[*sys.modules], o.listdir('.') if 0 else []", QUICK) as submission:
        names, path, cwd, modules, _ = submission.call("f", {})[0]
        assert all("NUM_THREADS" in one or one in (
            "MINIDROP_SUBMISSION", "LD_LIBRARY_PATH", "LC_CTYPE", "SYSTEMROOT",
            "__CF_USER_TEXT_ENCODING") for one in names)
        assert not any("site-packages" in one or "minidrop" in one for one in path)
        assert os.path.samefile(cwd, submission.folder.name)
        assert not any("minidrop" in one for one in modules)
    assert not os.path.exists(cwd)


ENDING = {
    "os._exit": ("o._exit(0)", "died"),
    "a signal to itself": ("o.abort()", "died"),
    "answers of its own": ("write(b'{\"values\": [7]}\\n')", "output"),
    "a flood of answers": ("[write(b'x' * 65536) for _ in range(999)]", "output"),
    "a grader without a voice": ("sys.modules['__main__'].Runner.__dict__ and setattr("
                                 "sys.modules['__main__'].Runner, 'send', None)", "died"),
    "a clock that is stopped": (
        "[m.setitimer(k, 0) for m in [sys.modules['signal']] for k in (0, 1, 2)] and "
        "[m.signal(k, m.SIG_IGN) for m in [sys.modules['signal']] for k in (24, 27)] and "
        "sum(iter(int, 1))", "late"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="numbers of signals and of files are Linux's")
@pytest.mark.parametrize("name", ENDING)
def test_who_is_inside_harms_its_own_task_alone(name):
    text, kind = ENDING[name]
    with Submission(f"{INSIDE}def g(): return 1\ndef f():\n"
                    f"    return str({text})", QUICK._replace(seconds=0.5)) as submission:
        with pytest.raises(Fault) as error:
            submission.call("f", {})
        assert error.value.kind == kind, error.value.said
        assert submission.call("g", {}) == [1]


def test_a_line_that_was_left_is_not_the_answer_to_the_next_call():
    line = b'{"values": [{"value": 7}], "token": "0", "cpu": 0, "printed": ""}\n'
    source = f"{INSIDE}def g(): return 1\ndef f():\n    write({line!r})\n    return 2"
    with Submission(source, QUICK) as submission:
        for function in ("f", "g"):
            with pytest.raises(Fault) if function == "f" else nullcontext():
                assert submission.call(function, {}) == [1]


ENFORCED = """
import os, sys
sys.path += sys.argv[1:3]
import walls
if not walls.landlock():
    sys.exit(9)
open(walls.np.__file__).close()
os.listdir(os.path.dirname(os.__file__))
for what in (lambda: open("/etc/passwd"), lambda: open("new", "w"), lambda: os.listdir("/"),
             lambda: os.execv("/bin/true", ["true"]), lambda: os.kill(os.getppid(), 0),
             lambda: open(f"/proc/{os.getppid()}/mem", "rb"), lambda: open(sys.argv[3]),
             lambda: os.remove(sys.argv[3]), lambda: os.mkdir("new")):
    try:
        what()
    except PermissionError:
        continue
    sys.exit("reached")
"""


def test_linux_enforces_it_even_where_no_hook_hears_of_it(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("42")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ENFORCED, str(Path(np.__file__).parents[1]),
         str(RUNNER.parent), str(secret)], cwd=tmp_path, capture_output=True, text=True)
    if done.returncode == 9:
        pytest.skip("this system has no Landlock")
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == "42" and [*tmp_path.iterdir()] == [secret]


KILLED = """
from minidrop.grade.process import Limits, Submission
with Submission("def f(x):\\n    while x: pass", Limits(seconds=100.0)) as submission:
    print(submission.process.pid, flush=True)
    submission.call("f", {"x": 1})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it goes on for its seconds")
def test_a_grader_that_is_killed_leaves_nothing_running():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE,
                          env=os.environ | {"PYTHONPATH": str(LIBRARY.parent)}) as grader:
        pid = int(grader.stdout.readline())
        while _computed(pid) < 1.5:               # it has begun, and is in its loop
            time.sleep(0.05)
        grader.kill()
    until = time.monotonic() + 5.0                # of a hundred seconds of computing
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not runs(pid)


def runs(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("name, wanted, may", [
    ("numpy", (), True), ("numpy.random", ["default_rng"], True), ("numpy", ["*"], True),
    ("collections.abc", ["Iterable"], True), ("__future__", ["annotations"], True),
    ("minidrop", (), False), ("numpy.f2py.crackfortran", (), False), ("numpy", ["testing"], False),
    ("numpyx", (), False), ("", ["key"], False), ("math", ["_x"], False), ("os.path", (), False)])
def test_the_list_of_imports(name, wanted, may):
    assert may_import(name, wanted) is may
