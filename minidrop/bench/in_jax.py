"""The workloads in JAX: the same steps as functions of a list of weights, compiled by jax.jit.

Images are (N, H, W, C), which XLA convolves fastest on the CPU.  A step ends when its results are
there.  Missing are (e) and (f).
"""

import importlib

from .contender import Contender, is_dropout
from .workloads import LR, MOMENTUM, RATE, WORKLOADS, batch, input_and_gradient


def contender(name):
    """The workload `name`."""
    if WORKLOADS[name].network is None:
        return DropoutAlone(RATE, WORKLOADS[name].shape)
    if name not in NETWORKS:
        known = ", ".join([*NETWORKS, "g"])
        raise ValueError(f"in JAX there are the workloads {known}, not {name}")
    return Training(NETWORKS[name], WORKLOADS[name].shape)


def jax():
    """The module jax."""
    return importlib.import_module("jax")


# --- networks: pairs of weights and biases, an input, and keep(k, shape), the k-th mask -----------

def perceptron(pairs, x, keep):
    """An MLP with dropout behind every hidden layer; without one for a rate of 0."""
    *hidden, (w, b) = pairs
    for k, (v, c) in enumerate(hidden):
        x = relu(x @ v.T + c)
        x = x * keep(k, x.shape) / (1 - RATE) if keep else x
    return x @ w.T + b


def plain(pairs, x, keep):
    """An MLP without dropout."""
    return perceptron(pairs, x, None)


def connections(pairs, x, keep):
    """An MLP whose hidden layers drop connections, others for each example."""
    *hidden, (w, b) = pairs
    for k, (v, c) in enumerate(hidden):
        mask = keep(k, (len(x), *v.shape))
        x = relu(jax().numpy.einsum("noi,ni->no", mask * v, x) + c)
    return x @ w.T + b


def lenet(pairs, x, keep):
    """Two convolutions with pooling, two linear layers."""
    one, two, *linear = pairs
    x = pool(relu(conv(x, one, "VALID")))
    x = pool(relu(conv(x, two, "VALID")))
    return plain(linear, flat(x), keep)


def vgg(pairs, x, keep):
    """Two pairs of convolutions with pooling, two linear layers."""
    *filters, hidden, last = pairs
    for first, second in zip(filters[::2], filters[1::2], strict=True):
        x = pool(relu(conv(relu(conv(x, first, "SAME")), second, "SAME")))
    return plain([hidden, last], flat(x), keep)


NETWORKS = {"a": perceptron, "b": plain, "c": lenet, "d": vgg, "h": connections}


def relu(x):
    """max(x, 0)."""
    return jax().nn.relu(x)


def conv(x, pair, padding):
    """A convolution with filters (O, I, k, k)."""
    w, b = pair
    return jax().lax.conv_general_dilated(x, w, (1, 1), padding,
                                          dimension_numbers=("NHWC", "OIHW", "NHWC")) + b


def pool(x):
    """The largest of 2 x 2."""
    lax, size = jax().lax, (1, 2, 2, 1)
    return lax.reduce_window(x, -float("inf"), lax.max, size, size, "VALID")


def flat(x):
    """Rows, ordered as those of images (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


# --- contenders -----------------------------------------------------------------------------------

class InJax(Contender):
    """What both have in common."""

    def peak(self):
        """None: what a step holds at most is not told."""
        return None

    def around(self):
        """What times depend on in this process, and JAX's version."""
        found = super().around()
        return found | {"versions": found["versions"] | {"jax": jax().__version__}}


class Training(InJax):
    """One step of momentum SGD on `network`, x of `shape`."""

    def __init__(self, network, shape):
        jnp, random = jax().numpy, jax().random
        x, y = batch(shape)
        self.x = jnp.asarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
        self.y, self.key = jnp.asarray(y), random.key(0)

        def loss(weights, keep):
            pairs = list(zip(weights[::2], weights[1::2], strict=True))
            logs = jax().nn.log_softmax(network(pairs, self.x, keep))
            return -jnp.take_along_axis(logs, self.y[:, None], 1).mean()

        def update(weights, velocities, keep):
            value, gradients = jax().value_and_grad(loss)(weights, keep)
            velocities = [MOMENTUM * v + g for v, g in zip(velocities, gradients, strict=True)]
            return value, [w - LR * v for w, v in zip(weights, velocities, strict=True)], velocities

        def drawn(weights, velocities, key):
            key, sub = random.split(key)
            return *update(weights, velocities, lambda k, shape: random.bernoulli(
                random.fold_in(sub, k), 1 - RATE, shape)), key

        def given(weights, velocities, masks):
            return update(weights, velocities, lambda k, shape: masks[k])

        self.drawn = jax().jit(drawn, donate_argnums=(0, 1))
        self.given = jax().jit(given)

    def load(self, weights):
        """Start anew from these weights."""
        jnp = jax().numpy
        self.weights = [jnp.array(w) for w in weights]
        self.velocities = [jnp.zeros_like(w) for w in self.weights]

    def step(self):
        """The loss of a step."""
        loss, self.weights, self.velocities, self.key = jax().block_until_ready(
            self.drawn(self.weights, self.velocities, self.key))
        return loss

    def under(self, masks):
        """The loss of a step under `masks`."""
        loss, self.weights, self.velocities = self.given(
            self.weights, self.velocities, list(map(jax().numpy.asarray, masks)))
        return float(loss)


class DropoutAlone(InJax):
    """Forward and backward of dropout on an array of `shape`."""

    def __init__(self, p, shape):
        random = jax().random
        self.p, self.key = p, random.key(0)
        self.x, self.g = map(jax().numpy.asarray, input_and_gradient(shape))

        def both(x, g, key):
            key, sub = random.split(key)
            mask = random.bernoulli(sub, 1 - p, x.shape)
            y, back = jax().vjp(lambda x: x * mask / (1 - p), x)
            return y, *back(g), key

        self.both = jax().jit(both)

    def step(self):
        """Output and gradient."""
        y, gradient, self.key = jax().block_until_ready(self.both(self.x, self.g, self.key))
        return y, gradient

    def check(self):
        """ValueError unless it is dropout."""
        y, gradient = self.step()
        is_dropout(self.x, self.g, y, gradient, self.p, "JAX")
