"""Memory, with the garbage collector off: what is not needed any more is gone at once."""

import gc
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

import minidrop as md
from minidrop import Tensor, xp
from minidrop.bench.memory import our_peak
from minidrop.tape import REGISTRY

pytestmark = pytest.mark.slow


@contextmanager
def watched():
    """Count on references alone, and on numbers of bytes."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory
    finally:
        tracemalloc.stop()
        gc.enable()


def small():
    net = md.nn.Sequential(md.nn.Linear(6, 8), md.nn.ReLU(), md.Dropout(0.5), md.nn.Linear(8, 3))
    return net.init(0)


def test_a_loop_of_1000_steps_does_not_grow_and_leaves_no_cycle():
    x, y = md.gaussian(1, (16, 6)), md.integers(2, 3, 16)
    net, optimizer = small(), md.optim.SGD(lr=0.1, momentum=0.9)
    with watched() as memory:
        for steps in (10, 100, 900):              # in the first, earlier tests' objects may go
            before = memory()[0]
            for _ in range(steps):
                md.train_step(net, optimizer, x, y)
            cycles = gc.collect()                 # it also empties Python's free lists
            assert steps == 10 or cycles == 0
        grown = memory()[0] - before
    assert grown < 3000, f"{grown} bytes more after 900 steps"


def test_a_whole_fit_leaves_no_cycle_of_ours():
    x, y = md.gaussian(1, (16, 6)), md.integers(2, 3, 16)
    with watched():
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            net = small()
            md.fit(net, md.optim.SGD(lr=0.1), (x, y), epochs=2, progress=False)
            del net
            gc.collect()
            ours = [thing for thing in gc.garbage if type(thing).__module__.startswith("minidrop")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert ours == []


def test_second_order_leaves_no_cycle():
    with watched():
        x = Tensor(np.ones(3), requires_grad=True)
        g = md.grad((x * x * x).sum(), x, create_graph=True)
        md.grad((g * g).sum(), x)
        del g, x
        assert gc.collect() == 0


def test_backward_frees_the_graph_as_it_goes(monkeypatch):
    """While the last of 64 adjoints runs, the arrays of the first 60 are gone."""
    exp, seen = REGISTRY["exp"], []
    adjoint, = exp.adjoints
    monkeypatch.setattr(exp, "adjoints",
                        (lambda *args: (seen.append(tracemalloc.get_traced_memory()[0]),
                                        adjoint(*args))[1],))
    size = 8 * 10_000
    with watched() as memory:
        x = Tensor(np.zeros(10_000), requires_grad=True)
        y = x
        for _ in range(64):
            y = exp(y * 0.1)
        y = y.sum()
        forward = memory()[0]
        tracemalloc.reset_peak()
        y.backward()
        assert 64 * size < forward < 66 * size    # the results of exp: nobody reads the products
        assert seen[-1] < 8 * size and len(seen) == 64
        assert memory()[1] < forward + 4 * size


def test_a_result_that_nobody_holds_takes_its_graph_along():
    with watched() as memory:
        x = Tensor(np.zeros(10_000), requires_grad=True)
        before = memory()[0]
        for _ in range(50):
            (x * 2 + 1).sum()
        assert memory()[0] - before < 80_000


@pytest.mark.parametrize("backward", [False, True])
def test_a_graph_of_60000_operations_is_given_back_without_recursion(backward):
    x = Tensor(np.zeros(()), requires_grad=True)
    y = x
    for _ in range(30_000):
        y = y * 1.0 + 0.0
    if backward:
        y.backward()
        assert x.grad == 1
    del y


def test_dropout_holds_its_mask_its_result_and_a_gradient_that_is_no_copy():
    x = Tensor(md.gaussian(1, (512, 512)), requires_grad=True)
    layer, g = md.Dropout(0.5).init(0), np.ones((512, 512), "float32")

    def step():
        y = layer(x)
        y.backward(g)
        x.grad = None

    assert our_peak(step) <= 2.1 * x.data.nbytes / 1e6


def test_the_gradient_of_gelu_reads_x_alone_and_holds_a_few_passes_beside_itself(monkeypatch):
    monkeypatch.setattr(xp, "threads", lambda: 2)         # each has its own scratch
    x = md.gaussian(1, (2048, 768))
    assert REGISTRY["gelu_tanh"].unread == [] and not REGISTRY["gelu_tanh"].reads_result
    passes = our_peak(lambda: REGISTRY["gelu_tanh"].adjoint(0)(x, None, x)) - x.nbytes / 1e6
    assert passes < 0.2 * x.nbytes / 1e6          # 0.17 at the first call, by two threads


def test_a_step_of_a_vit_holds_no_result_of_its_norms_nor_of_gelu_beside_what_it_reads():
    """Per block, in units of tokens: 3 packed, 2 heads and sums, 4 + 4 around GELU, and weights."""
    net, sgd = md.models.vit(depth=4).init(0), md.optim.SGD(lr=0.01, momentum=0.9)
    x, y = md.gaussian(1, (8, 3, 32, 32)), md.integers(2, 10, 8)
    tokens = 8 * 65 * 192 * 4 / 1e6
    weights = 3 * 65 / 192
    a_block = 3 + 1 + 2 + 4 + 4 + weights
    assert our_peak(lambda: md.train_step(net, sgd, x, y)) < (4 * a_block + 9) * tokens
