"""What every batch transform must show when `fit` uses it."""

import signal

import numpy as np
import pytest

import minidrop as md
from minidrop.xp import array_module, backend_of, host


def assert_resumes(batch, images, path):
    """A run that breaks off within an epoch and goes on ends in the bits of an undisturbed one."""
    labels = array_module(images).arange(len(images)) % 2

    def run(stop=None, checkpoint=None, batch=batch):
        def recorder(step, net, loss):
            if step == stop:
                signal.raise_signal(signal.SIGINT)

        net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(images[0].size, 2)).init(0)
        history = md.fit(net.to(backend_of(images)), md.optim.SGD(0.1, momentum=0.9),
                         (images, labels), epochs=2, batch_size=-(-len(images) // 3), batch=batch,
                         recorder=recorder, checkpoint=checkpoint, progress=False)
        return [history.loss.tobytes(), *(host(w.data).tobytes() for w in net.parameters())]

    whole = run()
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(stop=3, checkpoint=path)
    assert "after step 4 of 6" in stopped.value.__notes__[0]
    assert run(checkpoint=path) == whole
    assert run(batch=None) != whole


def by_loops(x, y, order, takes):
    """(x, y) with x[order[i]] at the pixels where takes(i, row, column), labels by their count."""
    mixed, shares = x.copy(), np.zeros_like(y)
    n, channels, height, width = x.shape
    for i in range(n):
        count = 0
        for row in range(height):
            for column in range(width):
                if takes(i, row, column):
                    count += 1
                    for c in range(channels):
                        mixed[i, c, row, column] = x[order[i], c, row, column]
        share = count / (height * width)
        shares[i] = (1 - share) * y[i] + share * y[order[i]]
    return mixed, shares
