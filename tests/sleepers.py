"""Contenders for tests of the bench that need no library: they sleep, and do as they are told."""

import os
import time

import numpy as np

from minidrop.bench.contender import Contender
from minidrop.bench.memory import our_peak


def contender(name, **options):
    return Sleeper(**options)


class Sleeper(Contender):
    """Steps of `seconds`, with losses of 1 / step, off by a factor `off` from the second on."""

    def __init__(self, seconds=0.002, off=1.0, refuses=""):
        if refuses:
            raise ValueError(refuses)
        self.seconds, self.off, self.steps, self.weights = seconds, off, 0, None

    def step(self):
        np.ones(10**6, "u1")
        time.sleep(self.seconds)
        self.steps += 1
        return 1 / self.steps * (self.off if self.steps > 1 else 1)

    def peak(self):
        return our_peak(self.step)

    def start(self):
        self.steps = 0
        return [np.arange(3.0)]

    def load(self, weights):
        self.steps, self.weights = 0, weights

    def observed(self):
        return self.step(), [np.array([True, False, self.steps == 0])]

    def under(self, masks):
        mask, = masks
        assert mask.tolist() == [True, False, False]
        return self.step()

    def around(self):
        return super().around() | {"pid": os.getpid()}

    def chat(self):
        print("hello from a library")
        os.system("echo and from a process that it started")
        return "quiet"

    def die(self):
        os._exit(7)

    def fail(self, message):
        raise ValueError(message)
