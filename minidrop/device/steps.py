"""Steps of optimizers on a GPU: those of many parameters in one launch.

The twins are `update` of optim.sgd and optim.adam, some ten launches for each parameter.

Why it is fast.  A network has tens of parameters, most of them small, so that a step is a matter of
launches.  The kernels are told where the parameters, gradients and states of up to MOST parameters
lie, in a table that travels with the launch; entry i belongs to the first whose end is above i.
A parameter has its own decay and count of steps, which are in the table as well.
"""

from itertools import accumulate

from ..xp import array_module
from .launch import Kernel, fits

MOST = 56                                         # parameters in a launch: a table is below 4 kB
COLUMNS = ("w", "g", "first", "second"), ("a", "b", "c")
TABLE = array_module().dtype([
    (name, kind, MOST) for kind, names in zip(("int64", "uint64", "float64"), (("ends",), *COLUMNS),
                                              strict=True) for name in names])
SOURCE = f"#define MOST {MOST}" + """
struct Table {
    long long ends[MOST];
    T *w[MOST], *g[MOST], *first[MOST], *second[MOST];
    double a[MOST], b[MOST], c[MOST];             // numbers that each parameter has for itself
};

__device__ int owner(const Table &table, long long i) {          // how many ends are not above i
    int p = 0;
    for (int half = 32; half; half /= 2)
        if (p + half <= MOST && table.ends[p + half - 1] <= i) p += half;
    return p;
}

#define ENTRIES(table, n) EACH(i, n) { \\
    int p = owner(table, i); \\
    long long at = i - (p ? table.ends[p - 1] : 0);

// a: the weight decay
extern "C" __global__ void sgd(Table table, long long n, double lr, double momentum,
                               long long nesterov) {
    ENTRIES(table, n)
        T *w = table.w[p] + at, *v = table.first[p] + at;
        T g = table.g[p][at];
        if (table.a[p]) g += (T)table.a[p] * *w;                            // Eq. (sgd.1)
        *v = (T)momentum * *v + g;                                          // Eq. (sgd.2)
        *w -= (T)lr * (nesterov ? g + (T)momentum * *v : *v);               // Eq. (sgd.3), (sgd.4)
    }
}

// a: the weight decay, b and c: 1 - beta1^t and 1 - beta2^t
extern "C" __global__ void adam(Table table, long long n, double lr, double beta1, double beta2,
                                double eps, long long decoupled) {
    ENTRIES(table, n)
        T *w = table.w[p] + at, *m = table.first[p] + at, *v = table.second[p] + at;
        T g = table.g[p][at];
        if (table.a[p] && decoupled) *w *= (T)(1 - lr * table.a[p]);        // Eq. (adam.6)
        else if (table.a[p]) g += (T)table.a[p] * *w;                       // Eq. (adam.5)
        *m = (T)beta1 * *m + (T)(1 - beta1) * g;                            // Eq. (adam.1)
        *v = (T)beta2 * *v + (T)(1 - beta2) * (g * g);                      // Eq. (adam.2)
        T size = sqrt(*v / (T)table.c[p]) + (T)eps;                         // Eq. (adam.3)
        *w -= (T)(lr / table.b[p]) * *m / size;                             // Eq. (adam.4)
    }
}
"""
SGD, ADAM = Kernel(SOURCE, "sgd"), Kernel(SOURCE, "adam")


def launched_by(launch):
    """Say of a rule `update` which `launch(optimizer, rows)` makes the same steps on a GPU.

    A row is ((w, g, *state), decay, t) of one parameter.
    """
    def mark(update):
        update.launch = launch
        return update

    return mark


def runs(arrays):
    """Whether the kernels take a parameter with its gradient and state."""
    return bool(arrays) and fits(*arrays) and all(array.flags.c_contiguous for array in arrays)


def sgd(rule, rows):
    """A step of SGD."""
    rows = [(arrays, (decay, 0, 0)) for arrays, decay, _ in rows]
    _launch(SGD, rows, float(rule.lr), float(rule.momentum), int(rule.nesterov))


def adam(rule, rows):
    """A step of Adam or AdamW."""
    rows = [(arrays, (decay, 1 - rule.beta1**t, 1 - rule.beta2**t)) for arrays, decay, t in rows]
    _launch(ADAM, rows, *map(float, (rule.lr, rule.beta1, rule.beta2, rule.eps)),
            int(rule.decoupled))


def _launch(kernel, rows, *numbers):
    for dtype in sorted({arrays[0].dtype.name for arrays, _ in rows}):
        alike = [row for row in rows if row[0][0].dtype.name == dtype]
        for i in range(0, len(alike), MOST):
            table, n = _table(alike[i:i + MOST])
            kernel.each(n, table, n, *numbers, dtype=dtype)


def _table(rows):
    """The table of some parameters, as a NumPy array that CuPy passes by value, and their size."""
    table, (pointers, reals) = array_module().zeros(1, TABLE), COLUMNS
    arrays, values = zip(*rows, strict=True)
    ends = list(accumulate(own[0].size for own in arrays))
    table["ends"][0] = ends + ends[-1:] * (MOST - len(ends))
    for name, column in zip(pointers, zip(*arrays, strict=True), strict=False):
        table[name][0, :len(ends)] = [array.data.ptr for array in column]
    for name, column in zip(reals, zip(*values, strict=True), strict=True):
        table[name][0, :len(ends)] = column
    return table, ends[-1]
