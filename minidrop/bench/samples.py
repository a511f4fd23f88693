"""The iteration time of multi-sample dropout, beside plain dropout on the batch repeated m times.

Both train a small VGG with one set of weights.  The repeated batch costs m times as much, since the
body sees every copy; m samples cost the body once and the head at most m times, less where its
weights, read and written once for all rows, take most of its time.  First both must compute the
same: their losses, under the same masks, before and after an update.  Then they are timed as
`bench` times, in turns, which needs no PyTorch.

The head is dropout, two linear layers and the loss, as far as they run m times: forward and
backward, without the update.  Its share of a step is measured among the others, at m = 1.
"""

import statistics
from functools import partial

from tqdm import tqdm

from ..arguments import count
from ..check import Replay
from ..models import vgg_small
from ..nn import Identity, Sequential
from ..noise import Stream, gaussian, integers
from ..optim import SGD
from ..tape import Tensor
from ..train import train_step
from ..units.dropout import Dropout
from ..units.multi_sample import MultiSampleDropout, multi_sample_cross_entropy
from ..xp import array_module
from .contender import agree
from .machine import environment, surroundings
from .marks import doubts, marked, wide
from .measure import compared, in_turns, ratio
from .memory import our_peak

SAMPLES = (1, 2, 4, 8, 16, 32, 64)
RATE = 0.5


class Contenders:
    """The small VGG for 3 x `size` x `size` twice, for up to `most` samples of `batch` examples."""

    def __init__(self, batch, size, most):
        self.batch = batch
        self.net, self.twin = vgg_small(size=size), vgg_small(size=size)
        width = self.net.hidden.linear.n_in
        head, head2 = (Sequential(hidden=net.hidden, out=net.out) for net in (self.net, self.twin))
        self.net.hidden, self.net.out = Identity(), MultiSampleDropout(head, RATE, m=1)
        self.twin.hidden, self.twin.out = Dropout(RATE), head2
        x = gaussian(Stream(0, "bench/x"), (batch, 3, size, size))
        y = integers(Stream(0, "bench/y"), 10, batch)
        self.x, self.y = (array_module(v).concatenate([v] * most) for v in (x, y))
        self.h = gaussian(Stream(0, "bench/h"), (batch, width))
        self.start()

    def start(self):
        """Give both the same weights and new optimizers."""
        self.net.init(seed=0), self.twin.init(seed=0)
        for w, w2 in zip(self.net.parameters(), self.twin.parameters(), strict=True):
            w2.data[...] = w.data
        self.sgd, self.sgd2 = SGD(lr=0.01, momentum=0.9), SGD(lr=0.01, momentum=0.9)

    def samples(self, m):
        """A step with m samples."""
        self.net.out.m = m
        return train_step(self.net, self.sgd, self.x[:self.batch], self.y[:self.batch],
                          loss=multi_sample_cross_entropy)

    def repeated(self, m):
        """A step with the batch repeated m times."""
        return train_step(self.twin, self.sgd2, self.x[:m * self.batch], self.y[:m * self.batch])

    def head(self):
        """What a step with m samples does m times."""
        self.net.out.m = 1
        logits = self.net.out(Tensor(self.h, requires_grad=True))
        multi_sample_cross_entropy(logits, self.y[:self.batch]).backward()
        for w in self.net.out.parameters():
            w.grad = None

    def check(self, m):
        """ValueError unless two losses agree to 5 digits, both under the masks of the samples."""
        self.start()
        losses, stream = [], self.twin.hidden.rng
        for _ in range(2):
            loss = float(self.samples(m))
            self.twin.hidden.rng = Replay(self.net.out.noise.reshape(m * self.batch, -1))
            losses.append((loss, float(self.repeated(m))))
        self.twin.hidden.rng = stream
        agree(losses, f"with {m} samples", "with the repeated batch")


def run(samples=SAMPLES, blocks=5, progress=True, batch=16, size=16):
    """Check and time each number of `samples`, the first of which is 1: one dict for each.

    Its keys are workload, m, ms, peak_mb, the same two of the repeated batch, growth (to m = 1),
    repeated_growth, ratio (of ms to repeated_ms), spread (of these three), head (its share of a
    step at m = 1), blas, threads, versions.

    ValueError where the two do not compute the same.
    """
    blocks, both, peaks = count(blocks, "blocks"), Contenders(batch, size, max(samples)), []
    for m in tqdm(samples, "equal losses, memory", disable=not progress, dynamic_ncols=True):
        both.check(m)
        peaks.append([our_peak(partial(step, m)) for step in (both.samples, both.repeated)])
    steps = [partial(step, m) for m in samples for step in (both.samples, both.repeated)]
    head, *times = in_turns([both.head, *steps], blocks, "multi-sample dropout", progress)
    one, share, around = times[0], ratio(head, times[0]), environment()
    return [
        {"workload": "multi_sample", "m": m, "ms": statistics.median(ms), "peak_mb": peak,
         "repeated_ms": statistics.median(ms2), "repeated_peak_mb": peak2,
         **compared(growth=(ms, one), repeated_growth=(ms2, one), ratio=(ms, ms2)),
         "head": share, **around}
        for m, ms, ms2, (peak, peak2) in zip(samples, times[::2], times[1::2], peaks, strict=True)]


def table(records):
    """The records as text: a line for each number of samples, then what the times depend on."""
    lines = [f"{'':4}  {'m samples':^29}  {'batch repeated m times':^29}",
             f"{'m':>4}" + 2 * f"  {'ms':>9}  {'to m = 1':>8}  {'peak MB':>8}" + f"  {'ratio':>6}"]
    for r in records:
        growth, growth2, ratio = (marked(f"{r[key]:8.3f}", wide(r, key))
                                  for key in ("growth", "repeated_growth", "ratio"))
        lines.append(f"{r['m']:4}  {r['ms']:9.3f}  {growth} {r['peak_mb']:8.2f}"
                     f"  {r['repeated_ms']:9.3f}  {growth2} {r['repeated_peak_mb']:8.2f}"
                     f"{ratio}".rstrip())
    for r in records[:1]:
        lines += ["", f"head      {r['head']:.1%} of a step at m = 1: dropout, two linear layers "
                  "and the loss, both ways"]
    return "\n".join(lines + surroundings(records)[1:] + doubts(lines))
