"""The only file that draws random numbers.

A `Stream` is a key and a position: block k of a stream is the k-th output of Philox 4x64-10 (Salmon
et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), four words of 64 bits.  The bits of
any place can be computed alone, so a state is three integers, the same seed gives the same masks on
NumPy and CuPy, and a stream named after its layer stays when layers of other names are inserted.

Everything else is a visible transform of bits: `bernoulli`, `coin`, `die`, `uniform`, `integers`,
`permutation`, `gaussian`, `beta`.  Each takes a stream (or an int seed) first and asks it to
`draw`, so the test doubles of `minidrop.check` can replay, record or forbid any kind of noise.
"""

import functools
import inspect
import math
import operator

import numpy

from .arguments import COUNTED, count, describe, number, option, probability, shape_of
from .device import draws as on_device
from .fast import draws as on_host
from .fast.draws import HALVES, WORDS
from .xp import BACKENDS, array_module, backend_module, chunks, par

END = 2**62                 # blocks of a stream; counters, of 64 bits and more, never begin anew


class Stream:
    """Bits of Philox 4x64-10 under the key (seed mod 2^64, first 8 bytes of SHA-256 of the name).

    Every draw starts on a fresh block.  `backend` says where the arrays are made, not which bits.

    >>> stream = Stream(7, "drop")
    >>> bernoulli(stream, 0.5, 8).astype(int)
    array([0, 1, 0, 0, 0, 0, 1, 0])
    >>> stream.state[2]                              # the next free block
    2
    """

    def __init__(self, seed, name="", backend="numpy"):
        seed = _whole(seed, "seed must be a whole number")
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {describe(name)}")
        option(backend, "backend", BACKENDS)
        import hashlib  # here, so that importing minidrop stays cheap

        digest = hashlib.sha256(name.encode()).digest()
        self.key = (seed % 2**64, int.from_bytes(digest[:8], "little"))
        self.block = 0
        self.name = name
        self.backend = backend

    def __repr__(self):
        return f"Stream(key={self.key}, block={self.block}, name={self.name!r})"

    @property
    def state(self):
        """(key word 0, key word 1, next block): all there is to save."""
        return (*self.key, self.block)

    @state.setter
    def state(self, state):
        if not isinstance(state, tuple | list) or len(state) != 3:
            raise ValueError(f"state must be three whole numbers, got {describe(state)}")
        k0, k1, block = (_whole(part, "state must be three whole numbers") for part in state)
        if min(k0, k1, block) < 0 or max(k0, k1) >= 2**64 or block >= END:
            raise ValueError("state must be two key words below 2^64 and a block below 2^62, got "
                             f"{state}")
        self.key, self.block = (k0, k1), block

    def to(self, backend):
        """Make arrays on `backend` ("numpy" or "cupy") from now on; the bits stay the same."""
        backend_module(backend)
        self.backend = backend
        return self

    def draw(self, transform, *args):
        """transform(self, *args): where a test double steps in."""
        if not callable(transform):
            raise TypeError("transform must be a function, called as transform(stream, ...), got "
                            f"{describe(transform)}")
        return transform(self, *args)

    def words(self, n):
        """The next n words, uint64 (n,)."""
        start = self._reserve(-(-(n := count(n, "n", least=0)) // WORDS))
        return self._draws().words(self.key, start, n)

    def bits(self, shape):
        """uint32 of `shape`: a plane of high halves, then a plane of low halves."""
        n, high, low = self._planes(shape := shape_of(shape))
        return self._draws().bits(self.key, high, low, n).reshape(shape)

    def below(self, bound, shape):
        """bits(shape) < bound for an int bound in [0, 2^32], at 16 bits an element."""
        if bound in (0, 1 << 32):
            self._planes(shape := shape_of(shape))
            return backend_module(self.backend).full(shape, bound > 0)
        n, high, low = self._planes(shape := shape_of(shape))
        return self._draws().below(self.key, high, low, n, bound).reshape(shape)

    def one(self):
        """bits(()) as an int, drawn on the host whatever the backend."""
        _, *planes = self._planes(())
        high, low = (int(on_host.words(self.key, plane, 1)[0]) % 2**16 for plane in planes)
        return high << 16 | low

    def _planes(self, shape):
        n = math.prod(shape)
        plane = -(-n // HALVES)
        high = self._reserve(2 * plane)
        return n, high, high + plane

    def _reserve(self, blocks):
        if self.block + blocks >= END:
            raise ValueError(f"the stream {self.name!r} is used up: {blocks} blocks from block "
                             f"{self.block} on would reach 2^62; take another seed or name")
        start, self.block = self.block, self.block + blocks
        return start

    def _draws(self):
        return on_host if self.backend == "numpy" else on_device


# --- transforms: what the bits are turned into --------------------------------------------------

def as_stream(rng):
    """`rng` itself if it can draw, and Stream(rng, "") for an int seed."""
    if hasattr(rng, "draw"):
        return rng
    return Stream(_whole(rng, "rng must be a Stream or an int seed"))


def _whole(value, wanted):
    """`value`, of any size, as an int; a bool is none."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{wanted}, got {describe(value)}")
    try:
        return operator.index(value)
    except TypeError:                             # an array of floats
        raise TypeError(f"{wanted}, got {describe(value)}") from None


def draws(transform):
    """Make transform(stream, ...) a sampler whose stream does the drawing."""

    @functools.wraps(transform)
    def sampler(rng, *args, **named):
        if named:
            args = inspect.signature(transform).bind(rng, *args, **named).args[1:]
        return as_stream(rng).draw(transform, *args)

    return sampler


@draws
def bernoulli(rng, q, shape):
    """True with probability `q`: bits < q 2^32, exact at 0 and 1 and to 2^-32 between.

    >>> bernoulli(0, 1.0, (2, 3)).all()
    np.True_
    """
    return rng.below(math.ceil(probability(q, "q") * 2**32), shape)


@draws
def coin(rng, q):
    """One Python bool, True with probability `q`: bernoulli(rng, q, ()), drawn on the host.

    For a decision of the program, such as what to compute: nothing waits for a GPU.

    >>> coin(1, 0.5), coin(1, 0.0)
    (True, False)
    """
    bound = math.ceil(probability(q, "q") * 2**32)
    return rng.one() < bound


@draws
def die(rng, sides):
    """One Python int in 0..sides-1: integers(rng, sides, ()), drawn on the host as a coin is.

    >>> die(0, 6) == int(integers(0, 6, ()))
    True
    """
    return rng.one() * _sides(sides, "sides") >> 32


@draws
def uniform(rng, shape):
    """float32 in [0, 1): the top 24 of 32 bits, times 2^-24.

    >>> u = uniform(0, 1000)
    >>> bool((u >= 0).all() and (u < 1).all()), u.dtype
    (True, dtype('float32'))
    """
    return (rng.bits(shape) >> 8).astype("float32") * 2.0**-24


@draws
def integers(rng, high, shape):
    """int64 in 0..high-1 for high up to 2^32: floor(bits high / 2^32), each value to 2^-32.

    >>> sorted(set(integers(0, 6, 1000).tolist()))
    [0, 1, 2, 3, 4, 5]
    """
    high = _sides(high, "high")
    return (rng.bits(shape).astype("uint64") * high >> 32).astype("int64")


def _sides(value, name):
    if count(value, name, most=COUNTED) > 2**32:
        raise ValueError(f"{name} must be at most 2^32, got {value}")
    return int(value)


@draws
def permutation(rng, n):
    """The numbers 0..n-1 in random order, int64: the stable order of n words.

    >>> sorted(permutation(0, 5).tolist())
    [0, 1, 2, 3, 4]
    """
    words = rng.words(n)
    return words.argsort(kind="stable").astype("int64")


@draws
def gaussian(rng, shape):
    """Standard normal float32: Box and Muller's sqrt(-2 ln u) cos(2 pi v) and sin, u in (0, 1].

    >>> z = gaussian(0, 10_000)
    >>> bool(abs(z.mean()) < 0.06 and abs(z.std() - 1) < 0.05)
    True
    """
    shape = shape_of(shape)
    n = math.prod(shape)
    bits = rng.bits((2, -(-n // 2)))
    xp, half = array_module(bits), bits.shape[1]
    pairs = xp.empty((2, half), "float32")

    def part(lo, hi):
        for s in chunks(lo, hi, each=8) if xp is numpy else [slice(lo, hi)]:
            u, v = bits[:, s].astype("float64") * 2.0**-32
            radius, angle = xp.sqrt(-2 * xp.log(u + 2.0**-32)), 2 * math.pi * v
            pairs[0, s], pairs[1, s] = radius * xp.cos(angle), radius * xp.sin(angle)

    par(part, half, each=64) if xp is numpy else part(0, half)
    return pairs.ravel()[:n].reshape(shape)


@draws
def beta(rng, a, b, shape=None):
    """One float from Beta(a, b), a, b > 0, drawn on the host by NumPy's own method.

    With a `shape` it is an array of independent draws, float32.

    >>> 0 <= beta(0, 2.0, 5.0) <= 1
    True
    """
    a, b = (number(value, name, least=2.0**-1022, most=2.0**1000)
            for value, name in ((a, "a"), (b, "b")))
    generator = on_host.generator(rng.key, rng.block)
    value = numpy.random.Generator(generator).beta(a, b, None if shape is None else shape_of(shape))
    used = int(generator.state["state"]["counter"][0])
    rng._reserve(used - rng.block)                   # the draw took as many blocks as it needed
    if shape is None:
        return float(value)
    return backend_module(rng.backend).asarray(value.astype("float32"))
