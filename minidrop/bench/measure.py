"""Times in turns: blocks of steps, one contender after another, so that a busy neighbour meets all.

A ratio is that of two blocks that follow each other, and what is reported is its median over all
blocks, with the interval in which the median lies with 95 %: between two of the sorted ratios,
which assumes nothing of how they spread.  How far apart the quartiles of the ratios are tells
whether the machine was quiet.
"""

import itertools
import math
import statistics
import time
from functools import partial

from tqdm import tqdm

BLOCK = 0.05                # seconds that a block lasts at least
PAUSE = 0.02                # seconds for the threads of who had the turn before to stop spinning


def in_turns(steps, blocks, title="", progress=False):
    """For each of `steps`, functions, its ms in each of `blocks` blocks: (steps, blocks)."""
    return turns([partial(clock, step) for step in steps], blocks, title, progress)


def turns(clocks, blocks, title="", progress=False):
    """The same for `clocks`, each of which says how many seconds n of its steps take."""
    players: list = [(clock, steps_in_block(clock), []) for clock in clocks]
    with tqdm(total=blocks * len(players), desc=title, unit="turn", disable=not progress,
              dynamic_ncols=True) as bar:
        for block in range(blocks):
            for seconds, n, times in players if block % 2 == 0 else players[::-1]:
                time.sleep(PAUSE)
                times.append(1e3 * seconds(n) / n)
                bar.update()
    return [times for _, _, times in players]


def steps_in_block(clock):
    """How many steps last BLOCK seconds, by doubling after a warm-up."""
    clock(2)
    return next(n for n in (2**i for i in itertools.count()) if clock(n) >= BLOCK)


def clock(step, n):
    """Seconds that n steps take.

    If there are several, one that is not timed goes before them and brings its data into the
    caches; a single one lasts so long that this does not count.
    """
    if n > 1:
        step()
    start = time.perf_counter()
    for _ in range(n):
        step()
    return time.perf_counter() - start


def ratio(times, others):
    """The median of the ratios of neighbours."""
    return statistics.median(ratios(times, others))


def compared(**pairs):
    """The ratio of name=(times, others), by name, and "spread", of each the spread by name."""
    return {name: ratio(*both) for name, both in pairs.items()} | {
        "spread": {name: spread(ratios(*both)) for name, both in pairs.items()}}


def spread(values):
    """The upper quartile over the lower one.

    >>> spread([1, 2, 3, 4, 5])
    2.0
    """
    low, _, high = statistics.quantiles([*values, *values[:len(values) == 1]], method="inclusive")
    return high / low


def ratios(times, others):
    """Block by block."""
    return [a / b for a, b in zip(times, others, strict=True)]


def median_interval(values, level=0.95):
    """(low, high) of `values` between which their median lies with the probability `level` or more.

    The k-th from either end, where fewer than k of n fair coins show heads with (1 - level) / 2 at
    most.  Of fewer than 6 values these are the ends, which hold it less often.

    >>> median_interval(range(15))
    (3, 11)
    """
    ordered, n = sorted(values), len(values)
    below = itertools.accumulate(math.comb(n, heads) / 2**n for heads in range(n))
    k = max(1, sum(share <= (1 - level) / 2 for share in below))
    return ordered[k - 1], ordered[n - k]
