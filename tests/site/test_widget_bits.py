"""What the widgets draw in Chromium: bits, masks and formulas are those of Python."""

import numpy as np
import pytest

import minidrop as md

pytestmark = pytest.mark.site
NAMES = ["", "drop", "stage1.block2.drop", "Größe", "x" * 55, "x" * 56, "x" * 200]
SEEDS = [0, 1, 7, 999, 2**32, 2**53 - 1, 2**63 + 5, 2**64 + 7, -1]
RATES = [0.0, 1.0, 0.5, 0.1, 0.3, 2**-16, 1 - 2**-16, 1e-9, 1 - 1e-9, 0.07]

STREAM = "const s = new minidrop.Stream(BigInt(seed), name); s.block = block;"


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_the_seed_and_the_hash_of_the_name(js, name):
    keys = js("(seeds, name) => seeds.map((s) => "
              "new minidrop.Stream(BigInt(s), name).key.map(String))", list(map(str, SEEDS)), name)
    assert [tuple(map(int, key)) for key in keys] == [md.Stream(seed, name).key for seed in SEEDS]


@pytest.mark.parametrize("block", [0, 1, 2**32 - 2, 2**32, 2**40 + 3])
@pytest.mark.parametrize("seed", [0, 7, -1])
@pytest.mark.parametrize("name", ["", "drop"])
def test_words_and_bits(js, seed, name, block):
    stream = md.Stream(seed, name)
    for n in (1, 4, 5, 33):
        stream.state = (*stream.key, block)
        words = js(f"(seed, name, block, n) => {{ {STREAM} "
                   "return Array.from(s.words(n), String); }", str(seed), name, block, n)
        assert list(map(int, words)) == stream.words(n).tolist()
    for n in (0, 1, 15, 16, 17, 100):
        stream.state = (*stream.key, block)
        bits, end = js(f"(seed, name, block, n) => {{ {STREAM} "
                       "return [Array.from(s.bits(n)), s.block]; }", str(seed), name, block, n)
        assert bits == stream.bits(n).tolist() and end == stream.block


@pytest.mark.parametrize("seed", [0, 7, 123])
def test_draws_one_after_the_other(js, seed):
    """Bernoulli, uniform, whole numbers and orders from one stream, which goes on as in Python."""
    stream, sizes = md.Stream(seed), (1, 16, 17, 200)
    due = [[md.bernoulli(stream, q, n).astype(int).tolist() for q in RATES] for n in sizes]
    due += [[md.uniform(stream, n).tolist() for n in sizes]]
    due += [[md.integers(stream, high, 50).tolist() for high in (1, 6, 28, 2**31 + 1, 2**32)]]
    due += [[md.permutation(stream, n).tolist() for n in (0, 1, 5, 100)], stream.block]
    found = js("""(seed, rates, sizes) => {
        const s = new minidrop.Stream(seed);
        const { bernoulli, uniform, integers, permutation } = minidrop;
        const all = sizes.map((n) => rates.map((q) => Array.from(bernoulli(s, q, n))));
        all.push(sizes.map((n) => Array.from(uniform(s, n))));
        all.push([1, 6, 28, 2 ** 31 + 1, 2 ** 32].map((high) => integers(s, high, 50)));
        all.push([0, 1, 5, 100].map((n) => permutation(s, n)), s.block);
        return all;
    }""", seed, RATES, sizes)
    assert found == due


def test_where_the_high_half_ties_the_low_one_decides(js):
    bits = md.Stream(3).bits(64)
    for value in bits[:20].tolist():
        for q in (value / 2**32, (value + 0.5) / 2**32, (value + 1) / 2**32):
            found = js("(q) => Array.from(minidrop.bernoulli(3, q, 64))", q)
            assert found == md.bernoulli(3, q, 64).astype(int).tolist()


CASES = [(8, 8, 1), (8, 8, 3), (8, 6, 6), (16, 16, 4), (7, 9, 7), (32, 32, 5)]


@pytest.mark.parametrize("height, width, block", CASES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.37, 1.0])
def test_dropblock(js, height, width, block, p):
    shape = (2, 3, height, width)
    seeds = md.dropblock_seeds(5, shape, p, block)
    found = js("""(shape, p, block) => {
        const [, , h, w] = shape, seeds = minidrop.dropblock_seeds(5, shape, p, block);
        return [Array.from(seeds), Array.from(minidrop.dropblock_mask(seeds, shape, block)),
            minidrop.dropblock_rate(p, block, h, w),
            Array.from(minidrop.dropblock_drop_map(p, block, h, w))]; }""", shape, p, block)
    assert found[0] == seeds.ravel().astype(int).tolist()
    assert found[1] == md.dropblock_mask(seeds, block).ravel().astype(int).tolist()
    assert found[2] == pytest.approx(md.dropblock_rate(p, block, height, width), abs=1e-12)
    assert np.allclose(found[3], md.dropblock_drop_map(p, block, height, width).ravel(), 0, 1e-12)


