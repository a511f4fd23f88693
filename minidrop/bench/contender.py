"""Who takes part: what a worker is asked, and what is the same for all."""

import math

import numpy

from . import machine, memory
from .measure import clock


class Contender:
    """One workload in one library, after seeds that are the same for all.

    `step()` is what is timed, `peak()` its memory in MB.  A network takes `load(weights)`, a list
    of arrays in minidrop's order, and starts anew from there; `under(masks)` is then the loss of a
    step whose layers drop what the masks say.
    """

    def step(self):
        """A step."""
        raise NotImplementedError

    def peak(self):
        """MB of a step, or None."""
        raise NotImplementedError

    def clock(self, n):
        """Seconds that n steps take."""
        return clock(self.step, n)

    def process_mb(self):
        """MB of the process when it has taken a few steps, or None."""
        for _ in range(3):
            self.step()
        return memory.process_size()

    def around(self):
        """{"allocator", "threads", "versions"}: what times depend on in this process."""
        return {"allocator": machine.memory_allocator()} | machine.environment()


def agree(losses, where, where2, digits=5):
    """ValueError unless the two losses of every step agree to so many digits."""
    for step, (loss, loss2) in enumerate(losses, 1):
        if not math.isclose(loss, loss2, rel_tol=10**-digits):
            raise ValueError(f"before anything is timed the losses must agree to {digits} digits, "
                             f"got {loss:.8g} {where}, {loss2:.8g} {where2} at step {step}")


def is_dropout(x, g, y, gradient, p, name):
    """ValueError unless y = x m / q and gradient = g m / q for some mask m with a share q kept."""
    y, gradient, q = numpy.asarray(y), numpy.asarray(gradient), 1 - p
    mask = y != 0                                 # x has no zeros
    if (abs(mask.mean() - q) > 6 * math.sqrt(q * p / mask.size)            # chance 2e-9
            or not numpy.allclose(y, x * mask / q, rtol=1e-6)
            or not numpy.allclose(gradient, g * mask / q, rtol=1e-6)):
        raise ValueError(f"before anything is timed {name} must compute dropout with p = {p:g} "
                         "and its gradient, and it did not")
