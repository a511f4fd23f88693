"""`minidrop train` and `minidrop show MODEL`, as a person meets them."""

import re
import signal

import pytest
from click.testing import CliRunner

import minidrop as md
from minidrop import data, models
from minidrop.cli import main
from minidrop.models import commands

pytestmark = pytest.mark.slow

QUICK = ("train", "mlp", "digits", "--epochs", "2", "--batch-size", "128")


def run(*args):
    result = CliRunner().invoke(main, args, prog_name="minidrop")
    return result.exit_code, result.output


def figures(text):
    """The table of epochs, as it was printed."""
    return re.findall(r"^ +\d+ +\d\.\d{4} +\d\.\d{4} +\d+\.\d\d %$", text, re.M)


# --- train ---------------------------------------------------------------------------------------

def test_it_trains_as_fit_does_with_the_same_settings():
    code, text = run("train", "mlp", "digits", "--epochs", "3", "--batch-size", "100", "--seed",
                     "4", "--place", "hidden1.drop=dropout:0.25", "--test")
    assert code == 0
    net = models.place(models.mlp(64, 256, 10), "hidden1.drop", md.Dropout(0.25)).init(seed=4)
    sgd, digits = md.optim.SGD(0.05, 0.9, True, 1e-4), data.digits(image=True)
    rates = md.optim.warmup(md.optim.cosine(0.05, 36), 3)
    history = md.fit(net, sgd, digits, 3, batch_size=100, seed=4, schedules={"lr": rates},
                     progress=False)
    assert figures(text) == [
        f"{k + 1:5}{history.loss[12 * k:12 * k + 12].mean():12.4f}"
        f"{history.validation_loss[k]:12.4f}{100 * history.validation_accuracy[k]:10.2f} %"
        for k in range(3)]
    score = md.evaluate(net, digits.test)
    assert f"test: loss {score.loss:.4f}, accuracy {100 * score.accuracy:.2f} %" in text
    assert "mlp on digits: 19,210 parameters, 1,197 examples, 36 steps of 100" in text
    assert re.search(r"time \d+\.\d s, \d+\.\d ms a step; peak memory \d+ MB", text)


def test_dropout_of_a_rate_is_in_every_place_for_it():
    rate, places = (run(*QUICK, *option) for option in
                    (("--dropout", "0.9"), ("--place", "*drop=dropout:0.9")))
    assert figures(rate[1]) == figures(places[1]) != figures(run(*QUICK)[1]) and rate[0] == 0


