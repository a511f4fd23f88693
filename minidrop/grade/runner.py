"""The other end of process.py: a submission in a process that knows neither minidrop nor a key.

It is started as a script, where nothing but Python's own modules can be found, with the folder of
NumPy as its argument.  It builds the walls (walls.py), reads a line of JSON for each call from
stdin, and answers with one.  What is due never comes here.
"""

import io
import json
import math
import os
import signal
import sys
import time
import types
from contextlib import suppress

NAME = "submission"


def main():
    """Run the submission, and answer calls until there are no more."""
    sys.path += [sys.argv[1], os.path.dirname(os.path.abspath(__file__))]
    import coding
    import numpy as np
    import walls

    del sys.path[-2:]
    calls, answers = os.fdopen(os.dup(0)), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    job = json.loads(calls.readline())
    runner = Runner(job, answers, coding, walls, np)
    sys.stdin, sys.stdout, sys.stderr = None, runner.printed, Kept(0)
    np.random.default_rng(0).random()             # what NumPy loads late is loaded
    walls.end_with_parent()
    walls.safe_strides()
    walls.bound(job["memory_mb"])
    walls.landlock()
    walls.listen({one.__code__ for one in (Runner.run, Runner.late, Runner.bound, Runner.line,
                                           Runner.made, Lines.of, Lines.heard)})
    if runner.start(job["source"]):
        for text in calls:
            runner.reply(json.loads(text))


class Kept(io.TextIOBase):
    """A stream that keeps the first `most` characters, and throws the others away."""

    def __init__(self, most):
        self.most, self.text, self.size = most, "", 0

    def write(self, text):
        """Keep the beginning; the number of characters."""
        text = str(text)
        self.text += text[:max(0, self.most - self.size)]
        self.size += len(text)
        return len(text)

    def taken(self):
        """What was kept since the last time."""
        text, self.text = self.text, ""
        return text


class Lines:
    """A count of the lines of the submission that run; a loop's count each time, NumPy's never."""

    def __init__(self):
        self.run = 0

    def of(self, function, arguments):
        """How many lines a call runs."""
        sys.settrace(self.heard)
        try:
            function(*arguments)
        finally:
            sys.settrace(None)
        return self.run

    def heard(self, frame, event, argument):
        """Count a line; what is no function of the submission is not listened to."""
        if frame.f_code.co_filename != NAME:
            return None
        self.run += event == "line"
        return self.heard


class Runner:
    """A submission and its clock; each call is answered with one line."""

    def __init__(self, job, answers, coding, walls, np):
        self.job, self.answers, self.coding, self.walls, self.np = job, answers, coding, walls, np
        self.module = types.ModuleType(NAME)
        self.module.__dict__["__builtins__"] = walls.own_builtins()
        self.printed = Kept(job["output_kb"] << 10)
        self.token = job["token"]

    def start(self, source):
        """Run the file itself; whether that went well."""
        sys.modules[NAME] = self.module
        return "ready" in self.told(lambda: self.run(source), self.job["seconds"])

    def run(self, source):
        """Run the file."""
        exec(compile(source, NAME, "exec"), self.module.__dict__)
        return {"ready": True}

    def reply(self, call):
        """Answer a call."""
        self.token = call["token"]
        self.told(lambda: self.answered(call), call["seconds"])

    def told(self, run, seconds):
        """Send what `run` returns, or what it raises."""
        begun = time.process_time()
        self.clock(seconds)
        try:
            message = run()
        except BaseException as error:            # KeyboardInterrupt and SystemExit as well
            message = self.fault(error)
        self.clock(0)
        self.send(message | {"cpu": time.process_time() - begun})
        return message

    def answered(self, call):
        """What `times` calls of the function return, and which of its arguments it changed; or how
        many lines one runs."""
        name, given, times = call["function"], call["arguments"], call["times"]
        function = self.module.__dict__.get(name)
        if not callable(function):
            return {"fault": "missing", "said": f"there is no function {name}"}
        ways = {name: self.way(one, times) for name, one in given.items()}
        if call["lines"]:
            return {"lines": Lines().of(function, [way(0) for way in ways.values()])}
        values, changed = [], []
        for i in range(times):
            arguments = {name: way(i) for name, way in ways.items()}
            value = function(*arguments.values())
            if value is None:
                return {"fault": "shape", "said": f"{name} returns None: is a return missing?"}
            if not i:
                changed = self.changed(arguments, given)
            try:
                values.append(self.coding.plain(value))
            except TypeError as error:
                return {"fault": "shape", "said": f"{name} returns {error}"}
        return self.coding.encode_all(values) | {"changed": changed}

    def way(self, message, times):
        """A function of i, the number of a call, that makes an argument anew."""
        kind = next(iter(message))
        if kind == "rng":
            return self.coding.Streams(message["rng"], times)
        value = self.coding.decode(message, function=self.made)
        if kind in ("value", "numbers", "function"):
            return lambda i: value
        return lambda i: self.coding.plain(value)

    def made(self, source):
        """A function that is an argument, of its text, which an author wrote."""
        return eval(source, {"np": self.np})

    def changed(self, arguments, given):
        """The names of the arrays that are no longer what was given."""
        np, found = self.np, []
        for name, value in arguments.items():
            if isinstance(value, np.ndarray) and self.coding.encode(value) != given[name]:
                found.append(name)
        return found

    def fault(self, error):
        """What an exception is called, and one sentence about it."""
        where = self.line(error.__traceback__)
        said = "it says nothing"
        with suppress(BaseException):             # __str__ may be the submission's as well
            said = str(error).partition("\n")[0][:300]
        kind = type(error).__name__[:80]
        if isinstance(error, NotImplementedError):
            return {"fault": "unwritten", "said": said or "it is not written yet"}
        if isinstance(error, MemoryError):
            return {"fault": "memory", "said": f"{where}more memory is asked for than the "
                    f"{self.job['memory_mb']} MB that it may take"}
        if isinstance(error, self.walls.Refused):
            return {"fault": "refused", "said": f"{where}{said}"}
        if isinstance(error, SyntaxError):
            where = f"line {error.lineno}: "
        return {"fault": "raised", "said": f"{where}{kind}: {said}" if said else f"{where}{kind}"}

    def line(self, trace):
        """The last line of the submission in a traceback."""
        found = ""
        while trace:
            if trace.tb_frame.f_code.co_filename == NAME:
                found = f"line {trace.tb_lineno}: "
            trace = trace.tb_next
        return found

    def send(self, message):
        """Send a line."""
        message |= {"token": self.token, "printed": self.printed.taken()}
        data = (json.dumps(message) + "\n").encode()
        while data:
            data = data[os.write(self.answers, data):]

    def clock(self, seconds):
        """Let `seconds` of computing be left, or, with 0, stop the clock."""
        if not hasattr(signal, "SIGPROF"):
            return                                # Windows: process.py waits, and no longer

        signal.signal(signal.SIGPROF, self.late)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, 20 * self.job["wall"])   # if no parent is left
        self.bound(seconds)

    def late(self, number, frame):
        """The clock has run down: say so, and end."""
        while frame and frame.f_code.co_filename != NAME:
            frame = frame.f_back
        where = f"line {frame.f_lineno}: " if frame else ""
        self.send({"fault": "late", "cpu": self.job["seconds"], "said":
                   f"{where}no answer after {self.job['seconds']:g} seconds of computing"})
        os._exit(1)

    def bound(self, seconds):
        """For what never comes back to Python: the system ends the process a second later."""
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        most = math.ceil(time.process_time() + seconds) + 1 if seconds else hard
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


if __name__ == "__main__":
    main()
