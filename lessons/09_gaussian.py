# %% [markdown]
# # Gaussian and alpha dropout: does dropout have to silence anything?
#
# Dropout multiplies a unit by $0$ or by $1 / q$. Are the zeros what matters, or only how much the
# factor varies? Gaussian dropout takes normal numbers of the same mean and variance instead. Eight
# factors of each at $p = 0.5$: in the second row nothing is silent, and some units change sign.

# %%
import numpy as np

import minidrop as md
from minidrop.lesson import quick
from minidrop.plots import DARK, LIGHT, MIDDLE, save_figure, subplots

p = q = 0.5
mask, noise = md.dropout_mask(0, 8, p), md.gaussian_noise(2, 8, p)
print("   dropout ", "".join(f"{factor:7.2f}" for factor in mask / q))
print("   Gaussian", "".join(f"{factor:7.2f}" for factor in noise))
assert (noise != 0).all() and (noise < 0).any()

# %% [markdown]
# ## The equations
#
# $$ \varepsilon_i \sim \mathcal{N}(1, \sigma^2), \quad \sigma^2 = p / q \tag{gaussian.1} $$
#
# $$ y_i = \varepsilon_i \, x_i \tag{gaussian.2} $$
#
# ## In array code

# %%
x, noise = np.array([2.0, 4.0]), np.array([1.5, 0.5])
print("   x", x, " noise", noise, " y", noise * x)
assert np.array_equal(noise * x, md.gaussian_dropout(x, noise))

# %% [markdown]
# ## Two moments agree, the fourth does not
#
# Dropout's moments are sums over two masks. Those of a normal number are integrals, and equal to
# sums over the five points and weights of Gauss and Hermite. Mean and variance agree, but:
#
# $$ \mathbb{E}[(\varepsilon_i - 1)^4] = 3 \, \frac{p^2}{q^2}, \qquad
#    \mathbb{E}\big[(\tfrac{m_i}{q} - 1)^4\big] = p + \frac{p^4}{q^3} \tag{gaussian.4} $$

# %%
nodes, weights = np.polynomial.hermite_e.hermegauss(5)
weights /= weights.sum()
moments = {"Gaussian": [(weights * nodes**k).sum() for k in (1, 2, 4)],    # sigma = 1 at p = 0.5
           "dropout": [p * (0 - 1) ** k + q * (1 / q - 1) ** k for k in (1, 2, 4)]}
for name, (mean, variance, fourth) in moments.items():
    print(f"   {name:8}  mean {1 + mean:.3f}  variance {variance:.3f}  fourth moment {fourth:.3f}")
assert np.allclose(moments["Gaussian"], [0, 1, 3]) and np.allclose(moments["dropout"], [0, 1, 1])

# %% [markdown]
# But who sees one unit alone? The next layer adds many. For $n$ equal units the fourth moment of
# the sum is $3 + (\kappa - 3) / n$ squared variances, where $\kappa$ is that of one unit: 1 for
# dropout, 3 for a normal number. Over all $2^{12}$ masks twelve units are nearly normal already:

# %%
sums = (md.all_masks(12) / q - 1).sum(1)          # at p = 0.5 every mask is as likely
kurtosis = (sums**4).mean() / (sums**2).mean() ** 2
print(f"   fourth moment of the sum of 12 units: {kurtosis:.4f} squared variances")
assert np.isclose(kurtosis, 3 - 2 / 12)

# %% [markdown]
# ## Where the variance itself matters
#
# SELU, $1.051 \, x$ for $x > 0$ and $1.758 \, (e^x - 1)$ below, keeps activations at mean 0 and
# variance 1, with weights of variance $1 / n$. Either noise multiplies their mean square by
# $1 + p / q$. The next SELU layer takes part of it back. Alpha dropout silences to SELU's lowest
# value, $\alpha' = -1.758$, instead of 0. Then it stretches and shifts so that 0 and 1 are kept, by
# $a = 1 / \sqrt{q \, (p \, \alpha'^2 + 1)}$ and $b = - a \, p \, \alpha'$ from (alpha.4):
#
# $$ y_i = a \, (m_i \, x_i + \alpha' (1 - m_i)) + b \tag{alpha.2} $$

