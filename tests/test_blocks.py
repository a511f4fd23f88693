"""No block of random bits is used for two things: by counters, and once more by the bits.

Under one key, Philox is a bijection of its counters.  So two draws share bits where they share a
key and a block, or by a chance of 2^-256.  Keys are (seed, 64 bits of SHA-256 of a name).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import noise
from minidrop.fast import draws
from minidrop.noise import Stream

ROOT = Path(__file__).parents[1]
MANY = 100_000


@pytest.fixture
def reserved(monkeypatch):
    """[(key, first block, end)] of everything that streams reserve."""
    found, reserve = [], Stream._reserve

    def reserving(self, blocks):
        start = reserve(self, blocks)
        found.append((self.key, start, start + blocks))
        return start

    monkeypatch.setattr(Stream, "_reserve", reserving)
    return found


def used_twice(spans):
    """The spans that begin before another of their key has ended."""
    spans = sorted(span for span in spans if span[1] < span[2])
    return [b for a, b in zip(spans, spans[1:], strict=False) if a[0] == b[0] and b[1] < a[2]]


def test_a_block_that_is_used_twice_is_found():
    assert used_twice([((0, 1), 0, 2), ((0, 1), 2, 3), ((0, 2), 0, 3), ((0, 1), 3, 3)]) == []
    assert used_twice([((0, 1), 2, 4), ((0, 1), 0, 3)]) == [((0, 1), 2, 4)]


DRAWS = (lambda s: md.bernoulli(s, 0.3, 5), lambda s: md.uniform(s, (2, 9)), lambda s: s.words(7),
         lambda s: noise.coin(s, 0.5), lambda s: md.integers(s, 10, 3), lambda s: noise.die(s, 6),
         lambda s: md.gaussian(s, 3), lambda s: noise.beta(s, 0.5, 2.0),
         lambda s: md.bernoulli(s, 1.0, 20), lambda s: md.permutation(s, 9))


@pytest.mark.slow
def test_100000_draws_of_a_stream_use_each_block_once(reserved):
    for name in ("drop", "stem.drop"):
        stream, before = Stream(3, name), len(reserved)
        for k in range(MANY):
            DRAWS[k % len(DRAWS)](stream)
        spans = reserved[before:]
        assert stream.block == sum(end - start for _, start, end in spans)
        assert all(start < end for _, start, end in spans)
    assert len(reserved) >= 2 * MANY and used_twice(reserved) == []


@pytest.mark.parametrize("draw", DRAWS)
def test_what_a_draw_reads_it_has_reserved(draw, reserved, monkeypatch):
    read, words = [], draws.words

    def reading(key, block, n):
        read.extend((tuple(key), b) for b in range(block, block - (-n // 4)))
        return words(key, block, n)

    monkeypatch.setattr(draws, "words", reading)
    stream = Stream(5, "drop")
    for _ in range(40):
        del read[:], reserved[:]
        draw(stream)
        assert set(read) <= {(key, b) for key, start, end in reserved for b in range(start, end)}
    assert stream.block >= 40


def test_blocks_of_a_stream_and_of_its_neighbours_have_no_bits_in_common():
    """Keys and counters next to each other: all 40,000 blocks of 256 bits are different."""
    keys = [(seed, word) for seed in (0, 1, 2**64 - 1) for word in (0, 1, *Stream(0, "a").key)]
    blocks = np.concatenate([draws.words(key, 0, 4 * 4000).reshape(-1, 4) for key in set(keys)])
    assert len(np.unique(blocks, axis=0)) == len(blocks) == 4000 * len(set(keys))


def trained(seed):
    """A run in which all draws: first values, order, crops, masks, gates, looks, MC dropout."""
    net = md.models.drop_paths(md.models.resnet8(classes=3), 0.5)
    net = md.models.place(net, "drop", md.Dropout(0.3)).init(seed)
    x, y = md.gaussian(Stream(seed, "data/x"), (24, 3, 8, 8)), md.integers(
        Stream(seed, "data/y"), 3, 24)
    looks = md.Dynamics(net, (x, y), [0, 3, 6], batches=2, batch_size=8, seed=seed)
    md.fit(net, md.optim.SGD(lr=0.1), (x, y), 3, batch_size=8, batch=md.flip_crop, seed=seed,
           recorder=looks, progress=False)
    md.mc_predict(net, x[:4], passes=3)


CHILD = """
import json
from tests import test_blocks
from minidrop.noise import Stream
found, reserve = [], Stream._reserve
def reserving(self, blocks):
    start = reserve(self, blocks)
    found.append((self.key, start, start + blocks))
    return start
Stream._reserve = reserving
test_blocks.trained(2)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_run_uses_no_block_twice_nor_does_one_of_another_seed_elsewhere(reserved):
    trained(0)
    first = len(reserved)
    trained(1)
    here = len(reserved)
    assert first > 100 and here > first + 100
    there = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=300)
    reserved += [(tuple(key), start, end) for key, start, end in json.loads(there.stdout)]
    assert len(reserved) > here + 100 and used_twice(reserved) == []
    assert len({key for key, *_ in reserved}) > 60


# --- the end -------------------------------------------------------------------------------------

@pytest.mark.parametrize("left, draw", [
    (1, lambda s: md.bernoulli(s, 0.5, 1)), (2, lambda s: md.uniform(s, 20)),
    (2, lambda s: s.words(13)), (1, lambda s: noise.coin(s, 0.5)), (1, lambda s: s.bits(3))])
def test_a_stream_that_is_used_up_says_so_and_begins_not_anew(left, draw):
    stream = Stream(1, "drop")
    stream.state = (*stream.key, 2**62 - 1 - left)
    with pytest.raises(ValueError, match="stream 'drop' is used up: .* 2\\^62"):
        draw(stream)
    assert stream.block == 2**62 - 1 - left       # nothing was taken
    stream.words(4 * left)
    stream.state = stream.state                   # a checkpoint can still hold it
    with pytest.raises(ValueError, match="is used up"):
        stream.words(1)
