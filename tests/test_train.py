"""`fit`, `train_step` and `evaluate`: their bits, modes, schedules, and what they refuse."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop import Forbid, nn
from minidrop.optim import SGD
from minidrop.xp import host

N, BATCH = 20, 8                                  # three steps an epoch, the last with 4 examples


def data(xp, n=N):
    return xp.asarray(md.gaussian(1, (n, 6))), xp.asarray(md.integers(2, 3, n))


def mlp(backend, seed=0):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), md.Dropout(0.5), nn.Linear(8, 3)
                         ).init(seed).to(backend)


def fit(net, examples, epochs=2, optimizer=None, **options):
    options = {"batch_size": BATCH, "progress": False, **options}
    return md.fit(net, optimizer or SGD(lr=0.1, momentum=0.9), examples, epochs, **options)


def values(net):
    return {path: host(array).tolist() for path, array in net.state_dict().items()}


class Recorder:
    def __init__(self, look):
        self.look, self.seen, self.steps = look, [], []

    def __call__(self, step, net, loss):
        self.steps.append(step)
        self.seen.append(self.look(net))


# --- bits ----------------------------------------------------------------------------------------

def test_one_seed_gives_one_run_bit_for_bit(xp, backend):
    a, b, c = (mlp(backend) for _ in range(3))
    runs = [fit(net, data(xp), seed=seed).loss.tolist() for net, seed in ((a, 0), (b, 0), (c, 1))]
    assert runs[0] == runs[1] != runs[2]
    assert values(a) == values(b) != values(c)


def test_fit_is_train_step_over_the_permutations_of_its_seed(xp, backend):
    x, y = data(xp)
    a, b, sgd, order = mlp(backend), mlp(backend), SGD(0.1, 0.9), md.Stream(5, "fit/order")
    due = []
    for _ in range(2):
        rows = md.permutation(order, N)
        for i in range(0, N, BATCH):
            batch = xp.asarray(rows[i:i + BATCH])
            due.append(float(md.train_step(b, sgd, x[batch], y[batch])))
    assert fit(a, (x, y), seed=5).loss.tolist() == due and values(a) == values(b)


def test_every_example_is_seen_once_an_epoch_in_a_new_order(xp, backend):
    x, y = data(xp)
    seen = []

    def batch(rng, x, y):
        seen.extend(host(x[:, 0]).tolist())
        return x, y

    fit(mlp(backend), (x, y), batch=batch)
    first, second = seen[:N], seen[N:]
    assert first != second and sorted(first) == sorted(second) == sorted(host(x[:, 0]).tolist())


def test_a_training_step_returns_the_loss_before_it_as_an_array_without_graph(xp, backend):
    net, (x, y) = mlp(backend), data(xp)
    net.eval()
    before = float(md.cross_entropy(net(x), y))
    loss = md.train_step(net, SGD(0.1), x, y)
    assert type(loss) is xp.ndarray and loss.shape == () and float(loss) == before
    assert float(md.cross_entropy(net(x), y)) < before


# --- what fit gives back and calls ---------------------------------------------------------------

def test_history_holds_a_loss_per_step_and_scores_per_epoch(xp, backend):
    train, validation = data(xp), data(xp, 7)
    splits = md.data.Splits(train, validation, test=None)
    net = mlp(backend)
    history = fit(net, splits, epochs=3)
    assert all(type(part) is np.ndarray for part in history)
    assert [part.shape for part in history] == [(9,), (3,), (3,)]
    score = md.evaluate(net, validation)
    assert (history.validation_loss[-1], history.validation_accuracy[-1]) == score
    alone = fit(mlp(backend), train, epochs=3)
    assert [part.shape for part in alone] == [(9,), (0,), (0,)]
    assert alone.loss.tolist() == history.loss.tolist()         # looking changes nothing


def test_the_recorder_comes_after_every_step(xp, backend):
    recorder, net = Recorder(lambda net: float(net.linear1.weight.data[0, 0])), mlp(backend)
    fit(net, data(xp), recorder=recorder)
    assert recorder.steps == [0, 1, 2, 3, 4, 5] and len(set(recorder.seen)) == 6
    assert recorder.seen[-1] == float(net.linear1.weight.data[0, 0])


def test_batch_changes_what_is_trained_on_and_draws_from_a_stream_of_its_own(xp, backend):
    states = []

    def smaller(rng, x, y):
        states.append(rng.state)
        md.uniform(rng, 3)
        return x[:2] * 0, y[:2] * 0

    losses = [fit(nn.Linear(6, 3).init(0).to(backend), data(xp), optimizer=SGD(0.0),
                  batch=batch).loss for batch in (smaller, None)]
    assert [len(set(run.tolist())) for run in losses] == [1, 6]
    assert states == [(*md.Stream(0, "fit/batch").key, 2 * i) for i in range(6)]


def test_the_penalty_is_added_to_the_loss_and_knows_the_step(xp, backend):
    steps = []

    def penalty(net, step):
        steps.append(step)
        return (net.linear1.weight * 0).sum() + 100.0 * (step == 3)

    plain, penalised = (fit(mlp(backend), data(xp), optimizer=SGD(0.0), penalty=p).loss
                        for p in (None, penalty))
    np.testing.assert_allclose(penalised - plain, [0, 0, 0, 100, 0, 0], atol=1e-5)
    assert steps == [0, 1, 2, 3, 4, 5]


def test_a_penalty_is_differentiated(xp, backend):
    net = nn.Linear(6, 3, bias=False).init(0).to(backend)
    before = host(net.weight.data).copy()
    md.train_step(net, SGD(0.1), *data(xp), loss=lambda z, y: (z * 0).sum(),
                  penalty=lambda net, step: 0.5 * (net.weight**2).sum())
    np.testing.assert_allclose(host(net.weight.data), 0.9 * before, rtol=1e-6)


def test_project_runs_after_every_update(xp, backend):
    def clip(net):
        net.linear1.weight.data = xp.clip(net.linear1.weight.data, -0.01, 0.01)

    recorder = Recorder(lambda net: float(abs(net.linear1.weight.data).max()))
    fit(mlp(backend), data(xp), project=clip, recorder=recorder)
    assert max(recorder.seen) <= 0.01 + 1e-9


# --- schedules -----------------------------------------------------------------------------------

RAMP = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("pattern", ["body.dropout1.p", "dropout1.p", "drop*.p", "p", "body.*.p"])
def test_a_schedule_steers_what_its_pattern_names_whole_or_from_a_dot_on(pattern, xp, backend):
    net, optimizer = nn.Sequential(body=mlp(backend)), SGD(0.1)
    recorder = Recorder(lambda net: (net.body.dropout1.p, optimizer.lr))
    fit(net, data(xp), optimizer=optimizer, recorder=recorder,
        schedules={pattern: np.array(RAMP), "lr": RAMP[::-1]})
    assert recorder.seen == list(zip(RAMP, RAMP[::-1], strict=True))
    assert (net.body.dropout1.p, optimizer.lr) == (0.5, 0.1)    # as they were


def test_scaled_multiplies_what_each_module_started_with(xp, backend):
    net = nn.Sequential(nn.Linear(6, 3), md.Dropout(0.5), md.Dropout(0.2)).init(0).to(backend)
    recorder = Recorder(lambda net: (net.dropout1.p, net.dropout2.p))
    fit(net, data(xp), recorder=recorder, schedules={"dropout?.p": md.scaled([0, 0, 1, 1, 0.5, 2])})
    assert recorder.seen == [(0, 0), (0, 0), (0.5, 0.2), (0.5, 0.2), (0.25, 0.1), (1.0, 0.4)]
    assert (net.dropout1.p, net.dropout2.p) == (0.5, 0.2)


@pytest.mark.parametrize("schedules, kind, message", [
    ({"drop*.q": RAMP}, ValueError,
     r"schedules: 'drop\*.q' matches no number; there are .*dropout1\.p"),
    ({"drop*.p": RAMP[1:]}, ValueError, "one value for each of the 6 steps (.*), got 5"),
    ({"drop*.p": "010101"}, TypeError, r"schedules\['drop\*.p'\] must be an array of numbers"),
    ({"drop*.p": dict.fromkeys(range(6), 0.5)}, TypeError, "must be an array of numbers"),
    ({"drop*.p": 0.5}, TypeError, r"schedules\['drop\*.p'\] must be an array of numbers"),
    ({"drop*.p": [None] * 6}, TypeError, r"schedules\['drop\*.p'\] must be an array of numbers"),
    ({"lr": [math.nan] * 6}, ValueError, r"schedules\['lr'\] must hold finite numbers"),
    ({"lin*.p": RAMP}, ValueError, "linear1 has no rate; put a layer with one there first, as "
     "minidrop.models.place and drop_paths do"),
    ({"*.p": RAMP, "drop*.p": RAMP}, ValueError, "dropout1.p is matched by two schedules"),
    ([("lr", RAMP)], TypeError, "schedules must map patterns to arrays"),
])
def test_a_schedule_that_does_not_fit_stops_before_the_first_step(schedules, kind, message, xp,
                                                                   backend):
    net = mlp(backend)
    before = values(net)
    with pytest.raises(kind, match=message):
        fit(net, data(xp), schedules=schedules)
    assert values(net) == before


@pytest.mark.parametrize("factors", [0.5, "010101", {0: 0.5}, None])
def test_factors_must_be_several(factors):
    with pytest.raises(TypeError, match="values must be an array of factors, got"):
        md.scaled(factors)


def test_a_scheduled_rate_is_checked_where_it_is_used(xp, backend):
    net = mlp(backend)
    with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\], got 1.5"):
        fit(net, data(xp), schedules={"dropout1.p": [0.5, 1.5, 0.5, 0.5, 0.5, 0.5]})
    assert net.dropout1.p == 0.5


# --- modes ---------------------------------------------------------------------------------------

def mixed(backend):
    net = mlp(backend).eval()
    net.dropout1.training = True
    return net, [m.training for _, m in net.named_modules()]


def test_fit_trains_in_training_mode_and_restores_every_mode(xp, backend):
    net, modes = mixed(backend)
    recorder = Recorder(lambda net: all(m.training for _, m in net.named_modules()))
    fit(net, md.data.Splits(data(xp), data(xp), None), recorder=recorder)
    assert all(recorder.seen) and [m.training for _, m in net.named_modules()] == modes


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_fit_restores_modes_and_numbers(error, xp, backend):
    def stop(step, net, loss):
        if step == 1:
            raise error

    net, modes = mixed(backend)
    with pytest.raises(error):
        fit(net, data(xp), recorder=stop, schedules={"dropout1.p": RAMP})
    assert [m.training for _, m in net.named_modules()] == modes and net.dropout1.p == 0.5


def test_evaluate_draws_nothing_records_nothing_and_restores_every_mode(xp, backend):
    net, modes = mixed(backend)
    net.dropout1.rng, seen = Forbid(), []

    def loss(z, y):
        seen.append(z.requires_grad)
        return md.cross_entropy(z, y)

    md.evaluate(net, data(xp), loss=loss)
    assert seen == [False] and [m.training for _, m in net.named_modules()] == modes

    def broken(z, y):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        md.evaluate(net, data(xp), loss=broken)
    assert [m.training for _, m in net.named_modules()] == modes


@pytest.mark.parametrize("batch_size", [1, 7, 20, 1000])
def test_evaluate_weighs_batches_by_their_size(batch_size, xp, backend):
    net, (x, y) = mlp(backend).eval(), data(xp)
    score = md.evaluate(net, (x, y), batch_size=batch_size)
    z = host(net(x).data).astype("float64")
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert score.loss == pytest.approx(-np.log(p[range(N), host(y)]).mean(), rel=1e-5)
    assert score.accuracy == pytest.approx((z.argmax(1) == host(y)).mean())


def test_evaluate_of_soft_targets_has_no_accuracy(xp, backend):
    x, _ = data(xp)
    score = md.evaluate(mlp(backend), (x, xp.ones((N, 3), "float32") / 3))
    assert math.isnan(score.accuracy) and score.loss > 0


# --- bad data, bad losses, silence ---------------------------------------------------------------

@pytest.mark.parametrize("change, kind, message", [
    (lambda x, y: None, TypeError, r"data must be a pair \(x, y\)"),
    (lambda x, y: (x, y[1:]), ValueError, "data must hold as many x as y .* got 20 and 19"),
    (lambda x, y: (x.astype("int64"), y), TypeError, "x of data must hold floats"),
    (lambda x, y: (x, [1] * N), TypeError, "y of data must be an array"),
    (lambda x, y: (x, None), TypeError, "y of data must be an array"),
    (lambda x, y: (x, y + 3), ValueError, r"labels must lie in 0\.\.2"),
    (lambda x, y: (x[:, :5], y), ValueError, r"x must have shape \(N, 6\)"),
])
@pytest.mark.parametrize("call", [fit, md.evaluate])
def test_bad_data_are_named(call, change, kind, message, xp, backend):
    net = mlp(backend)
    with pytest.raises(kind, match=message):
        call(net, change(*data(xp)))


def test_a_wrong_split_is_named(xp, backend):
    splits = md.data.Splits(data(xp), (data(xp)[0], None), None)
    with pytest.raises(TypeError, match=r"y of data\.validation must be an array"):
        fit(mlp(backend), splits)


def test_a_loss_that_is_not_finite_stops_the_run_after_its_epoch(xp, backend):
    recorder = Recorder(lambda net: None)
    with pytest.raises(ValueError, match="the loss is inf after epoch 1; lower the learning rate"):
        fit(mlp(backend), data(xp), epochs=5, recorder=recorder,
            loss=lambda z, y: md.cross_entropy(z, y) + math.inf)
    assert recorder.steps == [0, 1, 2]


def test_without_progress_nothing_is_printed(xp, backend, capfd):
    fit(mlp(backend), data(xp))
    assert capfd.readouterr() == ("", "")
    fit(mlp(backend), data(xp), progress="digits")
    out, err = capfd.readouterr()
    assert out == "" and "digits" in err and "0/6" in err and err.endswith("\r")
    fit(mlp(backend), data(xp), progress=True)        # this bar stays
    assert "6/6" in capfd.readouterr().err


@pytest.mark.parametrize("given", [None, "a", {"a": 1}])
def test_a_penalty_that_gives_no_number_is_named(given, xp, backend):
    with pytest.raises(TypeError, match="^penalty must give a number or a Tensor, got "):
        md.train_step(mlp(backend), SGD(lr=0.1), *data(xp), penalty=lambda net, step: given)
