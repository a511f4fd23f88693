"""The MLP-Mixer: by hand, its parameters, what it drops, permutations and training."""

import math
import signal

import numpy as np
import pytest

import minidrop as md
from minidrop import models, nn
from minidrop.binding import Binding
from minidrop.check import gradcheck
from minidrop.xp import host
from tests.test_vit import dense, everywhere, gelu, norm, pictures, shuffled

TINY = {"size": 4, "channels": 2, "patch": 2, "width": 6, "depth": 2, "classes": 3}


def tiny(seed=0, fill=None, **options):
    """A Mixer of 4 patches in float64 whose biases and norms are not those of the start."""
    net = models.mixer(**TINY | options)
    if fill:
        fill(net)
    net.init(seed).astype("float64")
    rng = np.random.default_rng(seed)
    for _, w in net.named_parameters():
        w.data = w.data + rng.normal(0, 0.3, w.shape)
    return net


# --- by hand -------------------------------------------------------------------------------------

def of_one(x, w, drop):
    """The logits of one image; `drop(path, x)` is what the place there makes of x."""
    kernel = w["embed.patches.weight"].reshape(6, -1)
    z = np.array([kernel @ x[:, i:i + 2, j:j + 2].ravel() + w["embed.patches.bias"]
                  for i in (0, 2) for j in (0, 2)])
    for block in ("block1", "block2"):
        here = f"{block}.tokens.sum.branch"
        columns = []
        normed = norm(z, w, f"{here}.norm")
        for i in range(6):                        # equation 1 of the paper, channel by channel
            inner = w[f"{here}.linear1.weight"] @ normed[:, i] + w[f"{here}.linear1.bias"]
            inner = drop(f"{here}.drop1", gelu(inner), i)
            outer = w[f"{here}.linear2.weight"] @ inner + w[f"{here}.linear2.bias"]
            columns.append(drop(f"{here}.drop2", outer, i))
        z = z + drop(f"{block}.tokens.sum", np.stack(columns, -1))
        here = f"{block}.channels.sum.branch"
        inner = gelu(dense(norm(z, w, f"{here}.norm"), w, f"{here}.linear1"))
        inner = dense(drop(f"{here}.drop1", inner), w, f"{here}.linear2")
        z = z + drop(f"{block}.channels.sum", drop(f"{here}.drop2", inner))
    return dense(norm(z, w, "norm").mean(0), w, "out")


def test_a_mixer_by_hand(xp, backend):
    net, x = tiny(), pictures()
    w = net.state_dict()
    due = [of_one(image, w, lambda path, z, *column: z) for image in x]
    for noisy in (False, True):                   # empty places do nothing in training either
        y = net.train(noisy).to(backend)(xp.asarray(x))
        np.testing.assert_allclose(host(y.data), due, rtol=1e-11, atol=1e-12)


def test_a_mixer_by_hand_under_the_masks_of_all_its_places(xp, backend):
    net, x = tiny(fill=everywhere()).to(backend), pictures()
    y = host(net(xp.asarray(x)).data)
    noise = {path: (host(m.noise), m.p) for path, m in net.named_modules()
             if isinstance(m, md.Noise)}
    assert noise.keys() == models.places(net).keys()
    w = net.to("numpy").state_dict()
    for n, image in enumerate(x):
        def drop(path, z, *column, n=n):
            mask, p = noise[path]
            return z * mask[(n, slice(None), *column) if column else n] / (1 - p)

        np.testing.assert_allclose(y[n], of_one(image, w, drop), rtol=1e-11, atol=1e-12)
    assert not all(mask.all() for mask, _ in noise.values())


def test_a_linear_map_of_tokens_is_a_linear_layer_on_the_other_axis(xp, backend):
    layer, x = nn.TokenLinear(5, 3).init(0).astype("float64"), np.random.default_rng(0)
    x = x.normal(size=(2, 5, 4))
    due = md.linear(x.swapaxes(1, 2), layer.weight.data, layer.bias.data).swapaxes(1, 2)
    found = layer.to(backend)(xp.asarray(x))
    np.testing.assert_allclose(host(found.data), due, rtol=1e-12)
    wide, bound = nn.TokenLinear(400, 100).init(0), 1 / math.sqrt(400)
    for w, shape in ((wide.weight, (100, 400)), (wide.bias, (100,))):
        assert w.shape == shape and 0.9 * bound < abs(w.data).max() <= bound


# --- parameters ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name, width, depth, exactly", [
    ("S/32", 512, 8, 19_104_624), ("S/16", 512, 8, 18_528_264), ("B/32", 768, 12, 60_293_428),
    ("B/16", 768, 12, 59_880_472), ("L/32", 1024, 24, 206_939_264),
    ("L/16", 1024, 24, 208_196_168)])
