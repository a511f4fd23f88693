"""Matrix products: NumPy's values, and bits that no number of threads changes."""

import os
import platform
import signal
import subprocess
import sys
import threading
import time

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


@pytest.fixture
def blas():
    """(get, put) of the threads of the first BLAS, which has three."""
    if not products._blas():
        pytest.skip("threadpoolctl knows no BLAS here")
    get, put = products._blas()[0]
    before = get()
    put(3)
    yield get, put
    put(before)


def test_the_blas_has_its_threads_back_whoever_leaves_last(blas):
    get, inside, out = blas[0], threading.Barrier(2), threading.Event()

    def other():
        with one_blas_thread:
            inside.wait(30)
            out.wait(30)

    thread = threading.Thread(target=other)
    with pytest.raises(ZeroDivisionError), one_blas_thread:
        thread.start()
        inside.wait(30)
        assert get() == 1
        1 / 0
    assert get() == 1                             # the other one is still in
    out.set()
    thread.join(30)
    assert get() == 3


def forked(work):
    """What becomes of work() in a child: it ends well, and in time."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        os._exit(0 if work() else 1)
    return os.waitpid(child, 0)[1] == 0


def in_a_thread(work):
    """Whether work() ends in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@can_fork
@forks
@pytest.mark.parametrize("too", [False, True])
def test_a_child_has_the_threads_of_the_blas_though_others_had_taken_them(blas, too):
    """`too`: the thread that forks is inside as well, and leaves in both processes."""
    get, inside, out = blas[0], threading.Event(), threading.Event()

    def other():
        with one_blas_thread:
            inside.set()
            out.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(30)

    def within():
        with one_blas_thread:
            return get() == 1

    try:
        if not too:
            assert forked(lambda: get() == 3 and within() and get() == 3)
        else:
            with one_blas_thread:
                assert forked(lambda: get() == 1 and within() and get() == 1
                              and one_blas_thread.__exit__() is None and get() == 3)
        assert get() == 1                         # here the other one is still in
    finally:
        out.set()
        thread.join(30)
    assert get() == 3


@can_fork
@forks
def test_a_child_can_count_those_inside_though_it_was_forked_while_another_counted(blas):
    held = threading.Event()

    def hold():
        with one_blas_thread.lock:
            held.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    assert forked(lambda: in_a_thread(one_blas_thread.__enter__) and blas[0]() == 1)
    thread.join(30)
    assert one_blas_thread.lock.acquire(blocking=False)
    one_blas_thread.lock.release()


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


@pytest.mark.parametrize("shape", [(4, 5, 6), (2, 3, 5, 6), (0, 5, 6), (4, 5, 0)])
def test_tokens_on_a_gpu_are_one_product(shape, xp, monkeypatch):
    if xp is np:
        pytest.skip("where the host cuts is its own affair")
    a, b = xp.asarray(np.random.default_rng(0).normal(size=shape)), xp.ones((shape[-1], 3))
    row = xp.arange(3.0)
    due = xp.matmul(a, b) + row
    if "stand-in" in xp.__version__:
        monkeypatch.setattr(xp.ndarray, "__matmul__", lambda a, b: 1 // 0)
    for x in (a, xp.asarray(np.asfortranarray(a.get()))):
        y = product(x, b, row)
        assert y.shape == due.shape
        np.testing.assert_allclose(y.get(), due.get(), rtol=1e-12)
