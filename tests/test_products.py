"""Matrix products: NumPy's values, and bits that no number of threads changes."""

import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

import minidrop as md
from minidrop import xp as xp_file
from minidrop.fast import products
from minidrop.fast.products import one_blas_thread, product
from minidrop.xp import host

pytestmark = pytest.mark.slow

CASES = [((3, 4), (4, 5)), ((300, 70), (70, 200)), ((200, 70), (70, 300)), ((1, 90), (90, 310)),
         ((310, 90), (90, 1)), ((90,), (90, 310)), ((310, 90), (90,)), ((20000,), (20000,)),
         ((3, 90, 80), (3, 80, 70)), ((2, 3, 90, 80), (2, 3, 80, 70)), ((3, 90, 80), (80, 70)),
         ((90, 80), (3, 80, 70)), ((3, 1, 90, 80), (2, 80, 70)), ((0, 80), (80, 90)),
         ((65, 64), (64, 257)), ((129, 600), (600, 129))]


def factors(xp, a, b, dtype="float32", turned=(False, False)):
    """Arrays of the given shapes, in the memory order of their transpose where `turned`."""
    for shape, turn, seed in zip((a, b), turned, (1, 2), strict=True):
        x = md.gaussian(seed, shape).astype(dtype)
        if turn and len(shape) > 1:
            x = x.swapaxes(-1, -2).copy().swapaxes(-1, -2)
        yield xp.asarray(x)


@pytest.fixture
def small_pieces(monkeypatch):
    """Cut where these small products can be cut."""
    monkeypatch.setattr(products, "PIECE", 1 << 16)
    monkeypatch.setattr(products, "ALONE", 1 << 14)
    monkeypatch.setattr(products, "BROAD", 20)


@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("a, b", CASES)
def test_it_is_the_product_of_numpy(a, b, turned, xp, small_pieces):
    x, y = factors(xp, a, b, "float64", turned)
    found, due = product(x, y), host(x) @ host(y)
    assert found.dtype == due.dtype and found.shape == due.shape
    np.testing.assert_allclose(host(found), due, rtol=1e-12, atol=1e-12 * max(a[-1], 1))


