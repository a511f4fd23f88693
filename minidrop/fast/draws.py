"""Philox 4x64-10 on the host: NumPy's generator, set to any block, on all cores.

A number of 32 bits is stored as two halves of 16: all high ones first, the high plane, then all
low ones.

Why it is fast.  Whether a number is below a bound its high half mostly tells; the low plane is
looked at only where that leaves it open, once in 65,536 times.  Numbers are compared while they are
in the cache, and nothing wider than they are is ever written.  Each thread sets one generator of
its own to the block where its part begins, which is ten times as quick as making one.
"""

import threading

import numpy

from ..philox import philox
from ..xp import chunks, par

WORDS = 4                   # 64-bit words in a block
HALVES = 16                 # 16-bit halves in a block, least significant first within a word
FEW = 64                    # so many blocks come sooner one by one than by array code

_own = threading.local()


def generator(key, block):
    """NumPy's generator before `block`; the thread's only one, so use it before asking again."""
    if not hasattr(_own, "philox"):
        _own.philox = numpy.random.Philox(key=0)
    counter = [block >> 64 * i & 2**64 - 1 for i in range(4)]
    _own.philox.state = {
        "bit_generator": "Philox", "buffer": numpy.zeros(WORDS, numpy.uint64),
        "buffer_pos": WORDS, "has_uint32": 0, "uinteger": 0,
        "state": {"counter": numpy.array(counter, numpy.uint64),    # it counts before it draws
                  "key": numpy.array(key, numpy.uint64)}}
    return _own.philox


def words(key, block, n):
    """`n` words from `block` on, uint64.

    >>> words((1, 2), block=0, n=2)
    array([5705853004827290377, 6584680345644299050], dtype=uint64)
    """
    return generator(key, block).random_raw(n)


def bits(key, high, low, n):
    """`n` numbers of 32 bits: their halves begin at the blocks `high` and `low`.

    >>> bits((1, 2), high=0, low=1, n=3)
    array([1795755843, 3042145194, 1125369348], dtype=uint32)
    """
    made = numpy.empty(n, numpy.uint32)

    def part(lo, hi):
        for s in chunks(lo, hi):
            numpy.left_shift(_halves(key, high, s), 16, out=made[s], dtype=numpy.uint32)
            made[s] |= _halves(key, low, s)

    par(part, n)
    return made


def below(key, high, low, n, bound):
    """bits(key, high, low, n) < bound, for a bound in 1..2^32 - 1.

    >>> below((1, 2), high=0, low=1, n=3, bound=1 << 31)
    array([ True, False,  True])
    """
    (top, rest), made = divmod(bound, 1 << 16), numpy.empty(n, bool)

    def part(lo, hi):
        ties = []
        for s in chunks(lo, hi):
            halves = _halves(key, high, s)
            numpy.less(halves, top, out=made[s])
            if rest:
                ties.append(s.start + numpy.flatnonzero(halves == top))
        tied = numpy.concatenate(ties) if ties else ()
        if len(tied):                             # the low plane matters only where the high ties
            made[tied] = _halves_at(key, low, tied) < rest

    par(part, n)
    return made


def _halves(key, start, s):
    """The halves of a slice of a plane that begins at the block `start`; it begins on a block."""
    n = s.stop - s.start
    return words(key, start + s.start // HALVES, WORDS * -(-n // HALVES)).view("<u2")[:n]


def _halves_at(key, start, index):
    """The halves at some places of a plane that begins at the block `start`."""
    block, half = numpy.divmod(index, HALVES)
    if len(index) <= FEW:
        found = [words(key, start + int(b), WORDS) for b in block]
    else:
        found = philox(key, (start + block).astype(numpy.uint64))
    return numpy.asarray(found).view("<u2")[numpy.arange(len(index)), half]
