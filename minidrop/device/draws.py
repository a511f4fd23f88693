"""Philox 4x64-10 on a GPU: the words, bits and decisions of `fast.draws`, each in one launch.

Why it is fast.  A thread makes one block, from its number alone, and writes what comes of it.  A
decision is written as one byte, eight at a time, and its bits are never.  The plain twin is here:
`philox` in array code, about sixty launches and as many passes over memory.
"""

from ..fast.draws import HALVES, WORDS
from ..philox import KEY_STEPS, MULTIPLIERS, ROUNDS, philox
from ..xp import backend_module
from .launch import Kernel, wanted

SOURCE = f"""
#define ROUNDS {ROUNDS}
#define M0 {MULTIPLIERS[0]:#x}ull
#define M1 {MULTIPLIERS[1]:#x}ull
#define STEP0 {KEY_STEPS[0]:#x}ull
#define STEP1 {KEY_STEPS[1]:#x}ull
""" + """
struct Block { word w[4]; };

// Block `start + i` of the key, where start = start0 + 2^64 start1; the counter is one ahead.
__device__ Block made(word k0, word k1, word start0, word start1, long long i) {
    word c0 = start0 + (i + 1), c1 = start1 + (c0 < (word)(i + 1)), c2 = 0, c3 = 0;
    for (int r = 0; r < ROUNDS; r++) {
        word high0 = __umul64hi(M0, c0), high1 = __umul64hi(M1, c2), low0 = M0 * c0;
        c0 = high1 ^ c1 ^ k0;
        c1 = M1 * c2;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += STEP0;
        k1 += STEP1;
    }
    Block block = {{c0, c1, c2, c3}};
    return block;
}

__device__ unsigned int half_of(const Block &block, int j) {     // least significant first
    return (unsigned int)(block.w[j / 4] >> 16 * (j % 4)) & 0xffffu;
}

extern "C" __global__ void words(word* out, long long n, word k0, word k1,
                                 word start0, word start1) {
    EACH(i, (n + 3) / 4) {
        Block block = made(k0, k1, start0, start1, i);
        for (int j = 0; j < 4; j++)
            if (4 * i + j < n) out[4 * i + j] = block.w[j];
    }
}

extern "C" __global__ void bits(unsigned int* out, long long n, word k0, word k1,
                                word high0, word high1, word low0, word low1) {
    EACH(i, (n + 15) / 16) {
        Block high = made(k0, k1, high0, high1, i), low = made(k0, k1, low0, low1, i);
        for (int j = 0; j < 16; j++)
            if (16 * i + j < n) out[16 * i + j] = half_of(high, j) << 16 | half_of(low, j);
    }
}

extern "C" __global__ void below(bool* out, long long n, word k0, word k1, word high0, word high1,
                                 word low0, word low1, long long bound) {
    unsigned int top = bound >> 16, rest = bound & 0xffff;
    EACH(i, (n + 15) / 16) {
        Block high = made(k0, k1, high0, high1, i);
        word eight[2] = {0, 0};
        bool tied = false;
        for (int j = 0; j < 16; j++) {
            eight[j / 8] |= (word)(half_of(high, j) < top) << 8 * (j % 8);
            tied |= half_of(high, j) == top;
        }
        if (tied && rest) {                       // the low plane matters only where the high ties
            Block low = made(k0, k1, low0, low1, i);
            for (int j = 0; j < 16; j++)
                if (half_of(high, j) == top)
                    eight[j / 8] |= (word)(half_of(low, j) < rest) << 8 * (j % 8);
        }
        if (16 * i + 16 <= n) {                   // two stores in the place of sixteen
            ((word*)out)[2 * i] = eight[0];
            ((word*)out)[2 * i + 1] = eight[1];
        } else {
            for (int j = 0; 16 * i + j < n; j++) out[16 * i + j] = eight[j / 8] >> 8 * (j % 8) & 1;
        }
    }
}
"""
WORDS_KERNEL, BITS_KERNEL, BELOW_KERNEL = (
    Kernel(SOURCE, name, types=()) for name in ("words", "bits", "below"))


def words(key, block, n):
    """`n` words from `block` on, uint64."""
    xp = backend_module("cupy")
    if not wanted():
        blocks = xp.arange(block, block - (-n // WORDS), dtype="uint64")
        return philox(key, blocks).reshape(-1)[:n]
    out = xp.empty(n, "uint64")
    WORDS_KERNEL.each(-(-n // WORDS), out, n, *_split(xp, *key), *_place(xp, block))
    return out


def bits(key, high, low, n):
    """`n` numbers of 32 bits: their halves begin at the blocks `high` and `low`."""
    xp, blocks = backend_module("cupy"), -(-n // HALVES)
    if not wanted():
        halves = (words(key, plane, WORDS * blocks).view("<u2")[:n] for plane in (high, low))
        return next(halves).astype("uint32") << 16 | next(halves)
    out = xp.empty(n, "uint32")
    BITS_KERNEL.each(blocks, out, n, *_split(xp, *key), *_place(xp, high), *_place(xp, low))
    return out


def below(key, high, low, n, bound):
    """bits(key, high, low, n) < bound, for a bound in 1..2^32 - 1."""
    xp, blocks = backend_module("cupy"), -(-n // HALVES)
    if not wanted():
        return bits(key, high, low, n) < bound
    out = xp.empty(n, bool)
    BELOW_KERNEL.each(blocks, out, n, *_split(xp, *key), *_place(xp, high), *_place(xp, low), bound)
    return out


def _split(xp, *values):
    return [xp.uint64(value) for value in values]


def _place(xp, block):
    """A block's number as two words."""
    return _split(xp, block % 2**64, block >> 64)
