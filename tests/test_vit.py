"""The vision transformer: by hand, its parameters, what it drops, permutations and training."""

import math
import signal

import numpy as np
import pytest

import minidrop as md
from minidrop import models, nn
from minidrop.binding import Binding
from minidrop.check import gradcheck
from minidrop.xp import host

pytestmark = pytest.mark.slow

TINY = {"size": 4, "channels": 2, "patch": 2, "width": 6, "depth": 2, "heads": 3, "classes": 3}


def tiny(seed=0, fill=None, **options):
    """A ViT of 4 patches in float64 whose weights are large enough to matter, and its weights."""
    net = models.vit(**TINY | options)
    if fill:
        fill(net)
    net.init(seed).astype("float64")
    rng = np.random.default_rng(seed)
    for _, w in net.named_parameters():
        w.data = w.data + rng.normal(0, 0.3, w.shape)
    return net


def pictures(n=3, seed=1, **options):
    shape = TINY | options
    return np.random.default_rng(seed).normal(size=(n, shape["channels"], *[shape["size"]] * 2))


def everywhere(p=0.3, paths=0.5):
    """Dropout in every place and stochastic depth in every sum."""
    def fill(net):
        models.place(net, "drop*", md.Dropout(p))
        models.drop_paths(net, paths, mode="row", scaling="inverted")
    return fill


# --- by hand -------------------------------------------------------------------------------------

def norm(x, w, path):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-6)
    return scaled * w[f"{path}.weight"] + w[f"{path}.bias"]


