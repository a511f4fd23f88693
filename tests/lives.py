"""A run that is killed again and again: `python -m tests.lives NETWORK FOLDER KILLS SEED`.

Every life is a fork that takes the run up where the file has it.  It dies by SIGKILL: from outside
at a random moment, or by its own hand within a save, with half of the file written, before or after
it is flushed to the disk, before or after it is moved to its place.  Printed is a line of JSON for
each life: how it died, the steps that it took, what the file then held.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import minidrop as md
from minidrop import checkpoint, files

EPOCHS, EXAMPLES, BATCH = 3, 44, 4
STEPS = EPOCHS * -(-EXAMPLES // BATCH)
WITHIN = ("half written", "before fsync", "after fsync", "before the move", "after the move")


def mlp():
    return md.nn.Sequential(md.nn.Linear(48, 16), md.nn.ReLU(), md.Dropout(0.3),
                            md.nn.Linear(16, 3)), (48,)


def resnet():
    net = md.models.resnet8(classes=3)
    net.drop = md.Dropout(0.3)
    return net, (3, 8, 8)


NETWORKS = {"mlp": mlp, "resnet": resnet}


def jitter(rng, x, y):
    return x + md.uniform(rng, x.shape), y


def run(name, path=None, recorder=None):
    """The digest of all that a run leaves behind."""
    net, shape = NETWORKS[name]()
    x, y = md.gaussian(1, (EXAMPLES, *shape)), md.integers(2, 3, EXAMPLES)
    optimizer = md.optim.SGD(lr=0.05, momentum=0.9) if name == "mlp" else md.optim.AdamW(lr=0.01)
    history = md.fit(net.init(0), optimizer, md.data.Splits((x, y), (x[:9], y[:9]), None), EPOCHS,
                     batch_size=BATCH, schedules={"drop*.p": np.linspace(0, 0.5, STEPS)},
                     batch=jitter, checkpoint=path, recorder=recorder, progress=False)
    found = hashlib.sha256()
    for array in (*net.state_dict().values(), *history):
        found.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Half:
    """A file in which death comes halfway."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        raise AssertionError("it is dead")

    def write(self, content):
        self.file.write(content[:len(content) // 2])
        self.file.flush()
        die()


def plant(how, save):
    """Let this process die within its save number `save`, counted from 1."""
    left, begin, fsync, replace = [save], files._begin, os.fsync, os.replace

    def at(moment):
        if moment == how:
            left[0] -= 1
            return left[0] == 0

    def stop(before, act, after):
        def planted(*args):
            if at(before):
                die()
            act(*args)
            if at(after):
                die()
        return planted

    files._begin = lambda path: Half(begin(path)) if at("half written") else begin(path)
    os.fsync = stop("before fsync", fsync, "after fsync")
    os.replace = stop("before the move", replace, "after the move")


def life(name, path, how, rng):
    """What became of one fork: a dict."""
    save, delay = rng.randrange(2, 6), rng.uniform(0, 0.03)
    seconds = rng.choice([0.0, 0.0, 0.005]) if how == "outside" else 0.0
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            checkpoint.SECONDS, checkpoint.SHARE = seconds, 0
            plant(how, save)
            digest = run(name, path, lambda step, *_: os.write(write, b"%d " % step))
            os.write(write, digest.encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    told = b""
    while part := os.read(read, 4096):
        if how == "outside" and not told:         # it has taken a step
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        told += part
    os.close(read)
    status, words = os.waitpid(child, 0)[1], told.decode().split()
    left = [file.name for file in path.parent.iterdir() if file.name.endswith(files.PART)]
    return {"how": how, "signal": os.WTERMSIG(status), "exit": os.WEXITSTATUS(status),
            "digest": words.pop() if status == 0 else None, "steps": [int(word) for word in words],
            "saved": files.read(path)[1]["step"], "left": left}


def main(name, folder, kills, seed):
    """Kill runs in their midst as often as asked for; then let the last one live to its end."""
    rng, runs, kills = random.Random(int(seed)), 0, int(kills)
    while True:
        path = Path(folder) / str(runs) / "run"
        how = "nobody" if kills < 1 else "outside" if kills % 2 else WITHIN[kills // 2 % 5]
        found = life(name, path, how, rng)
        print(json.dumps(found), flush=True)
        if kills < 1 or found["exit"]:
            return
        if found["saved"] == STEPS:
            runs += 1
        elif found["signal"]:
            kills -= 1


if __name__ == "__main__":
    main(*sys.argv[1:])
