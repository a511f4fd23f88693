"""How commands end where something is wrong: `python -m tests.ends`, a server of command lines.

A line of JSON says what to run: `args`, `cwd`, variables of the environment (None: without), the
most bytes of a file, and what stdout is: a file, /dev/full, or "closed", a pipe that nobody reads.
Each is run by a fork, which imports nothing anew.  Answered is a line with the exit code.
"""

import json
import os
import resource
import sys

import matplotlib.pyplot  # noqa: F401  (here, so that no fork has to)

from minidrop import catalog
from minidrop.cli import main


def opened(out):
    if out != "closed":
        return os.open(out, os.O_WRONLY | os.O_CREAT)
    read, write = os.pipe()
    os.close(read)
    return write


def command(args, cwd, out, err, env, most):
    """Run one in this process, and end it as Python would."""
    os.chdir(cwd)
    os.dup2(opened(out), 1)
    os.dup2(opened(err), 2)
    for name, value in env.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        main(args, prog_name="minidrop")
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    catalog.techniques()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 120                            # Python's, where its last flush fails
            try:
                code = command(**asked)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(code or 0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
