"""Snapshot ensembles: the networks of one run, together, beat the last of them."""

from .. import data
from ..averages.snapshot import average_probabilities, cyclic_cosine, majority_vote, snapshot_steps
from ..diversity import ambiguity, correlation, error_overlap
from ..functional import softmax
from ..intervals import Interval, mean_interval
from ..models import lenet, mlp, place, resnet
from ..nn import evaluation
from ..optim import SGD, step_decay
from ..placement import home
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..tape import data_of
from ..train import fit
from ..units.dropout import Dropout
from ..xp import array_module, host, to_backend
from .claim import Claim, Verdict

STYLES = {"nocycle": (MIDDLE, "--", "s"), "snapshot": (DARK, "-", "o"),
          "singlecycle": (MIDDLE, "-", "^"), "independent": (LIGHT, "-", "D")}
NOTHING = 0.2                   # accuracy; by chance it is 0.1
WIDE = 18                       # of a column: 100.00 +- 124.28 and room
SEEDS_APART = 100               # members that are drawn anew take the seeds that follow


def run(arm, seed, settings, progress):
    """Train the networks of one arm: accuracy and loss of the last m of them, on the test data."""
    splits = getattr(data, settings["data"])()
    x, y = (each[:settings["images"]] for each in splits.train)
    epochs, cycles, batch_size = settings["epochs"], settings["cycles"], settings["batch_size"]
    steps, lr = -(-len(x) // batch_size), settings["lr"]        # in an epoch
    probs = []

    def train(rates, ends, number=0):
        net, total = network(arm, x, settings), len(rates)

        def recorder(step, net, loss):
            if step + 1 in ends:
                probs.append(probabilities(net, splits.test[0]))

        sgd = SGD(lr, momentum=settings["momentum"], weight_decay=settings["weight_decay"])
        one = SEEDS_APART * seed + number
        fit(net.init(one), sgd, (x, y), total // steps, batch_size=batch_size, seed=one,
            schedules={"lr": rates}, recorder=recorder, progress=progress)

    total = epochs * steps
    fall = step_decay(lr, total, [total // 2, total * 3 // 4])
    if arm == "dropout":
        train(fall, [total])
    elif arm == "nocycle":
        train(fall, snapshot_steps(total, cycles))
    elif arm == "independent":
        for i in range(cycles):
            train(fall, [total], i)
    elif arm == "singlecycle":
        for i in range(cycles):
            train(cosine_cycles(total // cycles, 1, lr), [total // cycles], i)
    else:
        cycles = int(arm.partition("-")[2] or cycles)
        train(cosine_cycles(total, cycles, lr), snapshot_steps(total, cycles))
    return measured(array_module(*probs).stack(probs), splits.test[1])


def network(arm, x, settings):
    """The network of an arm, not yet drawn."""
    name, places = settings["net"], "hidden*.drop"
    if name == "mlp":
        net = mlp(x[0].size, *settings["hidden"], 10)
    elif name == "lenet":
        net = lenet()
    else:
        net, places = resnet(int(name.removeprefix("resnet")), channels=x.shape[1]), "stage*.drop"
    return place(net, places, Dropout(settings["p"])) if arm == "dropout" else net


def cosine_cycles(total, cycles, lr):
    """The rates of a run of `total` steps."""
    return cyclic_cosine(range(1, total + 1), total, cycles, lr)


def probabilities(net, x, size=1000):
    """What a network says in evaluation, (N, K) in float64, where no label's is rounded to 0.

    A NumPy array, wherever the network is.
    """
    x = to_backend(x, home(net))
    with evaluation(net):
        z = [data_of(net(x[i:i + size])) for i in range(0, len(x), size)]
    return softmax(host(array_module(*z).concatenate(z)).astype("float64"))


def measured(probs, y):
    """What is kept of members' probabilities (M, N, K): entry m - 1 is of the last m of them."""
    members, found = range(1, len(probs) + 1), {}
    means = [average_probabilities(probs[-m:]) for m in members]
    found["accuracy"] = [(p.argmax(-1) == y).mean() for p in means]
    found["loss"] = [ambiguity(probs[-m:], y).ensemble for m in members]
    found["vote"] = [(majority_vote(probs[-m:]) == y).mean() for m in members]
    found["members"] = (probs.argmax(-1) == y).mean(-1)                  # oldest first
    found["member_losses"] = ambiguity(probs, y).members
    found["correlation"] = [_pairs(correlation(probs[-m:])) for m in members[1:]]
    found["overlap"] = [_pairs(error_overlap(probs[-m:], y, per="union")) for m in members[1:]]
    return {name: [round(float(v), 6) for v in values] for name, values in found.items()}


def _pairs(matrix):
    """The mean over all pairs of members; two that make no error make the same ones."""
    xp = array_module(matrix)
    return xp.where(xp.isnan(matrix), 1.0, matrix)[xp.triu_indices(len(matrix), 1)].mean()


def judge(results, settings):
    """By the rule of the claim."""
    lines = [f"{'error, %':12}{'last':>{WIDE}}{'all':>{WIDE}}{'all, by vote':>{WIDE}}"
             f"{'loss, last':>12}"
             f"{'all':>8}{'correlation':>13}{'same errors':>13}"]
    lines += [_row(arm, results) for arm in results]
    if len(results["snapshot"]) == 1:
        return Verdict("not seen at this scale", "one seed has no interval", tuple(lines))

    def gain(other, m, name="accuracy"):
        """The ensemble of snapshots less the last m of `other`, in pairs."""
        return Interval(*mean_interval(column(results, "snapshot", name)[:, -1]
                                       - column(results, other, name)[:, m - 1]))

    nothing = {arm: f"{row.sum()} of {row.size}" for arm in results
               if (row := column(results, arm, "members") < NOTHING).any()}
    lines += [f"{share} networks of {arm} learned nothing at this rate: no comparison"
              for arm, share in nothing.items()]
    cycles = settings["cycles"]
    own, rivals = gain("snapshot", 1), {
        "the last of them": ("snapshot", 1), "one network (the last of nocycle)": ("nocycle", 1),
        "one network with dropout": ("dropout", 1), f"nocycle, all {cycles}": ("nocycle", cycles),
        f"singlecycle, all {cycles}, at the same budget": ("singlecycle", cycles),
        f"independent, all {cycles}, at {cycles} times the cost": ("independent", cycles)}
    lines.append(f"{f'all {cycles} snapshots, less':46}{'accuracy, %':>{WIDE}}{'loss':>18}")
    lines += [f"  {name:44}{_percent(gain(*other)):>{WIDE}}{str(gain(*other, 'loss')):>18}"
              for name, other in rivals.items() if other[0] not in nothing]
    lines += [f"accuracy of each network of {arm}, oldest first: "
              + ", ".join(_percent(one) for one in intervals(column(results, arm, "members")))
              for arm in ("snapshot", "nocycle")]
    word = ("held" if own.low > 0 else "refuted" if own.high < 0 else "not seen at this scale")
    errors = {arm: 100 * (1 - column(results, arm)).mean(0) for arm in results}
    return Verdict(word, f"error {errors['snapshot'][0]:.2f} % of the last snapshot, "
                   f"{errors['snapshot'][-1]:.2f} % of all {cycles} "
                   f"({_percent(own)} points of accuracy); one network "
                   f"{errors['nocycle'][0]:.2f} %, {cycles} independent ones "
                   f"{errors['singlecycle'][-1]:.2f} % at the same budget, "
                   f"{errors['independent'][-1]:.2f} % at {cycles} times the cost", tuple(lines))


def draw(results, settings):
    """Test error of the last m networks against m, and of each network."""
    figure, axes = subplots(1, 2, size=(9.0, 4.0))
    seeds, places = len(results["snapshot"]), range(1, settings["cycles"] + 1)
    dropout = 100 * (1 - column(results, "dropout")).mean()
    for axis, name in zip(axes, ("accuracy", "members"), strict=True):
        for shift, (arm, (colour, line, marker)) in enumerate(STYLES.items()):
            found = intervals(1 - column(results, arm, name))
            axis.errorbar([place + 0.07 * (shift - 1.5) for place in places],
                          [100 * one.mean for one in found],
                          [100 * one.half for one in found] if seeds > 1 else None, color=colour,
                          linestyle=line, marker=marker, markersize=5, capsize=2, label=arm)
        top = 125 * max((1 - column(results, arm, name)).mean(0).max() for arm in STYLES)
        axis.axhline(dropout, color=LIGHT, linestyle=":", label="dropout, one network"
                     + (f": {dropout:.0f} %" if dropout > top else ""))
        axis.set(xticks=places, ylim=(0, top))    # wide intervals leave the picture
    over = f"mean and 95 % interval over {seeds} seeds" if seeds > 1 else "one seed"
    axes[0].set(xlabel="m, of the last m networks", ylabel=f"test error on {settings['data']}, %",
                title=f"together; {over}")
    axes[1].set(xlabel="network, oldest first", title="alone")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def column(results, arm, name="accuracy"):
    """What was measured of an arm, (seeds, M)."""
    return array_module().asarray([one[name] for one in results[arm]])


def intervals(values):
    """The 95 % interval of each column; around one seed it has no width to draw."""
    if len(values) == 1:
        return [Interval(mean, 0.0) for mean in values[0]]
    return [Interval(*pair) for pair in zip(*mean_interval(values), strict=True)]


def _row(arm, results):
    errors, losses = 1 - column(results, arm), column(results, arm, "loss").mean(0)
    last, together = (intervals(errors)[i] for i in (0, -1))
    votes = intervals(1 - column(results, arm, "vote"))[-1]
    row = f"{arm:12}{_percent(last):>{WIDE}}"
    if errors.shape[1] == 1:
        return f"{row}{'':{2 * WIDE}}{losses[0]:12.4f}"
    pairs = [column(results, arm, name)[:, -1].mean() for name in ("correlation", "overlap")]
    return (f"{row}{_percent(together):>{WIDE}}{_percent(votes):>{WIDE}}{losses[0]:12.4f}"
            f"{losses[-1]:8.4f}{pairs[0]:13.4f}{pairs[1]:13.3f}")


def _percent(one):
    return f"{100 * one.mean:.2f}" + (f" +- {100 * one.half:.2f}" if one.half else "")


CLAIM = Claim(
    name="snapshots",
    techniques=("snapshot", "dropout", "diversity"),
    sentence="The networks that one run leaves behind, one after each cycle of a cyclic cosine, "
             "averaged are better than the last of them, at no further cost of training.",
    source="Huang et al. 2017 (arXiv:1704.00109), abstract, and in words; its experiments are "
           "with larger networks and on larger data, CIFAR-10 and others, and not repeated here.",
    known="The abstract gives 3.4 % and 17.4 % error on CIFAR-10 and CIFAR-100 for snapshot "
          "ensembles of DenseNets; its tables are not known to us well enough to be printed.",
    effect="3.4 % error of snapshot ensembles on CIFAR-10; how much less than the last "
           "network is not known to us well enough to be printed",
    protocol="LeNet on the first 5,000 training images of MNIST (quick: an MLP on digits), SGD "
             "with momentum 0.9 and weight decay 1e-4, 20 epochs. LeNet was preferred to an MLP "
             "because its snapshots gained more on validation data, with one seed, 10,000 images "
             "and the same cycles; 5,000 images are what time allows. The rate, 0.1, is the same "
             "for all arms and was tuned for none. snapshot, snapshot-2 and snapshot-10: a cyclic "
             "cosine in 5, 2 and 10 cycles; nocycle: networks of the same steps of a run whose "
             "rate falls tenfold after 50 % and 75 %, the last of which is the single network; "
             "dropout: that one with dropout; singlecycle: a network drawn anew for each cycle; "
             "independent: five networks, each of as many epochs as the others all together. "
             "Paper: ResNet-110 on CIFAR-10 without the images for validation, in 200 epochs, as "
             "we recall its setting; images are neither flipped nor shifted.",
    measure="test accuracy of the averaged probabilities of the last m networks, mean and 95 % "
            "interval over the seeds; differences are of paired seeds. Beside it, and not part of "
            "the rule: their loss, votes, correlation of their outputs, and the share of two "
            "networks' errors that both make.",
    rule={"held": "the interval of the difference between the ensemble of all 5 snapshots and the "
                  "last of them lies above 0",
          "not held": "does not occur: the claim has no parts",
          "not seen at this scale": "the interval contains 0, or one seed alone",
          "refuted": "the interval lies below 0"},
    arms=("nocycle", "snapshot", "singlecycle", "dropout", "snapshot-2", "snapshot-10",
          "independent"),
    scales={
        "quick": {"data": "digits", "images": 1197, "net": "mlp", "hidden": [100], "epochs": 20,
                  "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "p": 0.2,
                  "cycles": 5, "seeds": 8},
        "standard": {"data": "mnist", "images": 5000, "net": "lenet", "epochs": 20,
                     "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "p": 0.5,
                     "cycles": 5, "seeds": 3},
        "paper": {"data": "cifar10", "images": 40000, "net": "resnet110", "epochs": 200,
                  "batch_size": 64, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "p": 0.2,
                  "cycles": 5, "seeds": 3}},
    takes={"quick": "half a minute of one core", "standard": "45 minutes of one core",
           "paper": "200 epochs of a ResNet-110 each, five times as many for independent, "
                    "for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
