"""A reader of files from outside, and what has to be true of it whatever it is given."""

import os
import re
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.limits import limited

SECONDS = 5.0                                     # of computing, for one input
ROOM = {                    # bytes of memory, beside so many for each byte of the input
    "": (1 << 20, 16),                            # of all readers but these
    "bz2": (1 << 23, 16),                         # it works on blocks of 900 kB
    "record": (1 << 22, 200),                     # it reads the source text of its runs
    "submission": (1 << 22, 2000),                # the tree of a text; tables of a coding it names
    **dict.fromkeys(("resume", "matrix", "course", "times.csv", "times.toml", "metadata", "answer",
                     "option", "verify", "command"), (1 << 20, 200))}      # "[" makes a list
CALLED = "thatfile"                               # by which all errors name what was given
MEMORY = "/dev/shm"                               # a thousand files a second wait for no disk
FOLDER = tempfile.TemporaryDirectory(prefix="minidrop-fuzz-",
                                     dir=MEMORY if os.access(MEMORY, os.W_OK) else None)


class Target(NamedTuple):
    """`read(data)` is of the package, and gives what can be compared.

    For bytes that are right `seeds` says what is due.  For all others `right(found, data)` asks
    whether what was found is in them; it reads them itself, and has None where they were refused.
    """

    name: str
    seeds: dict                 # {bytes with which damage begins: what is due}
    read: Callable
    right: Callable
    errors: tuple = (ValueError,)
    called: tuple = (CALLED,)   # of these every error names one: the file, as a rule
    words: tuple = ()           # bytes that mean something in this format
    faults: Callable = lambda data: ()      # of these the error's subject names one, if there are

    def hold(self, data):
        """AssertionError, or the reader's own, where it does what no reader may do."""
        found, error = None, None
        with remembered() as memory, limited(SECONDS):
            try:
                found = self.read(data)
            except self.errors as refused:
                error = refused
        most, times = ROOM.get(self.name, ROOM[""])
        assert memory.peak <= most + times * len(data), f"{memory.peak:,} bytes for {len(data):,}"
        if error is not None:
            text = getattr(error, "format_message", error.__str__)()
            for words, part in ((self.called, text), (self.faults(data), text.split(" must ")[0])):
                assert not words or any(re.search(rf"\b{word}\b", part) for word in words), text
            assert len(text.splitlines()) == 1 and len(text) < 1000, text
        else:
            assert found is not None
        if data in self.seeds:
            np.testing.assert_equal(found, self.seeds[data], f"({error})")
        assert self.right(found, data), f"{found!r:.200} of {data!r:.200} ({error})"


class remembered:
    """Within it memory is counted; then `peak` is how much there was at once."""

    def __enter__(self):
        self.was = tracemalloc.is_tracing()
        if not self.was:
            tracemalloc.start()
        self.before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        return self

    def __exit__(self, *error):
        self.peak = tracemalloc.get_traced_memory()[1] - self.before
        if not self.was:
            tracemalloc.stop()


def path_of(name, data):
    """A file of these bytes."""
    path = Path(FOLDER.name, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path