def test_as_many_parameters_as_table_1_of_tolstikhin_2021_says(name, width, depth, exactly):
    net = models.mixer(224, patch=int(name[2:]), width=width, depth=depth, classes=1000)
    sizes = {path: math.prod(w.shape) for path, w in net.named_parameters()}
    assert sum(sizes.values()) == exactly
    without_head = sum(n for path, n in sizes.items() if not path.startswith("out"))
    published = {"S/32": 19, "S/16": 18, "B/32": 60, "B/16": 59, "L/32": 206, "L/16": 207}[name]
    assert round(without_head / 1e6) == published
    for half, inside in (("tokens", width // 2), ("channels", 4 * width)):      # D_S and D_C
        assert sizes[f"block1.{half}.sum.branch.linear1.bias"] == inside


def test_the_shapes_of_the_docstring():
    net, x = models.mixer().init(0).eval(), np.zeros((2, 3, 32, 32), "float32")
    x = net.embed(x)
    assert x.shape == (2, 64, 192) == net.block1(x).shape == net.norm(x).shape
    assert net.pool(x).shape == (2, 192) and net.out(net.pool(x)).shape == (2, 10)
    assert sum(w.size for w in net.parameters()) == 1_248_074


def test_weights_start_as_in_glorot_and_bengio_and_biases_at_zero():
    net = models.mixer().init(0)
    branches = [net.block2.tokens.sum.branch, net.block2.channels.sum.branch]
    for layer in (*(b.linear1 for b in branches), *(b.linear2 for b in branches), net.out):
        bound = math.sqrt(6 / (layer.n_in + layer.n_out))
        assert 0.99 * bound < abs(layer.weight.data).max() <= bound
        assert not layer.bias.data.any()
    for layer in (net.norm, *(b.norm for b in branches)):
        assert (layer.weight.data == 1).all() and not layer.bias.data.any() and layer.eps == 1e-6


# --- what is dropped -----------------------------------------------------------------------------

def test_every_gelu_is_the_one_asked_for():
    for form in ("tanh", "none"):
        forms = [m.approximate for _, m in models.mixer(**TINY, gelu=form).named_modules()
                 if isinstance(m, nn.GELU)]
        assert forms == [form] * 4


def test_places_are_those_of_the_official_code():
    there = models.places(models.mixer(depth=3))
    assert there == {f"block{k}.{half}.{path}": use for k in (1, 2, 3)
                     for half in ("tokens", "channels") for path, use in (
                         ("sum", "stochastic depth"), ("sum.branch.drop1", "dropout"),
                         ("sum.branch.drop2", "dropout"))}


def test_every_mask_has_the_shape_of_what_it_drops():
    net = models.place(models.mixer(**TINY | {"width": 10}), "drop*", md.Dropout(0.5)).init(0)
    net(pictures().astype("float32"))
    tokens, channels = net.block2.tokens.sum.branch, net.block2.channels.sum.branch
    assert [drop.noise.shape for drop in (tokens.drop1, tokens.drop2, channels.drop1,
                                          channels.drop2)] == [
        (3, 5, 10), (3, 4, 10), (3, 4, 40), (3, 4, 10)]


def test_one_schedule_binds_every_dropout_and_another_every_sum():
    net = models.place(models.mixer(**TINY), "*.drop*", md.Dropout(0.1))
    models.drop_paths(net, 0.5, rule="linspace", scaling="inverted").init(0)
    rates = {"drop*.p": md.linear_ramp(0.1, 0.0, 4), "sum.p": md.scaled([1.0, 0.5, 0.0, 0.0])}
    with Binding(net, md.optim.SGD(0.1), rates, 4) as bound:
        assert len(bound.bound) == 2 * 4 + 2 * 2
        bound.set(1)
        assert [half.sum.p for block in (net.block1, net.block2) for half in block] == [
            0, 0, 0.25, 0.25]


# --- permutations --------------------------------------------------------------------------------

def test_the_order_of_the_patches_matters_unlike_in_a_vit_without_positions():
    net, x = tiny(), pictures()
    assert abs(net(shuffled(x, [2, 0, 3, 1])).data - net(x).data).max() > 0.01


def test_mixing_of_channels_follows_a_permutation_of_the_tokens_and_mixing_of_tokens_does_not():
    block, order = tiny().block1, [3, 1, 0, 2]
    z = np.random.default_rng(3).normal(size=(2, 4, 6))
    np.testing.assert_allclose(block.channels(z[:, order]).data, block.channels(z).data[:, order],
                               rtol=1e-12, atol=1e-13)
    assert abs(block.tokens(z[:, order]).data - block.tokens(z).data[:, order]).max() > 0.01
    mlp, channels = block.tokens.sum.branch, [5, 0, 3, 1, 4, 2]
    after = nn.Sequential(mlp.linear1, mlp.gelu, mlp.linear2)             # without the norm
    np.testing.assert_allclose(after(z[..., channels]).data, after(z).data[..., channels],
                               rtol=1e-12, atol=1e-13)


def test_the_last_bias_along_the_tokens_changes_nothing():
    """It is one number for all channels of a token, which every norm takes away again."""
    net, x = tiny(), pictures()
    before = net(x).data
    net.block1.tokens.sum.branch.linear2.bias.data += np.array([1.0, -2.0, 3.0, 0.5])
    np.testing.assert_allclose(net(x).data, before, rtol=1e-11)
    net.block1.channels.sum.branch.linear2.bias.data += 1.0
    np.testing.assert_allclose(net(x).data, before, rtol=1e-11)
    net.block1.channels.sum.branch.linear2.bias.data[0] += 1.0
    assert abs(net(x).data - before).max() > 0.01


# --- gradients, dtypes and training --------------------------------------------------------------

def test_gradients_of_the_images_and_of_every_parameter_with_the_noise_frozen(xp, backend):
    net = tiny(fill=everywhere(), width=4, depth=1, channels=1).to(backend)
    x = xp.asarray(pictures(2, channels=1))
    net(x)
    for _, m in net.named_modules():
        if isinstance(m, md.Noise):
            m.sample = lambda shape, noise=m.noise: noise
    weights, modules = net.named_parameters(), dict(net.named_modules())
    slots = [path.rpartition(".")[::2] for path, _ in weights]

    def logits(x, *values):
        for (path, name), value in zip(slots, values, strict=True):
            setattr(modules[path], name, value)
        return net(x)

    gradcheck(logits, x, *(w.data for _, w in weights))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["channels first", "channels last", "reversed"])
def test_dtypes_and_memory_orders(dtype, order, xp, backend):
    net = tiny(fill=everywhere()).astype(dtype).to(backend).eval()
    x = pictures().astype(dtype)
    due = host(net(xp.asarray(x)).data)
    turned = {"channels first": x, "reversed": x[..., ::-1].copy()[..., ::-1],
              "channels last": x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)}[order]
    leaf = md.Tensor(xp.asarray(turned), requires_grad=True)
    y = net.train()(leaf)
    y.sum().backward()
    assert {str(a.dtype) for a in (y, leaf.grad, *(w.grad for w in net.parameters()))} == {dtype}
    np.testing.assert_allclose(host(net.eval()(xp.asarray(turned)).data), due,
                               rtol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.slow
def test_it_learns_digits_with_dropout_in_every_place():
    net = models.mixer(size=8, channels=1, patch=2, width=24, depth=1)
    models.place(net, "drop*", md.Dropout(0.05)).init(0)
    history = md.fit(net, md.optim.AdamW(0.01), md.data.digits(image=True), epochs=3, batch_size=32,
                     progress=False)
    assert history.loss[0] > 2.1 and history.loss[-10:].mean() < 0.7
    assert history.validation_accuracy[-1] > 0.8              # chance is 0.1


def test_a_run_with_dropout_and_depth_goes_on_to_the_bits_of_an_undisturbed_one(
        tmp_path, xp, backend):
    x = xp.asarray(pictures(24).astype("float32"))
    labels = xp.asarray(np.arange(24) % 3)

    def run(stop=None, checkpoint=None):
        def recorder(step, net, loss):
            if step == stop:
                signal.raise_signal(signal.SIGINT)

        net = models.mixer(**TINY)
        everywhere(0.1, 0.3)(net)
        history = md.fit(net.init(0).to(backend), md.optim.AdamW(0.01), (x, labels), epochs=2,
                         batch_size=8, recorder=recorder, checkpoint=checkpoint, progress=False)
        return [history.loss.tobytes(), *(host(w.data).tobytes() for w in net.parameters())]

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(stop=3, checkpoint=tmp_path / "run")
    assert run(checkpoint=tmp_path / "run") == whole


# --- by name, and bad input ----------------------------------------------------------------------

@pytest.mark.parametrize("shape, patches", [
    ((3, 32, 32), 64), ((1, 28, 28), 49), ((1, 24, 24), 36), ((1, 8, 8), 16)])
def test_patches_by_the_size_of_the_images(shape, patches):
    net = models.build("mixer", shape, classes=4)
    assert net.block1.tokens.sum.branch.linear1.n_in == patches
    assert net.out.n_out == 4 and net.embed.patches.n_in == shape[0]


@pytest.mark.parametrize("use, sentence", [
    (lambda: models.mixer(size=30), "patch must divide the size 30, got 4"),
    (lambda: models.mixer(width=1), "width must be a whole number of at least 2, got 1"),
    (lambda: models.mixer(gelu="exact"), "gelu must be one of 'tanh', 'none', got 'exact'"),
    (lambda: models.build("mixer", (1, 8, 9)), "mixer needs square images"),
    (lambda: models.mixer(**TINY).init(0)(np.ones((1, 2, 6, 6))),
     "x must be images of 4 x 4, got 6 x 6"),
    (lambda: nn.TokenLinear(2, 3).init(0)(np.ones((2, 2))), r"x must have shape \(N, 2, width\)"),
])
def test_a_mistake_is_named(use, sentence):
    with pytest.raises(ValueError, match=sentence):
        use()


@pytest.mark.parametrize("argument", ["size", "channels", "patch", "width", "depth", "classes"])
@pytest.mark.parametrize("wrong", [0, -1, 2.5, "4", None])
def test_every_size_is_checked(argument, wrong):
    with pytest.raises((ValueError, TypeError), match="must be a whole number.*got"):
        models.mixer(**{argument: wrong})
