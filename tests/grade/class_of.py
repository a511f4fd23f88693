"""A class that was never taught: folders of students whose marks are known beforehand.

    class_of(folder, 100)  writes 100 folders, and returns {student: points that are due}

Every kind of submission comes in turn; what is special of one is told by the name of its function.
"""

import os
from pathlib import Path

from minidrop.grade.exercise import exercise_named
from minidrop.grade.stub import solved, stub

SMALL = Path(__file__).with_name("exercises")     # an exercise that stays as it is
MARK = "MINIDROP_WAS_HERE"                        # what hostile ones write where they may not


def good(exercise, number):
    """Each right solution of each task, in turn."""
    given = {}
    for task in exercise.tasks.values():
        rights = [*task.rights.values()]
        given[task.function] = rights[number % len(rights)]
    return solved(exercise, **given), exercise.points


def wrong(exercise, number):
    """A known mistake in one task, the others right."""
    tasks = [*exercise.tasks.values()]
    task = tasks[number % len(tasks)]
    mistakes = [*task.wrongs.values()]
    mistake = mistakes[number // len(tasks) % len(mistakes)]
    return solved(exercise, **{task.function: mistake}), exercise.points - task.points


def half(exercise, number):
    """The last task is not written."""
    *_, last = exercise.tasks.values()
    return solved(exercise, **{last.function: None}), exercise.points - last.points


def blank(exercise, number):
    """The stub as it is."""
    return stub(exercise), 0


def within(exercise, text):
    """A solution whose first task begins with a hostile line; that task is due nothing."""
    first = next(iter(exercise.tasks.values()))
    source = solved(exercise)
    at = source.index("\n", source.index(f"def {first.function}(")) + 1
    return source[:at] + "    " + text + "\n" + source[at:], exercise.points - first.points


def at_the_top(exercise, text):
    """A solution with hostile lines before all: nothing is due."""
    return solved(exercise) + "\n\n" + text + "\n", 0


INSIDE = {                                        # costs the task that does it, and no other
    "endless loop": "while True: pass",
    "sleeps": "import time; time.sleep(10**6)",
    "exits": "raise SystemExit(0)",
    "raises the end": "raise KeyboardInterrupt",
    "deep recursion": "f = lambda n: f(n + 1) + 1; f(0)",
    "huge allocation": "np.ones(2**36).sum()",
    "grows": "x = [1]; [x.extend(x) for _ in range(60)]",
    "crashes": "np.lib.stride_tricks.as_strided(np.ones(1), (2**30,), (2**30,)).sum()",
    "floods": "[print('x' * 10**6) for _ in range(10**4)]; return 0",
    "endless answer": "return [[0] * 10**4 for _ in range(10**6)]",
    "another type": "return {1, 2, 3}",
    "not a number": "return 'all of them'",
}
REFUSED = {                                       # refused from its text: nothing is due
    "crash": "import ctypes; ctypes.string_at(0)",
    "forks": "import os; [os.fork() for _ in range(8)]; return 0",
    "leaves children": "import os, time; (os.fork() or os.setsid()) or time.sleep(99)",
    "threads": "import threading; [threading.Thread(target=lambda: [None for _ in iter(int, 1)])"
               ".start() for _ in range(4)]; return 0",
    "writes a file": f"open('{MARK}', 'w').write('x' * 10**6); return 0",
    "writes by numpy": f"np.save('/tmp/{MARK}', 0); return 0",
    "writes into tmp": f"import os; os.system('touch /tmp/{MARK}'); return 0",
    "kills its parent": "import os; os.kill(os.getppid(), 9); return 0",
    "reads frames": "import sys; return sys._getframe(1).f_locals['due']",
    "reads a traceback": "\n    ".join(["try: 1 / 0", "except ZeroDivisionError as error:",
                                       "    return error.__traceback__.tb_frame.f_back.f_locals"]),
    "reads files": "return open('/proc/self/environ').read()",
    "imports by a name": "return __import__('mini' + 'drop').dropout_mask(rng, shape, p)",
    "imports by importlib": "import importlib; importlib.import_module('minidrop')",
    "imports by exec": "exec('import minidrop')",
    "imports its answers": "from minidrop.units.dropout import dropout",
    "reaches classes": "return [one for one in ().__class__.__base__.__subclasses__()]",
}
TOP = {                                           # ends before a task is tried: nothing is due
    "imports minidrop": "import minidrop as md",
    "ends at once": "raise SystemExit(0)",
    "does not parse": "def f(:\n    pass",
    "raises at once": "1 / 0",
    "loops at once": "while True: pass",
}
BYTES = {                                         # files that are no Python, and what is due
    "not text": bytes(range(256)) * 8,
    "empty": b"",
    "null bytes": b'EXERCISE = "dropout"\n\0\0\0',
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(4096),
    "an open bracket": b'EXERCISE = "dropout"\n' + b"(" * 5000,
    "minus signs": b'EXERCISE = "dropout"\nx = ' + b"-" * 100_000 + b"1",
    "too large": b'EXERCISE = "dropout"\n' + b"#" * 400_000,
    "latin-1 unsaid": 'EXERCISE = "dropout"\n# é\n'.encode("latin-1"),
}
SPELLED = {                                       # right files, however they are written
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "latin-1": lambda text: b"# -*- coding: latin-1 -*-\n# \xe9\n" + text.encode(),
}
NAMES = ("Ada Lovelace", "Zoë Müller-Nuñez", "O'Neill, Seán", "=1+1", "two\nlines", "-dash", "名前",
         "semi;colon", "tab\there", '"quoted"', "@home", "trailing ", "a" * 120, "%s%n", "dots...")


def special(folder, exercise):
    """Students whose files are no files, or in odd places; {student: points}."""
    inside = folder / "folder called x.py"
    (inside / "dropout.py").mkdir(parents=True)
    pipe = folder / "pipe"
    pipe.mkdir()
    os.mkfifo(pipe / "dropout.py")
    (folder / "nothing").mkdir()
    link = folder / "link to another's"
    link.mkdir()
    outside = folder.parent / "outside.py"
    outside.write_text(good(exercise, 0)[0], encoding="utf-8")
    (link / "dropout.py").symlink_to(outside)
    (folder / "linked folder").symlink_to(folder.parent, target_is_directory=True)
    deep = folder / "in a folder below"
    (deep / "week 1").mkdir(parents=True)
    (deep / "week 1" / "solution.txt").write_text(good(exercise, 1)[0], encoding="utf-8")
    loose = folder / "loose.py"
    loose.write_text("x = 1\n", encoding="utf-8")
    return {inside.name: 0, pipe.name: 0, "nothing": 0, link.name: 0, "linked folder": 0,
            deep.name: exercise.points}


def submissions(exercise):
    """(what it is, bytes, points due), without end: the hostile and the spelled, mixed with others.
    """
    odd = [(name, *_bytes(within(exercise, text))) for name, text in INSIDE.items()]
    odd += [(name, within(exercise, text)[0].encode(), 0) for name, text in REFUSED.items()]
    odd += [(name, *_bytes(at_the_top(exercise, text))) for name, text in TOP.items()]
    odd += [(name, data, 0) for name, data in BYTES.items()]
    odd += [(name, spell(solved(exercise)), exercise.points) for name, spell in SPELLED.items()]
    plain = [(kind.__name__, *_bytes(kind(exercise, number)))
             for number in range(100) for kind in (good, wrong, good, half, good, blank)]
    for i in range(10**6):
        yield odd[i] if i < len(odd) else plain[i - len(odd)]


def class_of(folder, size, name="dropout", kinds=None, skip=()):
    """Write a class of so many folders; {student: points that are due}.

    The special ones come first, the hostile ones next, and the others are good and wrong in turn.
    `kinds` names the kinds of hostile ones that are wanted, or `skip` those that are not.
    """
    exercise, names = exercise_named(name), iter(NAMES)
    folder.mkdir()
    due = special(folder, exercise)
    wanted = (one for one in submissions(exercise) if one[0] in PLAIN
              or (kinds is None or one[0] in kinds) and one[0] not in skip)
    for i, (kind, data, points) in zip(range(size - len(due)), wanted, strict=False):
        student = next(names, f"{i:03d}") if kind in PLAIN else kind
        (folder / student).mkdir()
        (folder / student / f"{name}.py").write_bytes(data)
        due[student] = points
    return due


PLAIN = ("good", "wrong", "half", "blank")


def _bytes(pair):
    return pair[0].encode(), pair[1]
