"""What the claims on snapshots share: runs of one budget of steps, and the networks they leave."""

import copy

from ..averages.snapshot import average_probabilities, cyclic_cosine, snapshot_steps
from ..functional import softmax
from ..models import mlp, place
from ..nn import evaluation
from ..optim import step_decay
from ..placement import home
from ..tape import data_of
from ..units.dropout import Dropout
from ..xp import array_module, host, to_backend
from . import cnns, recipe

SCALES = {
    "quick": {"data": "digits", "images": 1197, "net": "mlp", "hidden": [100], "epochs": 20,
              "batch_size": 64, "lrs": [0.05, 0.2], "momentum": 0.9, "weight_decay": 1e-4,
              "seeds": 5},
    "standard": {"data": "cifar10", "images": 5000, "held_out": 10000, "net": "mlp",
                 "hidden": [256, 256], "epochs": 20, "batch_size": 64, "lrs": [0.01, 0.03],
                 "momentum": 0.9, "weight_decay": 1e-4, "seeds": 5},
    "paper": {"data": "cifar10", "images": 35000, "net": "resnet110", "epochs": 200,
              "batch_size": 64, "lrs": [0.1, 0.2], "momentum": 0.9, "weight_decay": 1e-4,
              "seeds": 3}}


def network(settings, x, p=0.0):
    """The network for images (N, C, H, W), not yet drawn, with dropout of its hidden units."""
    name = settings["net"]
    net = (mlp(x[0].size, *settings["hidden"], 10) if name == "mlp" else
           cnns.network(settings, x))
    places = "stage*.drop" if name.startswith("resnet") else "hidden*.drop"
    return place(net, places, Dropout(p)) if p else net


def cyclic(lr, total, cycles):
    """(rates, ends): a cosine in so many cycles, and after how many steps each of them ends."""
    return cyclic_cosine(range(1, total + 1), total, cycles, lr), snapshot_steps(total, cycles)


def falling(lr, total, first=0.5):
    """Rates that fall tenfold after that share of the steps, and halfway from there to the end."""
    falls = {int(first * total), int((1 + first) / 2 * total)}
    return step_decay(lr, total, sorted(falls))


def leave(net, given, settings, seed, progress, rates, ends, recorder=None):
    """Train a network at these rates: what it was after each of `ends` steps, oldest first."""
    states = []

    def keep(step, net, loss):
        if step + 1 in ends:
            states.append({path: value.copy() for path, value in net.state_dict().items()})

    recipe.train(net, given, settings, seed, progress, {"lr": rates}, lr=float(rates[0]),
                 epochs=len(rates) // -(-len(given[0]) // settings["batch_size"]),
                 recorder=[keep, recorder] if recorder else keep)
    return [copy.deepcopy(net).load_state_dict(state).eval() for state in states]


def probabilities(nets, x, size=1000):
    """What networks say in evaluation, (M, N, K) in float64, wherever they are a NumPy array."""
    found = []
    for net in nets:
        given = to_backend(x, home(net))
        with evaluation(net):
            z = [data_of(net(given[i:i + size])) for i in range(0, len(given), size)]
        found.append(softmax(host(array_module(*z).concatenate(z)).astype("float64")))
    return array_module(*found).stack(found)


def wrong(probs, y):
    """The share of wrong labels of the mean of members' probabilities (M, N, K)."""
    return round(float((average_probabilities(probs).argmax(-1) != y).mean()), 4)


def measured(made, splits):
    """What came out of {rate: networks, oldest first}.

    error, lr, validation: of all of them together, at the rate with the fewest errors of all of
    them on validation data; last, last_lr: of the last alone, at the rate that is best for it;
    together, alone: at the rate `lr`, of the last m, for m from 1, and of each.
    """
    (x, y), (x_test, y_test) = splits.validation, splits.test
    seen = {lr: probabilities(nets, x) for lr, nets in made.items()}
    lr, _, validation = recipe.best(seen, lambda probs: wrong(probs, y))
    last_lr, *_ = recipe.best(seen, lambda probs: wrong(probs[-1:], y))
    probs, last = (probabilities(nets, x_test) for nets in (made[lr], made[last_lr][-1:]))
    return {"error": wrong(probs, y_test), "lr": lr, "validation": validation,
            "last": wrong(last, y_test), "last_lr": last_lr,
            "together": [wrong(probs[-m:], y_test) for m in range(1, len(probs) + 1)],
            "alone": [wrong(one[None], y_test) for one in probs]}