@pytest.mark.parametrize("a, b", [case for case in CASES if len(case[1]) > 1])
def test_a_row_is_added_to_all_rows(a, b, xp, small_pieces):
    x, y = factors(xp, a, b, "float64")
    plus = np.arange(1.0, b[-1] + 1)
    found = product(x, y, plus=xp.asarray(plus))
    np.testing.assert_allclose(host(found), host(x) @ host(y) + plus, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a, b", [*CASES, ((128, 784), (784, 512)), ((1, 900), (900, 600))])
def test_no_number_of_threads_changes_a_bit(a, b, dtype, monkeypatch):
    from threadpoolctl import threadpool_limits

    x, y = factors(np, a, b, dtype)
    found = set()
    for ours, blas in ((1, 1), (2, 1), (3, 1), (1, 2), (2, 3), (1, 4)):
        monkeypatch.setattr(xp_file, "threads", lambda ours=ours: ours)
        with threadpool_limits(blas, "blas"):
            found.add(product(x, y).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("a, b, pieces", [
    ((2080, 192), (192, 768), [
        (n, 768) for n in (256, 256, 272, 256, 256, 272, 256, 256)]),
    ((192, 2080), (2080, 768), 4 * [(192, 192)]), ((576, 2080), (2080, 192), 2 * [(288, 192)]),
    ((64, 800), (800, 500), [(64, 256), (64, 244)]), ((100, 1500), (1500, 100), [(100, 100)])])
def test_a_large_product_is_cut_into_few_broad_pieces(a, b, pieces, monkeypatch):
    found = []

    def par(part, n, each):
        assert n == len(pieces) and each == xp_file.LEAST    # which is worth a thread
        with monkeypatch.context() as change:
            change.setattr(np, "matmul", lambda x, y, out: found.append(out.shape))
            part(0, n)

    monkeypatch.setattr(products, "par", par)
    product(*(np.broadcast_to(np.float32(0), shape) for shape in (a, b)))
    assert found == pieces


@pytest.mark.parametrize("n, cores", [(1, 1), (16, 3), (32, 6), (64, 12)])
def test_products_of_many_small_matrices_are_shared(n, cores, monkeypatch):
    """Those of a small vision transformer: 3 heads, 65 tokens."""
    monkeypatch.setattr(products, "par", lambda part, items, each: found.append(
        max(1, items * each // xp_file.LEAST)) or part(0, items))
    found = []
    product(np.zeros((n, 3, 65, 64), "f"), np.zeros((n, 3, 64, 65), "f"))
    assert found == [cores] * (n > 1)


def test_the_blas_has_its_threads_back_whoever_leaves_last():
    blas = products._blas()
    if not blas:
        pytest.skip("threadpoolctl knows no BLAS here")
    get, put = blas[0]
    before = get()
    put(3)
    inside, out = threading.Barrier(2), threading.Event()

    def other():
        with one_blas_thread:
            inside.wait(30)
            out.wait(30)

    thread = threading.Thread(target=other)
    try:
        with pytest.raises(ZeroDivisionError), one_blas_thread:
            thread.start()
            inside.wait(30)
            assert get() == 1
            1 / 0
        assert get() == 1     # the other one is still in
        out.set()
        thread.join(30)
        assert get() == 3
    finally:
        put(before)


@pytest.mark.parametrize("refused", [False, True])
def test_an_import_and_a_product_change_no_setting_and_tuning_can_be_refused(refused):
    """In a process of its own: the environment, the threads of the BLAS, and the allocator."""
    code = """
import os; before = dict(os.environ)
import numpy as np; from threadpoolctl import threadpool_info
threads = [pool["num_threads"] for pool in threadpool_info()]
import minidrop as md; from minidrop import allocator
x = md.Tensor(np.ones((512, 512), "f"), requires_grad=True); (x @ x).sum().backward()
assert threads == [pool["num_threads"] for pool in threadpool_info()] and before == dict(os.environ)
assert not allocator.tuned
print(md.tune() and allocator.tuned)
"""
    change = {"MINIDROP_TUNE": "0"} if refused else {}
    rest = {name: v for name, v in os.environ.items() if name != "MINIDROP_TUNE"}
    child = subprocess.run([sys.executable, "-c", code], env=rest | change, text=True, timeout=120,
                           capture_output=True)
    glibc = sys.platform.startswith("linux") and "glibc" in platform.libc_ver()[0]
    assert (child.stdout, child.stderr) == (f"{glibc and not refused}\n", "")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_made_together_are_those_made_alone(dtype, monkeypatch):
    pairs = [tuple(factors(np, a, b, dtype)) for a, b in (
        ((300, 700), (700, 300)), ((1, 300), (300, 700)), ((700, 300), (300, 310)))]
    found = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr(xp_file, "threads", lambda threads=threads: threads)
        made = products.products(*pairs)
        found.add(b"".join(y.tobytes() for y in made))
    assert len(found) == 1
    for (a, b), y in zip(pairs, made, strict=True):
        np.testing.assert_allclose(y, a @ b, rtol=2e-4, atol=2e-4)


def test_it_holds_in_threads_of_the_user_too():
    x, y = factors(np, (128, 784), (784, 512))
    found = []
    workers = [threading.Thread(target=lambda: found.append(product(x, y).tobytes()))
               for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert found == 6 * [product(x, y).tobytes()]


@pytest.mark.parametrize("a, b", [((3, 4), (5, 6)), ((300, 400), (300, 400)),
                                  ((9, 300, 400), (300, 4)), ((9, 300, 400), (9, 300, 4))])
def test_factors_that_do_not_fit_are_refused(a, b, xp, small_pieces):
    with pytest.raises(ValueError):
        product(*factors(xp, a, b))