@pytest.mark.parametrize("model, count", [("lenet", 4), ("resnet8", 4), ("vit", 17), ("mixer", 16)])
def test_every_model_has_places_for_dropout(model, count, monkeypatch):
    seen = []
    monkeypatch.setattr(commands, "fit", lambda net, *given, **named: seen.append(net) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(main, ["train", model, "shapes", "--dropout", "0.3"],
                           catch_exceptions=False)
    layers = [layer for _, layer in seen[0].named_modules() if isinstance(layer, md.Dropout)]
    assert [layer.p for layer in layers] == [0.3] * count


SNAPSHOTS = r"^ +(\d+) +(\d+) +(\d+\.\d\d) % +(\d+\.\d\d) %$"


@pytest.mark.parametrize("schedule", [None, "step"])
def test_snapshots_are_kept_and_compared_with_their_ensembles(schedule, tmp_path):
    options = (*QUICK, "--cycles", "3", "--snapshots", str(tmp_path / "a"), "--checkpoint",
               str(tmp_path / "run"), "--test", *(["--schedule", schedule] if schedule else []))
    code, text = run(*options)
    assert code == 0 and (
        schedule or "cosine in cycles of 7 steps, 3 in all, the last of 6, seed 0\n") in text
    net, digits = models.mlp(64, 256, 10).init(0), data.digits(image=True)
    rates = md.cyclic_cosine(range(1, 21), 20, 3, 0.05)
    if schedule:                                  # the paper's snapshots without cycles
        rates = md.optim.warmup(md.optim.step_decay(0.05, 20, [10, 15]), 2)
    md.fit(net, md.optim.SGD(0.05, 0.9, True, 1e-4), digits, 2, batch_size=128, progress=False,
           schedules={"lr": rates}, recorder=md.Snapshots(tmp_path / "b", [7, 14, 20]))
    nets = md.load_snapshots(models.mlp(64, 256, 10), tmp_path / "b")
    (how,) = [line for line in text.splitlines() if line.startswith("in Python: ")]
    found = {"md": md}
    exec(how.removeprefix("in Python: ").replace("; ", "; found = "), found)
    assert len(found["found"].members) == len(nets.members)
    rows = [(str(k + 1), str(step), *(
        f"{100 * md.evaluate(one, digits.validation).accuracy:.2f}"
        for one in (nets.members[k], nets.last(3 - k)))) for k, step in enumerate([7, 14, 20])]
    assert re.findall(SNAPSHOTS, text, re.M) == rows
    for name, one in (("test", net), ("test, ensemble", nets)):
        score = md.evaluate(one, digits.test)
        assert f"{name}: loss {score.loss:.4f}, accuracy {100 * score.accuracy:.2f} %" in text
    code, again = run(*options)                   # there is nothing left to do
    assert code == 0 and re.findall(SNAPSHOTS, again, re.M) == rows
    code, text = run(*QUICK, "--cycles", "2", "--snapshots", str(tmp_path / "a"))
    assert "cosine in cycles of 10 steps, 2 in all, seed 0\n" in text
    assert code == 1 and "must hold no snapshots of another run" in text


def test_stochastic_depth_rises_linearly_over_the_places(tmp_path):
    options = ("train", "resnet8", "digits", "--epochs", "2", "--batch-size", "400", "--place",
               "*.sum=stochasticdepth:0.6", "--checkpoint", str(tmp_path / "run.st"))
    code, text = run(*options)
    assert code == 0
    net, rates = models.resnet8(channels=1), [0.2, 0.4, 0.6]
    models.place(net, "*.sum", lambda old, k: md.StochasticDepth(
        old.branch, 1 - md.survival(k, 3, 1 - 0.6), old.skip)).init(0)
    assert [net[k].block1.sum.p for k in (1, 2, 3)] == pytest.approx(rates)
    history = md.fit(net, md.optim.SGD(0.05, 0.9, True, 1e-4), data.digits(image=True), 2,
                     batch_size=400, progress=False, schedules={
                         "lr": md.optim.warmup(md.optim.cosine(0.05, 6), 0)})
    assert [line.split()[2] for line in figures(text)] == [
        f"{loss:.4f}" for loss in history.validation_loss]
    code, again = run(*options)                   # the same command goes on, and is at the end
    assert code == 0 and figures(again) == figures(text)


def test_early_and_late_multiply_the_rates_of_the_places():
    code, text = run(*QUICK, "--place", "drop=dropout:0.5", "--early", "input.drop=1:linear",
                     "--late", "hidden1.drop=1")
    net = models.place(models.mlp(64, 256, 10), "drop", md.Dropout(0.5)).init(seed=0)
    history = md.fit(net, md.optim.SGD(0.05, 0.9, True, 1e-4), data.digits(image=True), 2,
                     batch_size=128, progress=False, schedules={
                         "lr": md.optim.warmup(md.optim.cosine(0.05, 20), 2),
                         "input.drop.p": md.early(0.5, 10, 20, "linear"),
                         "hidden1.drop.p": md.late(0.5, 10, 20)})
    assert code == 0 and [line.split()[2] for line in figures(text)] == [
        f"{loss:.4f}" for loss in history.validation_loss]


@pytest.mark.parametrize("option", ["--early", "--late"])
def test_early_and_late_stochastic_depth_are_scaled_in_training(option, monkeypatch):
    """In evaluation after the run every branch counts in full, as at the end of the run."""
    seen = []
    monkeypatch.setattr(commands, "evaluate", lambda net, data: seen.append(
        (net[1].block1.sum.scaling, net[1].block1.sum.p)) or md.train.Score(0.0, 0.0))
    code, _ = run("train", "resnet8", "digits", "--epochs", "1", "--batch-size", "600", "--place",
                  "sum=stochasticdepth:0.6", option, "sum=0", "--test")
    assert code == 0 and seen == [("inverted", pytest.approx(0.2))]


@pytest.mark.parametrize("options, rule", [
    (("--optimizer", "adam"), r"^Adam\(lr=0\.001, .*weight_decay=0\.0001\), cosine, seed 0$"),
    (("--optimizer", "adamw", "--lr", "0.01", "--weight-decay", "0.1", "--schedule", "constant"),
     r"^AdamW\(lr=0\.01, .*weight_decay=0\.1\), constant, seed 0$"),
    (("--schedule", "step", "--seed", "3"),
     r"^SGD\(lr=0\.05, momentum=0\.9, nesterov=True, weight_decay=0\.0001\), step, seed 3$"),
])
def test_optimizers_and_schedules_by_name(options, rule):
    code, text = run(*QUICK, *options)
    assert code == 0 and re.search(rule, text, re.M) and len(figures(text)) == 2


def test_images_reach_a_convolutional_network_and_can_be_augmented():
    plain, augmented = (run("train", "resnet8", "digits", "--epochs", "1", "--batch-size", "600",
                            *options) for options in ((), ("--augment",)))
    assert plain[0] == augmented[0] == 0
    assert figures(plain[1]) != figures(augmented[1])


@pytest.mark.parametrize("model, parameters", [("vit", "1,786,186"), ("mixer", "1,202,570")])
def test_tokens_are_patches_that_fit_the_images(model, parameters, monkeypatch):
    digits = data.digits(image=True)
    few = data.Splits(*((x[:16], y[:16]) for x, y in digits))
    monkeypatch.setattr(commands, "_load", lambda name, test: few)
    code, text = run("train", model, "digits", "--epochs", "1", "--batch-size", "16", "--place",
                     "drop*=dropout:0.1", "--place", "sum=stochasticdepth:0.3", "--optimizer",
                     "adamw", "--test")
    assert code == 0 and f"{model} on digits: {parameters} parameters" in text
    assert len(figures(text)) == 1


def test_points_reach_an_mlp_with_as_many_classes_as_they_have():
    code, text = run("train", "mlp", "blobs", "--epochs", "1")
    assert code == 0 and f"{2 * 256 + 256 + 256 * 3 + 3:,} parameters" in text


def test_the_test_part_is_not_read_unless_it_is_asked_for(monkeypatch):
    asked = []

    def mnist(test):
        asked.append(test)
        raise ValueError("enough seen")

    monkeypatch.setattr(data, "mnist", mnist)
    for options in ((), ("--test",)):
        assert run("train", "lenet", "mnist", *options)[1] == "Error: enough seen\n"
    assert asked == [False, True]


@pytest.mark.parametrize("args, code, sentence", [
    (("lennet", "digits"), 2, "there is no model 'lennet'; did you mean 'lenet'?"),
    (("mlp", "digit"), 2, "there is no data set 'digit'; did you mean 'digits'?"),
    (("lenet", "digits"), 1, "size must be a whole number of at least 16, got 8"),
    (("lenet", "moons"), 1, r"lenet needs square images (channels, height, width), got examples "
     "of shape (2,)"),
    (("resnet8", "moons"), 1, "resnet8 needs images (channels, height, width), got"),
    (("vit", "moons"), 1, "vit needs square images (channels, height, width), got"),
    (("mixer", "digits", "--place", "heads.drop=dropout:0.1"), 1, "'heads.drop' matches no place"),
    (("mlp", "digits", "--place", "drp=dropout:0.5"), 1, "pattern 'drp' matches no place; there "
     "are input.drop, hidden1.drop"),
    (("mlp", "digits", "--place", "drop=droput:0.5"), 2,
     "there is no layer 'droput'; did you mean 'dropout'?"),
    (("mlp", "digits", "--place", "drop=dropout:1.5"), 2,
     "--place drop=dropout:1.5: p is a probability and must lie in [0, 1], got 1.5"),
    (("mlp", "digits", "--place", "drop=dropout:half"), 2, "--place drop=dropout:half: "),
    (("mlp", "digits", "--place", "drop=dropout"), 2, "--place drop=dropout: "),
    (("mlp", "digits", "--place", "drop=Dropout:2e0"), 2, "must lie in [0, 1], got 2.0; it is "),
    (("mlp", "digits", "--place", "drop"), 2, "--place must be PATTERN=LAYER, such as "),
    (("mlp", "digits", "--early", "drop=4"), 2, "--early must be PATTERN=EPOCHS with 0 to 3 epochs,"
     " such as 'drop*=1' or 'drop*=1:linear', got 'drop=4'"),
    (("mlp", "digits", "--late", "drop"), 2, "--late must be PATTERN=EPOCHS with 0 to 3 epochs"),
    (("mlp", "digits", "--early", "drop=1:cosine"), 2, "--early must be PATTERN=EPOCHS"),
    (("mlp", "digits", "--early", "drop=1"), 1, "schedules: input.drop has no rate"),
    (("mlp", "digits", "--early", "drop=1", "--late", "drop=1"), 2,
     "--late drop=1: these places have a schedule already"),
    (("mlp", "digits", "--early", "drop=1", "--early", "drop=2"), 2, "--early drop=2: these"),
    (("mlp", "digits", "--place", "drop=dropout:0.5", "--early", "drop=1", "--late", "d*=1"), 1,
     "input.drop.p is matched by two schedules"),
    (("resnet8", "digits", "--place", "sum=stochasticdepth:1.5"), 2,
     "--place sum=stochasticdepth:1.5: p is a probability and must lie in [0, 1], got 1.5"),
    (("resnet8", "digits", "--place", "sum=stochasticdepth"), 2, "--place sum=stochasticdepth: "),
    (("resnet8", "digits", "--place", "sum=stochasticdepth:0.5:2"), 2, "sum=stochasticdepth:0.5:2"),
    (("resnet8", "digits", "--place", "*drop=stochasticdepth:0.5"), 2, "pattern '*drop' must match "
     "sums alone, and "),
    (("mlp", "digits", "--place", "*.sum=stochasticdepth:0.5"), 2, "'*.sum' matches no place"),
    (("resnet8", "digits", "--place", "*.sum=dropout:0.5"), 1, "must keep its children branch"),
    (("mlp", "digits", "--dropout", "1.5"), 2, "input.drop=dropout:1.5: p is a probability"),
    (("digits", "mlp"), 2, "MODEL comes before DATA: minidrop train mlp digits"),
    (("mlp", "digits", "--lr", "-1"), 1, "lr must be finite and at least 0, got -1.0"),
    (("mlp", "digits", "--snapshots", "x"), 2, "--snapshots needs --cycles, the number of"),
    (("mlp", "digits", "--cycles", "3", "--schedule", "step"), 2, "is for --snapshots FOLDER"),
    (("mlp", "digits", "--cycles", "999"), 1, "cycles must be at most total = 57 iterations, got"),
    (("mlp", "digits", "--epochs", "0"), 2, "0 is not in the range x>=1"),
    (("mlp", "digits", "--optimizer", "sdg"), 2, "'sdg' is not one of 'sgd', 'adam', 'adamw'"),
    (("mlp", "digits", "--checkpoint", f"{__file__}/run.st"), 1, "test_train_command.py/run.st"),
])
def test_what_is_wrong_is_answered_in_one_sentence(args, code, sentence):
    got, text = run("train", *args)
    assert got == code and sentence in text and "Traceback" not in text


def interrupted_after(steps, monkeypatch):
    """Let Ctrl-C come after so many steps, once."""
    def watched(self, step, net, loss):
        self.ends.append(0.0)
        if len(self.ends) == steps:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(commands.Watch, "__call__", watched)


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path, monkeypatch):
    options = (*QUICK, "--place", "drop=dropout:0.2")
    due = figures(run(*options)[1])
    kept = ("--checkpoint", str(tmp_path / "run.st"))
    with monkeypatch.context() as patch:
        interrupted_after(13, patch)
        code, text = run(*options, *kept)
    assert code == 130 and figures(text) == []
    assert f"the same command goes on from {tmp_path / 'run.st'}" in text
    code, text = run(*options, *kept)
    assert code == 0 and figures(text) == due
    code, text = run(*options, *kept)             # and once more: there is nothing left to do
    assert code == 0 and figures(text) == due