@pytest.mark.parametrize("height, width", [(8, 8), (7, 10), (16, 16)])
def test_cutout(js, height, width):
    centers = md.cutout_centers(9, 20, height, width)
    every = np.array(list(np.ndindex(height, width)))
    for length in range(2 * min(height, width) + 1):
        found = js("""(h, w, l) => { const c = minidrop.cutout_centers(9, 20, h, w);
            return [c, Array.from(minidrop.cutout_mask(c, l, h, w)),
                Array.from(minidrop.cutout_drop_map(l, h, w)), minidrop.cutout_area(l, h, w)]; }""",
                   height, width, length)
        gone = ~md.cutout_mask(every, length, height, width)
        assert found[0] == centers.tolist()
        mask = md.cutout_mask(centers, length, height, width)
        assert found[1] == mask.ravel().astype(int).tolist()
        assert np.allclose(found[2], gone.mean((0, 1)).ravel(), 0, 1e-12)
        assert found[3] == pytest.approx(gone.sum() / len(every), abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
def test_masks_of_units_and_weights(js, p):
    found = js("""(p) => [minidrop.dropout_mask(4, [3, 50], p),
        minidrop.spatial_dropout_mask(4, [3, 8, 4, 4], p),
        minidrop.dropconnect_mask(4, 3, [5, 7], p)].map((m) => Array.from(m))""", p)
    due = (md.dropout_mask(4, (3, 50), p), md.spatial_dropout_mask(4, (3, 8, 4, 4), p),
           md.dropconnect_mask(4, 3, (5, 7), p))
    assert found == [mask.ravel().astype(int).tolist() for mask in due]


@pytest.mark.parametrize("rule", ["paper", "linspace", "efficientnet"])
def test_survival(js, rule):
    for blocks in (1, 2, 12, 54):
        for q in (0.0, 0.3, 0.5, 1.0):
            found = js("(n, q, rule) => Array.from({ length: n }, (_, l) => "
                       "minidrop.survival(l + 1, n, q, rule))", blocks, q, rule)
            assert found == [md.survival(l, blocks, q, rule) for l in range(1, blocks + 1)]


def test_gates(js):
    for seed in range(40):
        found = js("(s) => ['batch', 'row'].map((mode) => "
                   "Array.from(minidrop.path_gate(s, 5, 0.4, mode)))", seed)
        assert found == [[md.path_gate(seed, 5, 0.4)],
                         md.path_gate(seed, 5, 0.4, "row").astype(int).tolist()]


@pytest.mark.parametrize("total, cycles", [(8, 2), (10, 3), (20, 6), (120, 4), (7, 7), (5, 1)])
def test_cycles(js, total, cycles):
    found = js("""(total, cycles) => [Array.from({ length: total },
        (_, t) => minidrop.cyclic_cosine(t + 1, total, cycles, 0.1)),
        minidrop.snapshot_steps(total, cycles), minidrop.step_decay(0.1, total, [2, 4], 0.3)]""",
               total, cycles)
    due = md.cyclic_cosine(range(1, total + 1), total, cycles, 0.1)
    assert np.allclose(found[0], due, 0, 1e-12)
    assert found[1] == md.snapshot_steps(total, cycles)
    assert np.allclose(found[2], md.optim.step_decay(0.1, total, [2, 4], 0.3), 0, 1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.29, 0.5, 0.75, 1.0])
def test_targeted(js, gamma):
    equal = np.array([[0.5, -0.5, 0.1, 0.5, -0.1, 0.5, 0.0, -0.5] * 5])
    for w in (equal, md.uniform(2, (1, 100)).astype("float64") - 0.5):
        due = md.targeted_candidates(w, gamma, unit=False)
        mask = md.targeted_mask(6, due, 0.6, unit=False)
        found = js("""(w, gamma) => { const c = minidrop.targeted_candidates(w, gamma);
            return [Array.from(c), Array.from(minidrop.targeted_mask(6, c, 0.6))]; }""",
                   w[0].tolist(), gamma)
        assert found == [due[0].astype(int).tolist(), mask[0].astype(int).tolist()]
