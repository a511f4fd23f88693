"""Implementations of dropout that come to a bad end; tests run them in processes of their own."""

import ctypes
import os
import signal
import subprocess
import sys
import time

import numpy as np

QUARTER = 0.75                                    # the rate at which those go wrong that once do


def dropout(x, p, training, rng):
    """A right one."""
    if not training or p == 0:
        return x.copy()
    kept = rng.random(x.shape) >= p
    return (x * kept / (1 - p) if p < 1 else 0 * x).astype(x.dtype)


def unscaled(x, p, training, rng):
    """The papers' scaling."""
    return x * (rng.random(x.shape) >= p) if training else x * (1 - x.dtype.type(p))


def going_wrong(wrong):
    """`dropout`, and at the rate 0.75 in training `wrong` before it."""
    def once(x, p, training, rng):
        if p == QUARTER and training and x.size > 1:
            wrong()
        return dropout(x, p, training, rng)

    return once


@going_wrong
def segfault():
    ctypes.string_at(0)


@going_wrong
def exits():
    os._exit(3)


@going_wrong
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@going_wrong
def aborts():
    os.write(2, b"terminate called\n")
    os.abort()


@going_wrong
def stubborn():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


@going_wrong
def busy():
    while True:
        try:
            sum(range(1000))
        except BaseException:
            continue


@going_wrong
def paused(done=[]):                              # noqa: B006  once is enough
    if not done:
        done.append(1)
        subprocess.Popen(["sh", "-c", f"sleep 14; kill -CONT {os.getpid()}"])
        os.kill(os.getpid(), signal.SIGSTOP)


@going_wrong
def in_c():
    ctypes.PyDLL(None).sleep(60)                  # holds the interpreter's lock


@going_wrong
def greedy():
    kept = []
    while True:
        kept.append(np.empty(2**27))


@going_wrong
def flood():
    for _ in range(10):
        os.write(1, b"flood\n" * 1000)
    ctypes.CDLL(None).puts(b"from C")


@going_wrong
def children():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


@going_wrong
def forks():
    os.fork()


@going_wrong
def reads():
    if sys.stdin.read() or os.read(0, 1):
        raise RuntimeError("there was something to read")


@going_wrong
def moves():
    os.chdir("/")


def dead(x, p):
    """Always."""
    os._exit(7)


class Holder:
    """A place for a place."""

    class Inner:
        """An attribute path leads here."""

        drop = staticmethod(dropout)