def test_ctrl_c_without_a_checkpoint_says_that_nothing_is_saved(monkeypatch):
    interrupted_after(3, monkeypatch)
    code, text = run(*QUICK)
    assert code == 130
    assert "interrupted, and nothing is saved; with --checkpoint PATH a run can go on" in text


# --- show ----------------------------------------------------------------------------------------

def test_show_lists_the_models():
    code, text = run("show")
    assert code == 0
    listed = [line.split()[0] for line in text.splitlines()]
    assert listed[-len(models.MODELS):] == list(models.MODELS)


@pytest.mark.parametrize("name", models.MODELS)
def test_show_says_what_a_model_is_and_which_places_it_has(name):
    code, text = run("show", name)
    assert code == 0
    for path, use in models.places(models.build(name)).items():
        assert re.search(rf"^    {re.escape(path)} +{use}$", text, re.M)
    assert f"minidrop show {name} --graph" in text


def test_show_graph_prints_a_table_and_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text = run("show", "resnet8", "--graph")
    assert code == 0 and (tmp_path / "minidrop-figures" / "resnet8.png").is_file()
    assert re.search(r"^stage2\.block1\.sum\.skip\.halve +HalvedMaps, 16 → 32 +32 × 16 × 16$", text,
                     re.M)
    *_, total, figure = text.splitlines()
    assert total.strip() == "75,290" and figure == "figure: minidrop-figures/resnet8.png"
    assert max(map(len, text.splitlines())) <= 100


def test_show_graph_is_for_models():
    code, text = run("show", "dropout", "--graph")
    assert code == 2 and "--graph draws models, and dropout is a technique; there are mlp" in text
    code, text = run("show", "resnet21")
    assert code == 2 and "there is no technique or model 'resnet21'; did you mean" in text
