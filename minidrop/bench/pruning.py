"""What pruning saves of a forward pass: of units, which `compress` takes out, and of weights.

Two networks as they are drawn, a fully connected one and a small VGG, are pruned, compressed and
timed beside themselves, in turns as `bench` does it.  First the compressed network must compute
what the pruned one does.  Zeros among the weights save nothing, since arrays are dense.
"""

import statistics
from functools import partial

from ..arguments import count
from ..models import mlp, vgg_small
from ..nn import compress, evaluation
from ..noise import gaussian
from ..tape import data_of
from ..weights.pruning import pruned
from ..xp import host
from .machine import environment, surroundings
from .marks import doubts, marked, wide
from .measure import compared, in_turns

NETWORKS: dict[str, tuple] = {
    "mlp": (partial(mlp, 784, 1024, 1024, 10), (256, 784)),
    "vgg_small": (vgg_small, (16, 3, 32, 32))}
KEPT = (("all", 0.0, False), ("1/2 of the units", 0.5, True), ("1/4 of the units", 0.75, True),
        ("1/4 of the weights", 0.75, False))


def run(blocks=5, networks=None, progress=True):
    """Time each of `networks`, {name: (build, shape of the input)}: a dict for each way to prune.

    Its keys are workload, network, kept, numbers, nonzero, mb, ms, numbers_ratio, ms_ratio (both to
    the whole network), spread (of ms_ratio), blas, threads, versions.  They come when their
    network is measured.

    ValueError where a compressed network does not compute what it should.
    """
    blocks, around = count(blocks, "blocks"), environment()
    return (record | around
            for name, (build, shape) in (NETWORKS if networks is None else networks).items()
            for record in _records(name, build, shape, blocks, progress))


def _records(name, build, shape, blocks, progress):
    """What is found of one network."""
    net, x = build().init(seed=0), gaussian(0, shape)
    small = [_compressed(net, x, sparsity, unit) for _, sparsity, unit in KEPT]
    times = in_turns([partial(_forward, one, x) for one in small], blocks, name, progress)
    sizes = [[w.data for w in one.parameters()] for one in small]
    numbers = [sum(w.size for w in arrays) for arrays in sizes]
    return [{"workload": "pruning", "network": name, "kept": share, "numbers": n,
             "nonzero": sum(int((w != 0).sum()) for w in arrays),
             "mb": sum(w.nbytes for w in arrays) / 1e6, "ms": statistics.median(ms),
             "numbers_ratio": n / numbers[0], **compared(ms_ratio=(ms, times[0]))}
            for (share, *_), n, arrays, ms in zip(KEPT, numbers, sizes, times, strict=True)]


def _compressed(net, x, sparsity, unit):
    """The network after pruning and compression, once it is seen to give the same outputs."""
    with pruned(net, sparsity, unit):
        small, due = compress(net), _forward(net, x)
    error, scale = abs(_forward(small, x) - due).max(), abs(due).max()
    if not error <= 1e-4 * scale:
        raise ValueError(f"a compressed network must give the outputs of the pruned one, up to "
                         f"{scale:.3g}, got a difference of {error:.3g}")
    return small


def _forward(net, x):
    with evaluation(net):
        return host(data_of(net(x)))


def table(records):
    """The records as text: a line for each way to prune, then what the times depend on."""
    lines = [f"{'network':10} {'kept':18}  {'numbers':>9}  {'not 0':>9}  {'MB':>6}  {'ms':>8}"
             f"  {'of the numbers':>14}  {'of the time':>11}"]
    lines += [f"{r['network']:10} {r['kept']:18}  {r['numbers']:9}  {r['nonzero']:9}"
              f"  {r['mb']:6.2f}  {r['ms']:8.3f}  {r['numbers_ratio']:14.1%}  "
              + marked(f"{r['ms_ratio']:11.1%}", wide(r, "ms_ratio")).rstrip() for r in records]
    return "\n".join([*lines, *surroundings(records),
                      "numbers   weights and biases that are there; the last layer is not pruned",
                      "ms        of one forward pass, the median; its share is taken turn by turn",
                      *doubts(lines)])
