"""Functions of JAX that take a key, right and wrong."""

import jax
import jax.numpy as jnp

from tests.verify.gallery import Right, Shelf, Wrong

right, wrong = Shelf(Right), Shelf(Wrong)
KEY = 7                                           # made once, for all calls


def inverse(q):
    """1 / q, and 0 for q = 0."""
    return 1 / q if q > 0 else 0.0


@right("dropout")
def selected(x, p, key, training=True):
    """x / q or 0, by jnp.where."""
    if not training:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x * inverse(1 - p), 0.0)


@right("dropout")
def multiplied(key, x, rate, deterministic=False):
    """The key first, and a mode that is named after what does not happen."""
    if deterministic:
        return x
    keep = jax.random.uniform(key, x.shape) >= rate
    return x * keep.astype(x.dtype) * inverse(1 - rate)


@right("gaussian")
def normal_factors(x, p, key, training=True):
    """Normal numbers of mean 1 and the deviation sqrt(p / q)."""
    if not training:
        return x
    return x * (1 + (p / (1 - p)) ** 0.5 * jax.random.normal(key, x.shape, x.dtype))


@wrong("dropout", "dropout.1", museum=5)
def key_made_once(x, p, key=None, training=True):
    """(dropout.1): does not use the key that is given, but one of its own."""
    keep = jax.random.bernoulli(jax.random.PRNGKey(KEY), 1 - p, x.shape)
    return jnp.where(keep, x * inverse(1 - p), 0.0) if training else x


@wrong("dropout", "dropout.1")
def one_mask_for_the_batch(x, p, key, training=True):
    """(dropout.1): all examples share a mask, as under vmap with one key."""
    if not training:
        return x
    one = lambda row: jnp.where(jax.random.bernoulli(key, 1 - p, row.shape),
                                row * inverse(1 - p), 0.0)
    return jax.vmap(one)(x)


@wrong("dropout", "dropout.2")
def stopped_at_the_output(x, p, key, training=True):
    """(dropout.2): stops the gradient where x is kept, too."""
    y = selected(x, p, key, training)
    return jax.lax.stop_gradient(y) + 0 * x if training else y


RIGHT, WRONG = tuple(right), tuple(wrong)
