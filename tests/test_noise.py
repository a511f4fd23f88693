"""The noise is a contract, bit for bit: recomputed here from NumPy's own Philox."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidrop import Stream, bernoulli, beta, coin, gaussian, integers, permutation, uniform
from minidrop.fast import draws
from minidrop.noise import as_stream
from minidrop.philox import philox
from minidrop.xp import CHUNK, LEAST, host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = [(), (0,), (1,), (16,), (17,), (33,), (3, 5), (2, 0, 3), (4, 3, 2, 5)]
SEEDS = st.integers(-2**70, 2**70)
NAMES = st.text("aZ0._/ \u00e4\u03bb\u6f22\U0001f642", max_size=8)


# --- the contract, written down a second time ----------------------------------------------------

def due_key(seed, name):
    return seed % 2**64, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def due_words(key, n, block=0):
    generator = np.random.Philox(key=np.array(key, np.uint64), counter=0)
    return generator.random_raw(4 * (block + n))[4 * block:]


def due_halves(key, blocks, block=0):
    """16 halves a block, of each word the least significant first."""
    return [int(word) >> shift & 0xFFFF
            for word in due_words(key, blocks, block) for shift in (0, 16, 32, 48)]


def due_bits(key, shape, block=0):
    n = math.prod(shape)
    plane = math.ceil(n / 16)
    halves = due_halves(key, 2 * plane, block)
    bits = [high << 16 | low for high, low in zip(halves[:n], halves[16 * plane:], strict=False)]
    return np.array(bits, np.uint32).reshape(shape)


def stream(backend, seed=7, name="drop", block=0):
    made = Stream(seed, name, backend)
    made.state = (*made.key, block)
    return made


def assert_same(array, due):
    assert array.shape == due.shape and array.dtype == due.dtype
    np.testing.assert_array_equal(host(array), due)


# --- the key, the words and the bits -------------------------------------------------------------

@PROPERTY
@given(seed=SEEDS, name=NAMES)
def test_the_key_is_the_seed_and_the_hash_of_the_name(seed, name):
    assert Stream(seed, name).key == due_key(seed, name)
    assert Stream(seed, name).state == (*due_key(seed, name), 0)


def test_the_twin_in_array_code_draws_numpys_words_from_any_block(xp):
    for key in [(0, 0), (2**64 - 1, 2**63), due_key(7, "drop")]:
        for start in (0, 1, 2**20, 2**32 - 2, 2**63 - 2):
            generator = np.random.Philox(key=np.array(key, np.uint64), counter=start)
            blocks = xp.asarray(np.arange(start, start + 5, dtype=np.uint64))
            assert_same(philox(key, blocks), generator.random_raw(20).reshape(5, 4))
    scattered = np.array([9, 0, 4, 4], np.uint64)
    assert_same(philox((1, 2), xp.asarray(scattered)),
         np.array([due_words((1, 2), 1, int(block)) for block in scattered]))


@pytest.mark.parametrize("block", [0, 1, 77])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_are_two_planes_of_halves(shape, block, backend):
    rng = stream(backend, block=block)
    assert_same(rng.bits(shape), due_bits(rng.key, shape, block))


@PROPERTY
@given(shape=st.lists(st.integers(0, 9), max_size=3).map(tuple), block=st.integers(0, 50),
       seed=SEEDS, name=NAMES)
def test_bits_depend_on_the_key_and_the_block_alone(shape, block, seed, name, backend):
    rng = stream(backend, seed, name, block)
    assert_same(rng.bits(shape), due_bits(due_key(seed, name), shape, block))


@pytest.mark.parametrize("n", [0, 1, 4, 5, 17])
def test_words_start_on_a_fresh_block(n, backend):
    rng = stream(backend)
    for block in (0, math.ceil(n / 4)):
        assert_same(rng.words(n), due_words(rng.key, math.ceil(n / 4), block)[:n])


# --- what a draw reserves, and states ------------------------------------------------------------

RESERVED = [
    (lambda rng, n: rng.bits(n), 16, 2), (lambda rng, n: bernoulli(rng, 0.3, n), 16, 2),
    (lambda rng, n: bernoulli(rng, 0.0, n), 16, 2), (lambda rng, n: bernoulli(rng, 1.0, n), 16, 2),
    (lambda rng, n: uniform(rng, n), 16, 2), (lambda rng, n: integers(rng, 10, n), 16, 2),
    (lambda rng, n: permutation(rng, n), 4, 1), (lambda rng, n: rng.words(n), 4, 1),
]


@pytest.mark.parametrize("n", [0, 1, 4, 5, 16, 17, 1000])
@pytest.mark.parametrize("draw, per_block, planes", RESERVED)
def test_a_draw_reserves_whole_blocks_whatever_its_numbers(draw, per_block, planes, n, backend):
    rng = stream(backend, block=5)
    draw(rng, n)
    assert rng.state == (*rng.key, 5 + planes * math.ceil(n / per_block))


SAMPLERS = [lambda rng: bernoulli(rng, 0.3, (3, 5)), lambda rng: uniform(rng, (3, 5)),
            lambda rng: integers(rng, 1000, (3, 5)), lambda rng: permutation(rng, 11),
            lambda rng: gaussian(rng, (3, 5)), lambda rng: beta(rng, 0.5, 2.0),
            lambda rng: rng.bits((3, 5)), lambda rng: rng.words(6)]     # the last two are methods


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_restored_state_continues_bit_for_bit_on_any_stream(sampler, backend):
    rng = stream(backend)
    sampler(rng)
    saved = rng.state
    assert all(type(part) is int for part in saved) and len(saved) == 3
    first, second = host(sampler(rng)), host(sampler(rng))
    assert rng.state != saved and (np.asarray(first) != np.asarray(second)).any()
    other = Stream(0, "another", backend)
    other.state = saved
    np.testing.assert_array_equal(host(sampler(other)), first)
    np.testing.assert_array_equal(host(sampler(other)), second)


@pytest.mark.parametrize("sampler", SAMPLERS[:-2])
def test_an_int_seed_is_the_stream_without_a_name(sampler):
    for seed in (3, np.int64(3), -1):
        np.testing.assert_array_equal(sampler(seed), sampler(Stream(seed, "")))


# --- Bernoulli -----------------------------------------------------------------------------------

@PROPERTY
@given(q=st.one_of(st.floats(0, 1), st.integers(0, 2**32).map(lambda n: n / 2**32),
                   st.sampled_from([0.0, 1.0, 5e-324, 2.0**-32, 2.0**-16, 0.5, 1 - 2.0**-16,
                                    1 - 2.0**-32, 1 - 2.0**-53])))
def test_bernoulli_is_bits_below_q(q, backend):
    rng, shape = stream(backend, block=3), (5, 67)
    due = [bits < q * 2**32 for bits in due_bits(rng.key, shape, 3).ravel().tolist()]
    assert_same(bernoulli(rng, q, shape), np.array(due).reshape(shape))


@pytest.mark.parametrize("i", [0, 15, 16, 99])
def test_the_low_half_decides_where_the_high_half_ties(i, backend):
    """q is put just below, at and just above the bits of one place."""
    bits = due_bits(stream(backend).key, (100,)).tolist()
    for bound in (bits[i] - 1, bits[i], bits[i] + 0.5, bits[i] + 1):
        got = bernoulli(stream(backend), bound / 2**32, 100)
        assert host(got).tolist() == [b < bound for b in bits]
        assert bool(got[i]) == (bound > bits[i])


def test_a_coin_is_put_just_at_and_just_above_its_bits(backend):
    bits = stream(backend).one()
    assert [coin(stream(backend), k / 2**32) for k in (bits, bits + 1)] == [False, True]


def test_nothing_is_kept_at_0_and_everything_at_1(backend):
    assert not bernoulli(stream(backend), 0.0, 10_000).any()
    assert bernoulli(stream(backend), 1.0, 10_000).all()


@pytest.mark.parametrize("q", [0.5, 0.3, 1 - 2.0**-20])
@pytest.mark.parametrize("n", [CHUNK - 1, CHUNK + 1, 3 * LEAST + 5])
def test_a_large_mask_has_the_same_bits_on_any_number_of_threads(n, q, monkeypatch):
    due = stream("numpy").bits(n) < q * 2**32
    for threads in (1, 2, 5):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        np.testing.assert_array_equal(bernoulli(stream("numpy"), q, n), due)


# --- the other transforms, from the same bits ----------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_uniform_is_the_top_24_bits(shape, backend):
    rng = stream(backend)
    due = due_bits(rng.key, shape) >> 8
    assert_same(uniform(rng, shape), (due / 2**24).astype(np.float32))


@pytest.mark.parametrize("high", [1, 2, 10, 2**31 + 1, 2**32])
@pytest.mark.parametrize("shape", SHAPES)
def test_integers_are_the_bits_scaled_down(shape, high, backend):
    rng = stream(backend)
    due = [bits * high // 2**32 for bits in due_bits(rng.key, shape).ravel().tolist()]
    assert_same(integers(rng, high, shape), np.array(due, np.int64).reshape(shape))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 1000])
def test_a_permutation_is_the_order_of_the_next_words(n, backend):
    rng = stream(backend)
    words = due_words(rng.key, math.ceil(n / 4)).tolist()[:n]
    assert_same(permutation(rng, n), np.array(sorted(range(n), key=words.__getitem__), np.int64))


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_is_box_and_muller_to_1e_6(shape, backend):
    rng, n = stream(backend), math.prod(shape)
    half = math.ceil(n / 2)
    u, v = due_bits(rng.key, (2, half)).tolist()
    pairs = [(math.sqrt(-2 * math.log((a + 1) / 2**32)), math.tau * b / 2**32)
             for a, b in zip(u, v, strict=True)]
    due = [r * math.cos(t) for r, t in pairs] + [r * math.sin(t) for r, t in pairs]
    got = gaussian(rng, shape)
    assert got.shape == shape and got.dtype == "float32"
    np.testing.assert_allclose(host(got).ravel(), due[:n], atol=1e-6)


def test_a_large_gaussian_is_the_same_in_one_piece():
    n = 2**21 + 1                                 # many passes, and two threads where there are two
    u, v = stream("numpy").bits((2, n // 2 + 1)) * 2.0**-32
    radius, angle = np.sqrt(-2 * np.log(u + 2.0**-32)), 2 * math.pi * v
    due = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n]
    assert_same(gaussian(stream("numpy"), n), due.astype("float32"))


def test_beta_is_numpys_from_the_next_block_on_and_takes_as_many_as_it_needs(backend):
    rng, taken = stream(backend, block=9), set()
    for a, b in [(0.5, 0.5), (1.0, 1.0), (2.0, 5.0), (1e-3, 1e-3)] * 20:
        block = rng.state[2]
        philox = np.random.Philox(key=np.array(rng.key, np.uint64), counter=block)
        got = beta(rng, a, b)
        assert type(got) is float and got == np.random.Generator(philox).beta(a, b)
        assert rng.state == (*rng.key, int(philox.state["state"]["counter"][0]))
        taken.add(rng.state[2] - block)
    assert max(taken) > 1


@pytest.mark.parametrize("shape", [5, (2, 3), (0,), ()])
def test_beta_of_a_shape_is_numpys_too(backend, xp, shape):
    rng = stream(backend, block=9)
    philox = np.random.Philox(key=np.array(rng.key, np.uint64), counter=9)
    due = np.asarray(np.random.Generator(philox).beta(0.5, 2.0, shape), "float32")
    got = beta(rng, 0.5, 2.0, shape)
    assert isinstance(got, xp.ndarray) and got.dtype == "float32" and got.shape == due.shape
    np.testing.assert_array_equal(host(got), due)
    assert rng.state == (*rng.key, int(philox.state["state"]["counter"][0]))


# --- distributions: a false alarm has a probability below 1e-6 -----------------------------------
# Dvoretzky, Kiefer, Wolfowitz and Massart: P(sup |F_n - F| > t) <= 2 exp(-2 n t^2) for n draws.

CDFS = {
    "uniform": (lambda rng, n: uniform(rng, n), lambda x: x),
    "gaussian": (lambda rng, n: gaussian(rng, n), lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    "beta(2, 1)": (lambda rng, n: [beta(rng, 2, 1) for _ in range(n // 16)], lambda x: x * x),
    "beta(1, 3)": (lambda rng, n: [beta(rng, 1, 3) for _ in range(n // 16)],
                   lambda x: 1 - (1 - x)**3),
    "beta(1/2, 1/2)": (lambda rng, n: [beta(rng, 0.5, 0.5) for _ in range(n // 16)],
                       lambda x: 2 / math.pi * math.asin(math.sqrt(x))),
}


@pytest.mark.parametrize("name", CDFS)
def test_draws_follow_their_distribution(name):
    draw, cdf = CDFS[name]
    f = np.array([cdf(x) for x in np.sort(draw(stream("numpy", seed=1), 2**15)).tolist()])
    n = len(f)
    steps = np.arange(n + 1) / n
    distance = max((steps[1:] - f).max(), (f - steps[:-1]).max())
    assert distance < math.sqrt(math.log(2 / 1e-6) / (2 * n))


def test_gaussian_moments():
    """Mean 0, variance 1, fourth moment 3, halves uncorrelated; each |z| < 5.1 has P > 1 - 4e-7."""
    n = 2**18
    x = gaussian(stream("numpy", seed=2), n).astype("float64")
    for value, mean, variance in [(x, 0, 1), (x**2, 1, 2), (x**4, 3, 96),
                                  (x[:n // 2] * x[n // 2:], 0, 1), (x[1:] * x[:-1], 0, 1)]:
        assert abs(value.mean() - mean) < 5.1 * math.sqrt(variance / len(value))


# --- moving and errors ---------------------------------------------------------------------------

def test_a_stream_that_moves_makes_its_arrays_elsewhere_and_draws_the_same_bits(xp, backend):
    rng, stayed = Stream(7, "drop"), Stream(7, "drop")
    rng.bits(5), stayed.bits(5)
    moved = rng.to(backend)
    assert moved is rng and type(rng.bits(3)) is xp.ndarray and type(uniform(rng, 3)) is xp.ndarray
    stayed.bits(3), uniform(stayed, 3)
    assert_same(bernoulli(rng, 0.4, (50,)), bernoulli(stayed, 0.4, (50,)))


ERRORS = [
    (TypeError, "rng must be a Stream or an int seed", lambda: bernoulli(None, 0.5, 3)),
    (TypeError, "rng must be a Stream or an int seed", lambda: as_stream(np.random.default_rng(0))),
    (TypeError, "rng must be a Stream or an int seed", lambda: bernoulli(True, 0.5, 3)),
    (TypeError, "seed must be a whole number", lambda: Stream(0.5)),
    (TypeError, "name", lambda: Stream(7, None)),
    (ValueError, "backend must be one of 'numpy', 'cupy'", lambda: Stream(7, "", "jax")),
    (ValueError, "backend must be one of 'numpy', 'cupy'", lambda: Stream(7).to("jax")),
    (ValueError, "shape must be a whole number of at least 0", lambda: uniform(0, (3, -1))),
    (ValueError, "a must be finite and in", lambda: beta(0, 0, 1)),
    (ValueError, "state", lambda: setattr(Stream(0), "state", (1, 2))),
    (ValueError, "state", lambda: setattr(Stream(0), "state", (1, 2, -1))),
    (ValueError, "state", lambda: setattr(Stream(0), "state", (2**64, 2, 0))),
    (ValueError, r"a block below 2\^62, got", lambda: setattr(Stream(0), "state", (1, 2, 2**62))),
    (TypeError, "state", lambda: setattr(Stream(0), "state", (1, 2, 0.5))),
    (ValueError, r"high must be at most 2\^32", lambda: integers(0, 2**32 + 1, 3)),
    (ValueError, "b must be finite and in", lambda: beta(0, 1, 2.0**-1023)),
    (ValueError, "a must be finite in float32 and in", lambda: beta(0, 2.0**1001, 1)),
]


@pytest.mark.parametrize("kind, message, call", ERRORS)
def test_a_mistake_is_named(kind, message, call):
    with pytest.raises(kind, match=message):
        call()


def test_what_is_just_allowed_is_taken():
    rng, last = Stream(0), (2**64 - 1, 2**64 - 1, 2**62 - 1)
    rng.state = last
    assert rng.state == last
    assert beta(0, 2.0**-1022, 1) == 0 and beta(0, 2.0**1000, 1) == 1


def test_a_stream_is_printed_with_all_there_is_to_save():
    assert repr(Stream(7, "drop")) == (
        f"Stream(key={Stream(7, 'drop').key}, block=0, name='drop')")


def test_a_refused_draw_takes_no_bits():
    rng = stream("numpy")
    for sampler, *args in [(bernoulli, 2, 3), (integers, 0, 3), (beta, 0, 1), (uniform, -1)]:
        with pytest.raises(ValueError):
            sampler(rng, *args)
    assert rng.block == 0


@pytest.mark.parametrize("few", [0, 10**9])
def test_ties_are_settled_alike_one_by_one_and_by_array_code(few, monkeypatch):
    monkeypatch.setattr("minidrop.fast.draws.FEW", few)
    q, n = 0.3, 2**19                             # about 8 ties
    bits = Stream(4, "ties").bits(n)
    assert ((bits >> 16) == int(q * 2**16)).sum() > 2
    np.testing.assert_array_equal(bernoulli(Stream(4, "ties"), q, n), bits < q * 2.0**32)


@pytest.mark.parametrize("block", [0, 5, 2**64 - 1, 2**64, 2**200 + 3])
def test_a_generator_that_is_set_again_draws_numpys_words(block):
    key = due_key(7, "drop")
    draws.generator((1, 2), 3).random_raw(5)      # it stops within a block
    new = np.random.Philox(key=np.array(key, np.uint64), counter=block)
    np.testing.assert_array_equal(draws.words(key, block, 9), new.random_raw(9))
    assert draws.generator(key, block) is draws.generator(key, block)


@pytest.mark.parametrize("n", [1, 16, CHUNK + 5, 2 * LEAST + 7])
def test_bits_and_decisions_are_those_of_the_planes_on_any_number_of_threads(n, monkeypatch):
    """Beside the plain formula, with blocks of a generator that nobody sets again."""
    key, plane = due_key(7, "drop"), -(-n // 16)
    halves = due_words(key, 2 * plane, 3).view("<u2").reshape(2, -1).astype("uint32")[:, :n]
    bits = halves[0] << 16 | halves[1]
    for threads in (1, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        assert_same(draws.bits(key, 3, 3 + plane, n), bits)
        for bound in (1, 2**16 - 1, 2**31, 0x4CCCCCCD, 2**32 - 1, int(bits[-1]), int(bits[0]) + 1):
            assert_same(draws.below(key, 3, 3 + plane, n, bound), bits < bound)
