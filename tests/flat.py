"""What a step of training leaves behind in memory: each model in a long run.

    python -m tests.flat --steps 9999 flat.json

Each is trained by `fit`, with dropout in all its places, on a rate that changes, with a bar.
Broken off and called again it goes on with the model after the last one in the file.
"""

import gc
import json
import os
import sys
import tracemalloc
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

import minidrop as md
from minidrop.files import put
from minidrop.models.named import MODELS, build

# A loss is a float, of 24 bytes, and takes 8 in a list, an eighth more of which may be spare; what
# comes and goes is seen as 1,500 bytes of Python's memory, and as 3 MB of that of the process.
LOSS, NOISE, NOISE_OF_PROCESS = 24 + 8 * 9 / 8, 1_500, 3_000_000
SMALL = {"lenet": lambda: md.models.lenet(size=16, classes=3),
         "vit": lambda: md.models.vit(size=8, patch=2, width=24, depth=2, heads=3, classes=3),
         "mixer": lambda: md.models.mixer(size=8, patch=2, width=24, depth=2, classes=3)}


def bounds(steps):
    """Bytes a step, of Python's memory and of the process, that are flat between two looks."""
    between = steps - steps // 3
    return LOSS + NOISE / between, LOSS + NOISE_OF_PROCESS / between


def resident():
    """Bytes of memory that the process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class Looks:
    """A recorder that looks at Python's memory and the process's after a third, and at the end."""

    def __init__(self, steps):
        self.at = {steps // 3 - 1: 0, steps - 1: 1}
        self.found = np.zeros((2, 2))             # made before anything is counted

    def __call__(self, step, net=None, loss=None):
        if step in self.at:
            gc.collect()                          # it also empties Python's free lists
            self.found[self.at[step]] = tracemalloc.get_traced_memory()[0], resident()

    def slopes(self):
        """Bytes a step, of Python's memory and of the process."""
        return (np.diff(self.found, axis=0)[0] / np.diff([*self.at])).tolist()


def watched(steps, run):
    """The slopes that `run(steps, looks)` leaves."""
    looks = Looks(steps)
    tracemalloc.start()
    try:
        run(steps, looks)
    finally:
        tracemalloc.stop()
    return looks.slopes()


def fitted(name):
    """run(steps, *recorders): a model is trained, with three mini-batches of four an epoch."""
    shape = (1, 16, 16) if name == "lenet" else (3, 8, 8)
    net = SMALL[name]() if name in SMALL else build(name, shape, 3)
    md.models.place(net, "*drop*", md.Dropout(0.2))
    data = md.gaussian(1, (12, *shape)), md.integers(2, 3, 12)

    def run(steps, *recorders):
        md.fit(net.init(0), md.optim.SGD(lr=1e-4, momentum=0.9), data, steps // 3, batch_size=4,
               recorder=recorders, schedules={"*drop*.p": np.linspace(0.1, 0.2, steps)})

    return run


@click.command(help=__doc__)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--steps", default=9_999, show_default=True, help="Of each model; a multiple of 9.")
def main(path, steps):
    if steps % 9 or steps < 9:
        raise click.BadParameter(f"--steps must be a multiple of 9, got {steps}")
    done = json.loads(path.read_text()) if path.exists() else {}
    done = {name: record for name, record in done.items() if record["steps"] == steps}
    deep_last = sorted(MODELS, key=lambda name: name.startswith("resnet"))
    for name in tqdm([name for name in deep_last if name not in done], desc="models"):
        python, process = watched(steps, fitted(name))
        done[name] = {"steps": steps, "python": python, "process": process}
        put(path, json.dumps(done, indent=1).encode())
    for name, record in done.items():
        print(f"{name:10} {record['python']:8.1f} bytes a step of Python's memory, "
              f"{record['process']:8.1f} of the process")
    most, most_of_the_process = bounds(steps)
    if grown := [name for name, record in done.items() if record["python"] > most
                 or record["process"] > most_of_the_process]:
        sys.exit(f"it grows: {', '.join(grown)}")


if __name__ == "__main__":
    main()
