"""A reader of files from outside, and what has to be true of it whatever it is given."""

import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.limits import limited

SECONDS = 5.0                                     # of computing, for one input
CALLED = "it"                                     # how the errors of readers of bytes call them
MEMORY = "/dev/shm"                               # a thousand files a second wait for no disk
FOLDER = tempfile.TemporaryDirectory(prefix="minidrop-fuzz-",
                                     dir=MEMORY if os.access(MEMORY, os.W_OK) else None)


class Target(NamedTuple):
    """`read(data)` is of the package; `right(found, data)` asks whether that is in the bytes.

    `right` reads the bytes by itself, and has `found` None where they were refused.
    """

    name: str
    seeds: tuple                # bytes that are accepted, with which damage begins
    read: Callable
    right: Callable
    errors: tuple = (ValueError,)
    called: str = CALLED        # what every error names: the file
    words: tuple = ()           # bytes that mean something in this format
    most: int = 1 << 20         # bytes of memory, beside `times` the size of the input
    times: int = 16

    def hold(self, data):
        """AssertionError, or the reader's own, where it does what no reader may do."""
        found, error = None, None
        with remembered() as memory, limited(SECONDS):
            try:
                found = self.read(data)
            except self.errors as refused:
                error = refused
        if error is not None:
            text = str(error)
            assert self.called in text and len(text.splitlines()) == 1 and len(text) < 1000, text
        else:
            assert found is not None
        assert memory.peak <= self.most + self.times * len(data), \
            f"{memory.peak:,} bytes for {len(data):,}"
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
