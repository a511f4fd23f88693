"""A small network, its weights in a file, and a run of it that was broken off in its midst."""

import contextlib
import hashlib
import signal
from pathlib import Path

import numpy as np

import minidrop as md
from minidrop.xp import host

FOLDER, STEPS, BROKEN = Path(__file__).parent, 8, 5


def network():
    """A network with weights, running statistics and a stream."""
    return md.nn.Sequential(md.nn.Linear(4, 6), md.BatchNorm(6), md.nn.ReLU(), md.Dropout(0.25),
                            md.nn.Linear(6, 3))


def run(net, path, recorder=None):
    """The history of its run, which goes on from the file `path`."""
    x = (np.arange(64, dtype="float32").reshape(16, 4) * 7 % 11 - 5) / 4
    return md.fit(net, md.optim.Adam(lr=0.01), (x, np.arange(16) % 3), STEPS // 2, batch_size=8,
                  seed=3, checkpoint=path, recorder=recorder, progress=False)


def write(form):
    """Write `weights-N` and `run-N`, the files of the format N."""
    md.save(network().init(5), FOLDER / f"weights-{form}")

    def stop(step, net, loss):
        if step == BROKEN:
            signal.raise_signal(signal.SIGINT)    # it is saved after the step

    with contextlib.suppress(KeyboardInterrupt):
        run(network().init(5), FOLDER / f"run-{form}", recorder=stop)


def digest(net):
    """What tells the values of a network from all others."""
    found = hashlib.sha256()
    for name, array in sorted(net.state_dict().items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode() + host(array).tobytes("C"))
    return found.hexdigest()[:16]