def dense(x, w, path):
    return x @ w[f"{path}.weight"].T + w[f"{path}.bias"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def of_one(x, w, drop, pool):
    """The logits of one image; `drop(path, x)` is what the place there makes of x."""
    patches = [x[:, i:i + 2, j:j + 2].ravel() for i in (0, 2) for j in (0, 2)]
    kernel = w["embed.patches.weight"].reshape(6, -1)
    z = np.array([kernel @ patch + w["embed.patches.bias"] for patch in patches])
    if pool == "token":
        z = np.concatenate([w["embed.position.token"][None], z])
    z = drop("embed.drop", z + w["embed.position.weight"])
    for block in ("block1", "block2"):
        here = f"{block}.attention.sum.branch"
        packed = norm(z, w, f"{here}.norm") @ w[f"{here}.heads.in_proj_weight"].T
        q, k, v = np.split(packed + w[f"{here}.heads.in_proj_bias"], 3, -1)
        two = [slice(2 * i, 2 * i + 2) for i in range(3)]     # the numbers of head i
        weights = softmax(np.array([q[:, i] @ k[:, i].T / math.sqrt(2) for i in two]))
        weights = drop(f"{here}.heads.drop", weights)
        joined = np.concatenate([weights[i] @ v[:, two[i]] for i in range(3)], -1)
        z = z + drop(f"{block}.attention.sum", drop(
            f"{here}.drop", dense(joined, w, f"{here}.heads.out_proj")))
        here = f"{block}.mlp.sum.branch"
        inner = gelu(dense(norm(z, w, f"{here}.norm"), w, f"{here}.linear1"))
        inner = dense(drop(f"{here}.drop1", inner), w, f"{here}.linear2")
        z = z + drop(f"{block}.mlp.sum", drop(f"{here}.drop2", inner))
    return dense(norm(z[0] if pool == "token" else z.mean(0), w, "norm"), w, "out")


@pytest.mark.parametrize("pool", ["token", "mean"])
def test_a_vit_by_hand(pool, xp, backend):
    net, x = tiny(pool=pool), pictures()
    w = net.state_dict()
    due = [of_one(image, w, lambda path, z: z, pool) for image in x]
    for noisy in (False, True):                   # empty places do nothing in training either
        y = net.train(noisy).to(backend)(xp.asarray(x))
        np.testing.assert_allclose(host(y.data), due, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("pool", ["token", "mean"])
def test_a_vit_by_hand_under_the_masks_of_all_its_places(pool, xp, backend):
    net, x = tiny(fill=everywhere(), pool=pool).to(backend), pictures()
    y = host(net(xp.asarray(x)).data)
    noise = {path: (host(m.noise), m.p) for path, m in net.named_modules()
             if isinstance(m, md.Noise)}
    assert noise.keys() == models.places(net).keys()
    w = net.to("numpy").state_dict()
    for n, image in enumerate(x):
        due = of_one(image, w, lambda path, z, n=n: z * noise[path][0][n] / (1 - noise[path][1]),
                     pool)
        np.testing.assert_allclose(y[n], due, rtol=1e-11, atol=1e-12)
    assert not all(mask.all() for mask, _ in noise.values())


# --- parameters ----------------------------------------------------------------------------------

@pytest.mark.parametrize("width, heads, exactly, published", [
    (192, 3, 5_717_416, 5), (384, 6, 22_050_664, 22), (768, 12, 86_567_656, 86)])
def test_as_many_parameters_as_touvron_2021_says(width, heads, exactly, published):
    """DeiT-Ti, -S and -B, which are ViTs: 5M, 22M and 86M in its table 1."""
    net = models.vit(224, patch=16, width=width, depth=12, heads=heads, classes=1000)
    total = sum(math.prod(w.shape) for w in net.parameters())
    assert total == exactly and total // 10**6 == published


def test_the_shapes_of_the_docstring():
    net, x = models.vit(), np.zeros((2, 3, 32, 32), "float32")
    assert [sum(math.prod(w.shape) for w in getattr(net, name).parameters())
            for name in ("embed", "block1", "norm", "out")] == [22_080, 444_864, 384, 1_930]
    net.init(0).eval()
    x = net.embed.patches(x)
    assert x.shape == (2, 64, 192)
    x = net.embed.position(x)
    assert x.shape == (2, 65, 192) == net.block1(x).shape
    assert net.pool(x).shape == (2, 192)
    assert net.block1.mlp.sum.branch.linear1.n_out == 4 * 192


def test_names_of_the_parameters_in_order():
    paths = [path for path, _ in models.vit(**TINY | {"depth": 1}).named_parameters()]
    attention, mlp = "block1.attention.sum.branch", "block1.mlp.sum.branch"
    assert paths == [
        "embed.patches.weight", "embed.patches.bias", "embed.position.token",
        "embed.position.weight", f"{attention}.norm.weight", f"{attention}.norm.bias",
        f"{attention}.heads.in_proj_weight", f"{attention}.heads.in_proj_bias",
        f"{attention}.heads.out_proj.weight", f"{attention}.heads.out_proj.bias",
        f"{mlp}.norm.weight", f"{mlp}.norm.bias", f"{mlp}.linear1.weight", f"{mlp}.linear1.bias",
        f"{mlp}.linear2.weight", f"{mlp}.linear2.bias", "norm.weight", "norm.bias", "out.weight",
        "out.bias"]
    mean = [path for path, _ in models.vit(**TINY | {"depth": 1}, pool="mean").named_parameters()]
    assert mean == [path for path in paths if path != "embed.position.token"]


def test_weights_start_with_deviation_a_fiftieth_and_biases_at_zero():
    net, small = models.vit(width=48).init(0), []
    for path, w in net.named_parameters():
        if path == "embed.patches.weight" or path == "embed.patches.bias":
            assert abs(w.data).max() <= 1 / math.sqrt(48) < 1.1 * abs(w.data).max()
        elif "norm" in path or path.endswith("bias"):
            assert (w.data == (path.endswith("weight"))).all(), path
        else:                                     # even the class token, of 48 numbers
            assert 0.01 < w.data.std() < 0.03, path
            small.append(w.data.ravel())
    numbers = np.concatenate(small)
    n = numbers.size                              # 6 deviations of a mean and a variance: 4e-9
    assert n > 100_000 and abs(numbers.mean()) < 6 * 0.02 / math.sqrt(n)
    assert abs(numbers.var() / 0.02 ** 2 - 1) < 6 * math.sqrt(2 / n)
    assert abs(numbers).max() < 2                 # where the official code would cut


# --- what is dropped -----------------------------------------------------------------------------

def test_every_gelu_is_the_one_asked_for():
    for form in ("tanh", "none"):
        forms = [m.approximate for _, m in models.vit(**TINY, gelu=form).named_modules()
                 if isinstance(m, nn.GELU)]
        assert forms == [form] * 2


def test_places_are_those_of_the_official_code():
    there = models.places(models.vit(depth=3))
    paths = [f"block{k}.{path}" for k in (1, 2, 3) for path in (
        "attention.sum", "attention.sum.branch.heads.drop", "attention.sum.branch.drop", "mlp.sum",
        "mlp.sum.branch.drop1", "mlp.sum.branch.drop2")]
    assert list(there) == ["embed.drop", *paths]
    assert {path for path, use in there.items() if use == "stochastic depth"} == {
        f"block{k}.{half}.sum" for k in (1, 2, 3) for half in ("attention", "mlp")}


def test_every_mask_has_the_shape_of_what_it_drops():
    net = models.place(models.vit(**TINY), "drop*", md.Dropout(0.5)).init(0)
    net(pictures().astype("float32"))
    attention, mlp = net.block2.attention.sum.branch, net.block2.mlp.sum.branch
    assert [drop.noise.shape for drop in (net.embed.drop, attention.heads.drop, attention.drop,
                                          mlp.drop1, mlp.drop2)] == [
        (3, 5, 6), (3, 3, 5, 5), (3, 5, 6), (3, 5, 24), (3, 5, 6)]


def test_one_schedule_binds_every_dropout_and_another_every_sum():
    net = models.place(models.vit(**TINY), "*.drop*", md.Dropout(0.1))
    models.drop_paths(net, 0.5, rule="linspace", scaling="inverted").init(0)
    rates = {"drop*.p": md.linear_ramp(0.1, 0.0, 4), "sum.p": md.scaled([1.0, 0.5, 0.0, 0.0])}
    with Binding(net, md.optim.SGD(0.1), rates, 4) as bound:
        assert len(bound.bound) == (1 + 2 * 4) + 2 * 2
        bound.set(1)
        found = {m.p for _, m in net.named_modules() if isinstance(m, md.Dropout)}
        assert found == {float(rates["drop*.p"][1])}
        assert [getattr(net, f"block{k}")[half].sum.p for k in (1, 2) for half in (0, 1)] == [
            0, 0, 0.25, 0.25]


@pytest.mark.parametrize("rule", ["paper", "linspace", "efficientnet"])
def test_both_halves_of_a_block_share_its_rate(rule):
    net = models.drop_paths(models.vit(depth=4), 0.5, rule=rule, mode="row", scaling="inverted")
    sums = [m for _, m in net.named_modules() if isinstance(m, md.StochasticDepth)]
    due = [1 - md.survival(k, 4, 0.5, rule) for k in (1, 1, 2, 2, 3, 3, 4, 4)]
    assert [m.p for m in sums] == pytest.approx(due, abs=1e-15)
    assert {(m.mode, m.scaling) for m in sums} == {("row", "inverted")}
    half = models.drop_paths(models.vit(depth=4), 0.5, pattern="mlp.sum", rule=rule)
    assert [m.p for _, m in half.named_modules() if isinstance(m, md.StochasticDepth)] == [
        m.p for m in sums[1::2]]


def test_closed_halves_of_a_block_compute_nothing_and_keep_their_weights(xp, backend):
    net = models.drop_paths(models.vit(**TINY), 0.5).init(0).to(backend)
    x, y = xp.asarray(pictures().astype("float32")), xp.asarray(np.array([0, 1, 2]))
    rule, seen = md.optim.AdamW(0.01, weight_decay=0.1), set()
    for _ in range(8):
        before = {path: host(array).copy() for path, array in net.state_dict().items()}
        md.train_step(net, rule, x, y)
        gates = {f"{block}.{half}": getattr(getattr(net, block), half).sum.noise
                 for block in ("block1", "block2") for half in ("attention", "mlp")}
        for path, array in net.state_dict().items():
            half = ".".join(path.split(".")[:2])
            assert (host(array) != before[path]).any() == gates.get(half, True), path
        seen.add(tuple(gates.values()))
    assert len(seen) > 3                          # the four gates are drawn by themselves


# --- permutations --------------------------------------------------------------------------------

def shuffled(x, order):
    """Images (N, C, 4, 4) with their four patches in another order."""
    cut = x.reshape(len(x), -1, 2, 2, 2, 2).transpose(0, 2, 4, 1, 3, 5).reshape(len(x), 4, -1)
    cut = cut[:, order].reshape(len(x), 2, 2, -1, 2, 2)
    return cut.transpose(0, 3, 1, 4, 2, 5).reshape(x.shape)


@pytest.mark.parametrize("pool", ["token", "mean"])
def test_without_positions_the_order_of_the_patches_does_not_matter(pool):
    net, x, order = tiny(pool=pool), pictures(), [2, 0, 3, 1]
    moved = shuffled(x, order)
    np.testing.assert_array_equal(md.patches(moved, 2), md.patches(x, 2)[:, order])
    assert abs(net(x).data - net(moved).data).max() > 0.01
    net.embed.position.weight.data[:] = 0.7       # no position differs from another
    np.testing.assert_allclose(net(moved).data, net(x).data, rtol=1e-12, atol=1e-13)


def test_a_block_follows_a_permutation_of_its_tokens():
    block, order = tiny().block1, [3, 1, 4, 0, 2]
    z = np.random.default_rng(3).normal(size=(2, 5, 6))
    np.testing.assert_allclose(block(z[:, order]).data, block(z).data[:, order], rtol=1e-12,
                               atol=1e-13)


# --- gradients and dtypes ------------------------------------------------------------------------

@pytest.mark.parametrize("pool", ["token", "mean"])
def test_gradients_of_the_images_and_of_every_parameter_with_the_noise_frozen(pool, xp, backend):
    shape = {"width": 4, "heads": 2, "depth": 1, "channels": 1, "pool": pool}
    net, x = tiny(fill=everywhere(), **shape).to(backend), xp.asarray(pictures(2, channels=1))
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


# --- training ------------------------------------------------------------------------------------

@pytest.mark.slow
def test_it_learns_digits_with_dropout_in_every_place():
    net = models.vit(size=8, channels=1, patch=2, width=24, depth=1)
    models.place(net, "drop*", md.Dropout(0.02)).init(0)
    history = md.fit(net, md.optim.AdamW(0.01), md.data.digits(image=True), epochs=3, batch_size=32,
                     progress=False)
    assert history.loss[:10].mean() > 2.1 and history.loss[-10:].mean() < 1.8
    assert history.validation_accuracy[-1] > 0.3              # chance is 0.1


def test_a_run_with_early_dropout_and_depth_goes_on_to_the_bits_of_an_undisturbed_one(
        tmp_path, xp, backend):
    x = xp.asarray(pictures(24).astype("float32"))
    labels = xp.asarray(np.arange(24) % 3)

    def run(stop=None, checkpoint=None):
        def recorder(step, net, loss):
            if step == stop:
                signal.raise_signal(signal.SIGINT)

        net = models.vit(**TINY)
        everywhere(0.1, 0.3)(net)
        rates = {"drop*.p": md.linear_ramp(0.3, 0.0, 6), "sum.p": md.scaled(np.linspace(1, 0, 6))}
        history = md.fit(net.init(0).to(backend), md.optim.AdamW(0.01), (x, labels), epochs=2,
                         batch_size=8, schedules=rates, recorder=recorder, checkpoint=checkpoint,
                         progress=False)
        return [history.loss.tobytes(), *(host(w.data).tobytes() for w in net.parameters())]

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(stop=3, checkpoint=tmp_path / "run")
    assert run(checkpoint=tmp_path / "run") == whole


# --- by name, and bad input ----------------------------------------------------------------------

@pytest.mark.parametrize("shape, patches", [
    ((3, 32, 32), 64), ((1, 28, 28), 49), ((1, 24, 24), 36), ((1, 16, 16), 16), ((1, 8, 8), 16),
    ((1, 9, 9), 81), ((1, 12, 12), 16), ((1, 3, 3), 9)])
def test_patches_by_the_size_of_the_images(shape, patches):
    net = models.build("vit", shape, classes=4)
    assert net.embed.position.weight.shape == (patches + 1, 192)
    assert net.out.n_out == 4 and net.embed.patches.n_in == shape[0]


@pytest.mark.parametrize("use, sentence", [
    (lambda: models.vit(size=30), "patch must divide the size 30, got 4"),
    (lambda: models.vit(patch=64), "patch must divide the size 32, got 64"),
    (lambda: models.vit(width=100), "heads must divide the width 100, got 3"),
    (lambda: models.vit(depth=0), "depth must be a whole number of at least 1, got 0"),
    (lambda: models.vit(pool="first"), "pool must be one of 'token', 'mean', got 'first'"),
    (lambda: models.vit(gelu="exact"), "gelu must be one of 'tanh', 'none', got 'exact'"),
    (lambda: models.build("vit", (2,)), "vit needs square images"),
    (lambda: models.build("vit", (1, 8, 9)), "vit needs square images"),
    (lambda: models.vit(**TINY).init(0)(np.ones((1, 2, 6, 6))),
     "x must be images of 4 x 4, got 6 x 6"),
    (lambda: models.vit(**TINY).init(0)(np.ones((1, 1, 4, 4))),
     r"x must have shape \(N, 2, H, W\), got \(1, 1, 4, 4\)"),
    (lambda: nn.FirstToken()(np.ones((2, 3))), r"x must have shape \(N, T, width\), not empty"),
    (lambda: nn.MeanToken()(np.ones((2, 0, 3))), r"x must have shape \(N, T, width\), not empty"),
])
def test_a_mistake_is_named(use, sentence):
    with pytest.raises(ValueError, match=sentence):
        use()


@pytest.mark.parametrize("argument", ["size", "channels", "patch", "width", "depth", "heads",
                                      "classes"])
@pytest.mark.parametrize("wrong", [0, -1, 2.5, "4", None])
def test_every_size_is_checked(argument, wrong):
    with pytest.raises((ValueError, TypeError), match="must be a whole number.*got"):
        models.vit(**{argument: wrong})
