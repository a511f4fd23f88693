"""Cases of the noise itself: what `Stream(seed, name)` draws, bit for bit."""

import functools

import numpy as np

from ... import noise
from .case import CLOSE, SINGLE, Case

ABOUT = """\
The stream of a seed and a name, so that another language can draw the same masks.  It is Philox
4x64-10 (Salmon et al., SC 2011) under the key (seed mod 2^64, the first 8 bytes of SHA-256 of the
name in UTF-8, least significant first).  Block k is the four words that the counter k + 1 gives
(the counter's other three words are 0), and words 4 k to 4 k + 3 of the stream.  A word is four
halves of 16 bits, least significant first.  A draw of n bits (32 each) starts on a fresh block and
takes 2 ceil(n / 16) blocks: the first n halves are the high ones; the low ones start ceil(n / 16)
blocks later; bits = high 2^16 + low.  With q a float64: bernoulli = bits < ceil(q 2^32); uniform =
floor(bits / 2^8) 2^-24; integers = floor(bits high / 2^32), a product of 64 bits; permutation = the
stable order of the next n words, which take ceil(n / 4) blocks.  gaussian takes bits of shape (2,
ceil(n / 2)) and is, with u = (bits of the first row + 1) 2^-32 and v = the bits of the second
2^-32, in float64 sqrt(-2 ln u) cos(2 pi v) for all, then sqrt(-2 ln u) sin(2 pi v), the first n of
them, rounded to float32.  coin is one bernoulli.  beta is drawn by NumPy and is not part of these
files."""


def _key(seed, name):
    return np.array(noise.Stream(seed, name).key, "uint64")


def _draw(draw, seed, name, block, **given):
    stream = noise.Stream(seed, name)
    stream.state = (*stream.key, block)
    if draw in ("words", "bits"):
        return getattr(stream, draw)(*given.values()), stream.block
    return getattr(noise, draw)(stream, **given), stream.block


def _stream():
    def case(draw, title, seed=0, name="", block=0, **given):
        of = {"seed": seed, "name": name, "block": block} | given
        function = f"Stream.{draw}" if draw in ("words", "bits") else f"noise.{draw}"
        return Case(title, "", function, of, gives=f"{draw} next_block",
                    run=functools.partial(_draw, draw),
                    tolerance=SINGLE if draw == "gaussian" else CLOSE)

    def key(seed, name):
        return Case(f"key of seed {seed}, name {name!r}", "", "Stream.key",
                    {"seed": seed, "name": name}, gives="key", run=_key)

    drawn = int(noise.Stream(1, "drop").bits(20)[0])
    return [
        key(0, ""), key(7, "hidden1.dropout"), key(-1, "größe"),
        case("words", "the first two blocks", n=8), case("words", "five words take two blocks",
                                                         7, "drop", n=5),
        case("words", "from block 3 on", 7, "drop", 3, n=4),
        case("bits", "one block for each plane", 7, "drop", shape=[3]),
        case("bits", "two blocks for each plane", 7, "drop", shape=[3, 6]),
        case("bits", "no bits", 7, "drop", shape=[0]),
        *(case("bernoulli", f"q = {q}", 1, "drop", q=q, shape=[4, 5])
          for q in (0.0, 0.1, 0.5, 0.8, 1.0)),
        case("bernoulli", "the first bits are q 2^32: false", 1, "drop", q=drawn / 2**32,
             shape=[4, 5]),
        case("bernoulli", "the first bits are below q 2^32 by a half: true", 1, "drop",
             q=(drawn + 0.5) / 2**32, shape=[4, 5]),
        case("coin", "one bit", 1, "path", 5, q=0.7),
        case("uniform", "in [0, 1)", 2, "", shape=[6]),
        *(case("integers", f"below {high}", 3, "crop", high=high, shape=[6])
          for high in (1, 9, 2**32)),
        *(case("permutation", f"of {n}", 4, "shuffle", n=n) for n in (0, 1, 10)),
        *(case("gaussian", f"{n} numbers", 5, "noise", shape=[n]) for n in (1, 6, 7)),
    ]


CASES = {"stream": _stream}