# %%
alpha = md.selu(np.array([-1e3]))[0]
a = 1 / np.sqrt(q * (p * alpha**2 + 1))
b = -a * p * alpha
x, m = np.array([1.0, -1.0, 0.0]), np.array([True, False, True])
y = a * (m * x + alpha * (1 - m)) + b
print("   x", x, " mask", m.astype(int), " y", y.round(3))
assert np.allclose(y, md.alpha_dropout(x, m, p)) and np.allclose((a, b), md.alpha_affine(p))

# %% [markdown]
# Sixteen such layers, with noise after each. Inputs are normal, weights are drawn, not trained; the
# variances are means over six seeds.

# %%
layers, width, seeds = 16, quick(256, 128), range(quick(6, 1))
KINDS = {"none": md.nn.Identity, "alpha": lambda: md.AlphaDropout(rate),
         "dropout": lambda: md.Dropout(rate), "Gaussian": lambda: md.GaussianDropout(rate)}


def variances(noise, seed):
    h, found = md.gaussian(md.Stream(seed, "inputs"), (quick(400, 200), width)), []
    for k in range(layers):
        w = md.gaussian(md.Stream(seed, f"weights {k}"), (width, width)) / width**0.5
        h = noise().init(seed=1000 * seed + k)(md.selu(h @ w.T))
        found.append(h.var())
    return found
runs = {}
for rate in (0.1, 0.5):
    for name, noise in KINDS.items():
        found = runs[rate, name] = np.array([variances(noise, seed) for seed in seeds])
        print(f"   p = {rate}  {name:9} variance after 1, 8, 16 layers:",
              *(f"{v:6.2f}" for v in found.mean(0)[[0, 7, 15]]))
    assert runs[rate, "alpha"].min() > 0.8 and runs[rate, "alpha"].max() < 1.5
    ratio = runs[rate, "Gaussian"][:, -1].mean() / runs[rate, "dropout"][:, -1].mean()
    assert 0.8 < ratio < 1.25
for name in ("dropout", "Gaussian"):
    mild, strong = (runs[rate, name].mean(0) for rate in (0.1, 0.5))
    assert mild[15] - mild[7] < (mild[7] - mild[0]) / 2 and (np.diff(strong) > 0).all()

# %%
figure, (left, right) = subplots(1, 2, width_ratios=(1, 1.5))
digit = md.data.digits().train[0][0].reshape(8, 8)
digit = (digit - digit.mean()) / digit.std()
mask, noise = md.dropout_mask(3, (8, 8), p), md.gaussian_noise(3, (8, 8), p)
tiles = {"x": digit, "dropout": md.dropout(digit, mask, p),
         "Gaussian": md.gaussian_dropout(digit, noise), "alpha": md.alpha_dropout(digit, mask, p)}
for i, (name, tile) in enumerate(tiles.items()):
    row, column = 11 * (i // 2), 10 * (i % 2)
    left.imshow(tile, vmin=-3, vmax=3, extent=(column, column + 8, row + 8, row))
    left.text(column, row - 0.4, name)
left.set(title="a digit, p = 0.5", xlim=(0, 18), ylim=(19, -2), xticks=[], yticks=[])
left.spines[:].set_visible(False)
for name, line, colour in (("dropout", "-", DARK), ("Gaussian", ":", MIDDLE),
                           ("alpha", "-", LIGHT), ("none", "--", "black")):
    right.plot(range(1, layers + 1), runs[0.5, name].mean(0), line, color=colour, label=name)
right.set(xlabel="layer", ylabel="variance", yscale="log", title="SELU layers, p = 0.5")
right.legend()
path = save_figure(figure, "gaussian")

# %% [markdown]
# So: no, not for this effect. Gaussian dropout silences nothing, and its variances are nearly those
# of dropout. Both level off at $p = 0.1$, the most that is recommended for SELU, and grow on at
# $p = 0.5$. What counts is how much the factor varies, not its zeros. For learning, see exercise 2.
#
# ## Exercises, and tasks: `minidrop grade start gaussian alpha`
#
# 1. Put ReLU and weights of variance $2 / n$ in the place of SELU. By which factor a layer must the
#    variance grow, by (dropout.3), with dropout and with Gaussian dropout?
# 2. Put `md.GaussianDropout` into the network of the lesson on overfitting. Does the test loss
#    differ from that with `md.Dropout`, at $p = 0.5$? Give an interval over eight seeds.
#
# ## References
#
# - Srivastava and others (2014), Dropout: a simple way to prevent neural networks from overfitting,
#   JMLR 15, section 10.
# - Klambauer and others (2017), Self-normalizing neural networks, arXiv:1706.02515.
