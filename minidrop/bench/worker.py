"""A contender in a process of its own.

The setting of the allocator belongs to a process, and so do threads and memory.  A worker makes its
contender and then waits, asleep, for one question after another: the name of a method and what it
is given.  Questions and answers are pickled, on stdin and stdout.
"""

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
from typing import Any, NamedTuple

from ..allocator import tune


class Library(NamedTuple):
    """Whose contenders take part, and how a worker makes one."""

    title: str
    needs: str                  # the module that must be installed
    where: str                  # "module:function", which makes a contender
    tuned: bool = False         # with the allocator set
    options: dict = {}          # for that function
    digits: int = 5             # to which losses agree with ours


class Worker:
    """`ask` asks the contender of `library` for the workload `name`, in its process.

    A context: after it the process is gone.  ValueError where the contender refuses something.
    """

    process: Any

    def __init__(self, library, name):
        self.title, self.digits = library.title, library.digits
        path = [os.path.abspath(folder) for folder in sys.path]
        own: Any = {"process_group": 0} if os.name == "posix" else {}      # Ctrl-C is not for it
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}, **own)
        self._send((library.where, library.tuned, name, library.options))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):        # of a question that it did not hear
            self.process.stdin.close()

    def ready(self):
        """Wait until the contender is made."""
        return self._answer()

    def ask(self, question, *given):
        """What the contender's method `question` returns."""
        self._send((question, *given))
        return self._answer()

    def clock(self, n):
        """Seconds that n of its steps take."""
        return self.ask("clock", n)

    def _send(self, message):
        try:
            pickle.dump(message, self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError:                   # the answer tells
            pass

    def _answer(self):
        try:
            done, answer = pickle.load(self.process.stdout)
        except EOFError:
            raise ValueError(f"the process of {self.title} ended with exit code "
                             f"{self.process.wait()}") from None
        if not done:
            raise ValueError(answer)
        return answer


def serve(questions, answers):
    """Make a contender and answer, until there are no more questions."""
    where, tuned, name, options = pickle.load(questions)
    if tuned:
        tune()

    def make():
        module, function = where.split(":")
        return getattr(importlib.import_module(module), function)(name, **options)

    contender: Any = None
    while True:
        try:
            if contender is None:
                contender, answer = make(), None
            else:
                question, *given = pickle.load(questions)
                answer = getattr(contender, question)(*given)
            message: tuple = True, answer
        except EOFError:
            return
        except (ValueError, ImportError, MemoryError) as error:
            message = False, str(error) or type(error).__name__
        pickle.dump(message, answers)
        answers.flush()


def main():
    """A worker's life; what a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):    # whoever asked is gone
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
