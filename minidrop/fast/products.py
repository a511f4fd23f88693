"""Matrix products whose bits depend on no number of threads, neither ours nor the BLAS's.

A BLAS that shares one product among its threads cuts it where their number says, and another cut
rounds otherwise: in OpenBLAS many a large product differs between one thread and two.  Here
sizes alone say where a product is cut, a piece is one thread's, and the pieces go to all cores.
The BLAS copies one factor whole for every piece: few and broad pieces waste little time on that.
"""

import functools
import itertools
import math
import os
import threading
from functools import partial

from ..xp import LEAST, array_module, on_host, par

ALONE = 1 << 18             # multiplications that OpenBLAS leaves to one thread by itself, and
ALONE_VECTOR = 9 << 10      # where one factor is a vector
PASS = 1 << 22              # multiplications that take about as long as LEAST elements of a pass
PIECE = 3 * PASS            # multiplications that a piece has at least, which pays for a thread
BROAD = 192                 # rows or columns that it has at least, if it is not a half
SIDE = 16                   # cuts are at multiples of this, as those of BLAS tiles are


def product(a, b, plus=None):
    """a @ b, as NumPy and CuPy define it; `plus` (columns,) is added to all rows, in their memory.

    >>> ones = array_module().ones
    >>> product(ones((2, 3)), ones((3, 2))).tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    rows, columns = a.shape[-2] if a.ndim > 1 else 1, b.shape[-1] if b.ndim > 1 else 1
    work = max(a.size * columns, b.size * rows)
    if work <= (ALONE_VECTOR if rows == 1 or columns == 1 else ALONE) or not on_host(a):
        if a.ndim > 2 and b.ndim == 2 and not on_host(a):         # one product, not many
            y = a.reshape(math.prod(a.shape[:-1]), a.shape[-1]).dot(b)
            y = y.reshape(*a.shape[:-1], columns)
        else:
            y = a.dot(b) if a.ndim == b.ndim == 2 else a @ b      # dot begins sooner
        if plus is not None:
            y += plus
        return y
    if a.ndim > 2 and b.ndim == 2:                # one large product, not many
        return product(a.reshape(-1, a.shape[-1]), b, plus).reshape(*a.shape[:-1], columns)
    with one_blas_thread:
        if work <= PIECE or min(a.ndim, b.ndim) < 2 or a.shape[:-2] != b.shape[:-2]:
            return _plus(a @ b, plus)
        if a.ndim > 2:
            return _plus(_stack(a, b), plus)
        y, pieces = _pieces(a, b, plus)
        _share(pieces)
        return y


def products(*pairs):
    """[a @ b for a, b in pairs], of matrices.

    Why it is fast: where they are large, the pieces of all of them are shared together, so that the
    cores begin once and end together, not with every product.

    >>> ones = array_module().ones
    >>> [y.tolist() for y in products((ones((1, 2)), ones((2, 1))), (ones((1, 3)), ones((3, 1))))]
    [[[2.0]], [[3.0]]]
    """
    if max([a.size * b.shape[1] for a, b in pairs]) <= PIECE or not on_host(pairs[0][0]):
        return [product(a, b) for a, b in pairs]
    made = [_pieces(a, b) for a, b in pairs]
    with one_blas_thread:
        _share([piece for _, pieces in made for piece in pieces])
    return [y for y, _ in made]


def ones(n, like):
    """A row (1, n) of ones beside `like`, not to be written to: products with it sum rows.

    >>> ones(3, like=array_module().zeros(2)).tolist()
    [[1.0, 1.0, 1.0]]
    """
    return _ones(n, like.dtype) if on_host(like) else array_module(like).ones((1, n), like.dtype)


@functools.lru_cache(maxsize=64)
def _ones(n, dtype):
    row = array_module().ones((1, n), dtype)
    row.flags.writeable = False
    return row


def _plus(y, plus):
    if plus is not None:
        y += plus
    return y


def _stack(a, b):
    """Products of many pairs of matrices, each of which is a piece."""
    xp, work = array_module(a, b), math.prod(a.shape[1:]) * b.shape[-1]
    y = xp.empty((*a.shape[:-1], b.shape[-1]), xp.result_type(a, b))
    par(lambda lo, hi: xp.matmul(a[lo:hi], b[lo:hi], out=y[lo:hi]), len(a),
        each=max(1, work * LEAST // PASS))
    return y


def _pieces(a, b, plus=None):
    """(a @ b, the calls that fill it): it is cut along its longer side into 1, 2, 4, 8, ... equal
    pieces."""
    xp, (rows, inner), columns = array_module(a, b), a.shape, b.shape[1]
    y, side = xp.empty((rows, columns), xp.result_type(a, b)), max(rows, columns)
    most = max(1, min(rows * inner * columns // PIECE, max(2, side // BROAD)))
    pieces = 2 ** int(math.log2(most))
    ends = [round(side * i / (pieces * SIDE)) * SIDE for i in range(pieces)] + [side]

    def piece(s):
        if rows > columns:
            _plus(xp.matmul(a[s], b, out=y[s]), plus)
        else:
            _plus(xp.matmul(a, b[:, s], out=y[:, s]), None if plus is None else plus[s])

    return y, [partial(piece, slice(lo, hi)) for lo, hi in itertools.pairwise(ends)]


def _share(calls):
    """Make all calls, each core the next one as soon as it has made its last."""
    left = iter(calls)
    par(lambda lo, hi: [call() for call in left], len(calls), each=LEAST)


class _OneBlasThread:
    """Within it every product of the BLAS has one thread; it may be entered again, by any thread.

    The number of threads belongs to the process: the first in sets it, the last out sets it back.
    An interruption at the very call of `__exit__` leaves it at one: time, no number.
    """

    def __init__(self):
        self.lock, self.inside, self.before = threading.RLock(), [], []

    def __enter__(self):
        times = self.inside.count(threading.get_ident())
        try:
            with self.lock:
                self.inside.append(threading.get_ident())
                if len(self.inside) == 1:
                    self.before = [(put, get()) for get, put in _blas()]
                    self._put(1)
        except BaseException:
            self._leave(times)
            raise

    def __exit__(self, *error):
        times = self.inside.count(threading.get_ident()) - 1
        try:
            self._leave(times)
        finally:
            self._leave(times)                    # an interruption may have come before its end

    def _leave(self, times):
        """Be inside so many times yet; who is out already may say it again."""
        with self.lock:
            while self.inside.count(threading.get_ident()) > times:
                self.inside.remove(threading.get_ident())
            if not self.inside:
                self._put(None)
                self.before = []

    def forked(self):
        """In a forked child, which has none of the other threads: they leave."""
        others = [thread for thread in self.inside if thread != threading.get_ident()]
        for thread in others:
            self.inside.remove(thread)
        if others and not self.inside:
            self._put(None)
        self.lock.release()                       # taken before the fork, so that all is whole

    def _put(self, threads):
        for put, before in self.before:
            if before > 1:
                put(threads or before)


one_blas_thread = _OneBlasThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=one_blas_thread.lock.acquire, after_in_child=one_blas_thread.forked,
                        after_in_parent=one_blas_thread.lock.release)
# What OpenBLAS puts around its names.  Not a "_" at the end: that would be the one for Fortran.
AFFIXES = [(before, after) for before in ("", "scipy_") for after in ("64_", "_64", "")]


@functools.cache
def _blas():
    """[(get, put)]: functions that read and set the number of threads of each BLAS here."""
    from threadpoolctl import ThreadpoolController

    found = []
    for blas in ThreadpoolController().select(user_api="blas").lib_controllers:
        pair = blas.get_num_threads, blas.set_num_threads
        for before, after in AFFIXES:             # threadpoolctl obeys only one of our threads
            names = [f"{before}openblas_{verb}_num_threads{after}" for verb in ("get", "set")]
            if all(hasattr(blas.dynlib, name) for name in names):
                pair = tuple(getattr(blas.dynlib, name) for name in names)
                break
        found.append(pair)
    return found
