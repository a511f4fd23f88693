"""Philox 4x64-10 in array code: what NumPy's generator draws, at any block."""

from .xp import array_module

MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
KEY_STEPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
ROUNDS = 10


def philox(key, blocks):
    """The words (n, 4) of the given blocks, a uint64 array (n,), under a key of two ints."""
    xp = array_module(blocks)
    c0, zero = blocks + xp.uint64(1), xp.zeros_like(blocks)
    c1, c2, c3 = zero, zero, zero
    for r in range(ROUNDS):
        k0, k1 = (xp.uint64((k + r * step) % 2**64) for k, step in zip(key, KEY_STEPS, strict=True))
        high0, low0 = _multiply(MULTIPLIERS[0], c0)
        high1, low1 = _multiply(MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return xp.stack([c0, c1, c2, c3], axis=-1)


def _multiply(constant, x):
    """High and low words of the 128-bit products constant * x, from 32-bit halves."""
    xp = array_module(x)
    low, shift, a = xp.uint64(2**32 - 1), xp.uint64(32), xp.uint64(constant)
    a0, a1, x0, x1 = xp.uint64(constant % 2**32), xp.uint64(constant >> 32), x & low, x >> shift
    middle = a1 * x0 + (a0 * x0 >> shift)
    carry = a0 * x1 + (middle & low)
    return a1 * x1 + (middle >> shift) + (carry >> shift), a * x
