"""A run that is killed again and again: `python -m tests.lives RUN FOLDER KILLS SEED`.

RUN is one of RUNS: it trains a network with all that has a place in time, or tries a claim.  Every
life is a fork that takes the run up where the file has it.  It dies by SIGKILL: from outside at a
random moment, or by its own hand within a save, of snapshots too, with half of the file written,
before or after it is flushed to the disk, before or after it is moved to its place.  Printed is a
line of JSON for each life: how it died, the steps that it took, what the file then held.
"""

import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import minidrop as md
from minidrop import checkpoint, files
from minidrop.claims import ledger
from tests.test_claims import toy

EPOCHS, EXAMPLES, BATCH = 3, 44, 4
STEPS = EPOCHS * -(-EXAMPLES // BATCH)
WITHIN = ("half written", "before fsync", "after fsync", "before the move", "after the move")


def mlp(wrap=lambda linear: linear):
    return md.nn.Sequential(wrap(md.nn.Linear(48, 16)), md.nn.ReLU(), md.Dropout(0.3),
                            md.nn.Linear(16, 3)), (48,)


def resnet():
    return md.models.resnet8(classes=3), (3, 8, 8)


def noisy_mlp(folder):
    net, shape = mlp()
    return net, shape, {"schedules": {"drop*.p": np.linspace(0, 0.5, STEPS)}}


def noisy_resnet(folder):
    net, shape = resnet()
    net.drop = md.Dropout(0.3)
    return net, shape, {"schedules": {"drop*.p": np.linspace(0, 0.5, STEPS)},
                        "optimizer": md.optim.AdamW(lr=0.01)}


def snapshots(folder):
    """Eleven cycles of three steps, and a snapshot at the end of each."""
    net, shape = mlp()
    rates = md.cyclic_cosine(range(1, STEPS + 1), STEPS, 11, 0.1)
    return net, shape, {"schedules": {"lr": rates}, "recorder": [
        md.Snapshots(folder / "snapshots", md.snapshot_steps(STEPS, 11))]}


def early(folder):
    net, shape = mlp()
    return net, shape, {"schedules": {"drop*.p": md.early(0.5, 20, STEPS, "linear")}}


def late(folder):
    net, shape = mlp()
    return net, shape, {"schedules": {"drop*.p": md.late(0.5, 12, STEPS)}}


def dropblock(folder):
    net = md.nn.Sequential(md.nn.Conv2d(3, 4, 3), md.nn.ReLU(), md.DropBlock(0.1, 3),
                           md.nn.Flatten(), md.nn.Linear(4 * 6 * 6, 3))
    return net, (3, 8, 8), {"schedules": {"dropblock*.p": md.linear_ramp(0, 0.3, STEPS)}}


def targeted(folder):
    net, shape = mlp(lambda linear: md.TargetedDropout(linear, 0.5, 0.5, unit=False))
    gammas, alphas = md.targeted_ramp(0.75, 0.9, STEPS)
    return net, shape, {"schedules": {"targeted*.gamma": gammas, "targeted*.alpha": alphas}}


def depth(folder):
    """Stochastic depth that ends early: each block keeps its share of the rate."""
    net, shape = resnet()
    md.models.drop_paths(net, 0.5, scaling="inverted")
    return net, shape, {"schedules": {"*.p": md.scaled(md.early(1.0, 25, STEPS))}}


def averages(folder):
    net, shape = mlp()
    return net, shape, {"recorder": [md.EMA(net, 0.9), md.SWA(net, start=12, every=2)]}


def dynamics(folder):
    net, shape = mlp()
    return net, shape, {"recorder": [md.Dynamics(net.init(0), examples(shape), range(0, STEPS, 4),
                                                 batches=2, batch_size=8)]}


NETWORKS = {"mlp": noisy_mlp, "resnet": noisy_resnet, "snapshots": snapshots, "early": early,
            "late": late, "dropblock": dropblock, "targeted": targeted, "stochastic_depth": depth,
            "averages": averages, "dynamics": dynamics}
RUNS = (*NETWORKS, "claim")


def examples(shape):
    return md.gaussian(1, (EXAMPLES, *shape)), md.integers(2, 3, EXAMPLES)


def jitter(rng, x, y):
    return x + md.uniform(rng, x.shape), y


def run(name, path=None, tell=None):
    """The digest of all that a run leaves behind; `tell(step)` is called in each step."""
    with tempfile.TemporaryDirectory() as folder:
        act = claim if name == "claim" else train
        return act(name, path or Path(folder) / "run", tell)


def train(name, path, tell):
    net, shape, options = NETWORKS[name](path.parent)
    x, y = examples(shape)
    recorders = options.pop("recorder", [])
    told = [lambda step, *_: tell(step)] if tell else []
    options = {"optimizer": md.optim.SGD(lr=0.05, momentum=0.9), "checkpoint": path} | options
    history = md.fit(net.init(0), data=md.data.Splits((x, y), (x[:9], y[:9]), None), epochs=EPOCHS,
                     batch_size=BATCH, batch=jitter, progress=False, recorder=told + recorders,
                     **options)
    found = hashlib.sha256()
    states = [one.state_dict() for one in (net, *recorders)]
    for array in (*(array for state in states for array in state.values()), *history):
        found.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    for file in sorted(path.parent.glob("snapshots/*")):
        found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()


def claim(name, path, tell):
    """Three arms and eleven seeds; each run draws a little."""
    places = {(arm, seed): 3 * seed + i for seed in range(11) for i, arm in enumerate("abc")}

    def one(arm, seed, settings, progress):
        if tell:
            tell(places[arm, seed])
        return {"score": float(md.gaussian(places[arm, seed], 30_000).mean())}

    given = toy([], run=one, arms=(*"abc",), scales={"quick": {"seeds": 11}}, name=path.name)
    ledger.run(given, "quick", folder=path.parent, progress=False)
    record = ledger.read(ledger.path_of(given, "quick", path.parent))
    for kept in record["runs"]:
        del kept["seconds"]
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def saved(path):
    """How many steps, or runs of a claim, are on the disk."""
    record = path.with_name(f"{path.name}-quick.json")
    if record.is_file():
        return len(ledger.read(record)["runs"])
    return files.read(path)[1]["step"] if path.is_file() else 0


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


def plant(how, save, kind):
    """Let this process die within save number `save`, from 1, of files whose names have `kind`."""
    left, name, fsync, replace = [save], [""], os.fsync, os.replace
    whole = files._begin

    def at(moment):
        if moment == how and kind in name[0]:
            left[0] -= 1
            return left[0] == 0

    def begin(path):
        name[0] = path.name
        return Half(whole(path)) if at("half written") else whole(path)

    def stop(before, act, after):
        def planted(*args):
            if at(before):
                die()
            act(*args)
            if at(after):
                die()
        return planted

    files._begin = begin
    os.fsync = stop("before fsync", fsync, "after fsync")
    os.replace = stop("before the move", replace, "after the move")


def life(name, path, how, rng):
    """What became of one fork: a dict."""
    kind = rng.choice(("run", "snapshot")) if name == "snapshots" else ""
    save = rng.randrange(2, 4 if kind == "snapshot" else 6)
    delay = rng.uniform(0, 0.03)
    seconds = rng.choice([0.0, 0.0, 0.005]) if how == "outside" else 0.0
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            checkpoint.SECONDS, checkpoint.SHARE = seconds, 0
            plant(how, save, kind)
            digest = run(name, path, lambda step: os.write(write, b"%d " % step))
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
    left = [file.name for file in path.parent.rglob(f".*{files.PART}")]
    return {"how": how, "signal": os.WTERMSIG(status), "exit": os.WEXITSTATUS(status),
            "digest": words.pop() if status == 0 else None, "steps": [int(word) for word in words],
            "saved": saved(path), "left": left}


def main(name, folder, kills, seed):
    """Kill runs in their midst as often as asked for; then let the last one live to its end."""
    rng, runs, kills = random.Random(int(seed)), 0, int(kills)
    while True:
        path = Path(folder) / str(runs) / "run"
        how = "nobody" if kills < 1 else "outside" if kills % 2 else WITHIN[kills // 2 % 5]
        found = {"run": runs} | life(name, path, how, rng)
        print(json.dumps(found), flush=True)
        if kills < 1 or found["exit"]:
            return
        if found["saved"] == STEPS:
            runs += 1
        elif found["signal"]:
            kills -= 1


if __name__ == "__main__":
    main(*sys.argv[1:])
