"""`cupy.ndarray` on a CPU: a NumPy array in a private slot, which NumPy itself cannot see."""

import numpy as np

SCALARS = {bool, int, float, complex}
DTYPES = frozenset("?bBhHiIlLqQefdFD")  # a GPU has no objects, strings, dates or long doubles


def unsupported(x):
    return TypeError(f"Unsupported type {type(x)}")


def wrap(result, source=None):
    """What NumPy returned, as CuPy returns it; `source` is the array that it may be a view of."""
    if type(result) is not np.ndarray:
        if isinstance(result, (tuple, list)):
            made = [wrap(r, source) for r in result]
            return tuple(made) if isinstance(result, tuple) else made
        if not isinstance(result, np.generic):
            return result
        result = np.asarray(result)  # a reduction over everything stays on the device, as 0-d array
    if result.dtype.char not in DTYPES:
        raise ValueError(f"Unsupported dtype {result.dtype}")
    base = None
    if source is not None:
        if result is source._a:
            return source
        owner = result.base
        if owner is not None and (owner is source._a or owner is source._a.base):
            base = source if source.base is None else source.base
    array = object.__new__(ndarray)
    array._a = result
    array.base = base
    return array


def unwrap(x):
    """An argument for NumPy: device arrays opened, in tuples and lists too; NumPy's refused."""
    if type(x) is ndarray:
        return x._a
    if isinstance(x, np.ndarray):
        raise unsupported(x)
    if isinstance(x, (tuple, list)):
        return type(x)([unwrap(item) for item in x])
    return x


def operand(x):
    """As `unwrap`, where CuPy takes arrays and scalars only: the arguments of a ufunc."""
    if type(x) is ndarray:
        return x._a
    if type(x) in SCALARS or isinstance(x, np.generic):
        return x
    raise unsupported(x)


def holds_array(x):
    return type(x) is ndarray or isinstance(x, (tuple, list)) and any(map(holds_array, x))


def load(a):
    """The other half of pickling."""
    return wrap(a)


class Flags:
    """CuPy's flags: no `writeable`, no `aligned`."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata, self.fnc, self.forc = flags.owndata, flags.fnc, flags.forc

    def __getitem__(self, name):
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return getattr(self, name.lower())


class ndarray:
    """What is written out here differs from NumPy; `methods.py` adds the rest of CuPy's names."""

    __slots__ = ("_a", "base", "__weakref__")
    __module__ = "cupy"
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        self._a, self.base = np.empty(shape, dtype, order=order), None

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` "
                        "to construct a NumPy array explicitly.")

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self._a.__dlpack__(max_version=max_version, copy=copy)

    def __dlpack_device__(self):
        return 2, 0                               # CUDA, the first

    def get(self, stream=None, order="C", out=None, blocking=True):
        if out is None:
            return self._a.copy(order)
        out[...] = self._a
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if (self._a.dtype, self._a.shape) != (arr.dtype, arr.shape):
            raise ValueError(f"Shape or dtype mismatch: {arr.dtype}{arr.shape} set to "
                             f"{self._a.dtype}{self._a.shape}")
        self._a[...] = arr

    flags = property(lambda self: Flags(self._a.flags))

    # No __index__ and no __contains__: CuPy has neither, so `range(x.max())` fails there too.
    def __len__(self):
        return len(self._a)

    def __iter__(self):
        if self._a.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._a)))

    def __float__(self):
        return float(self._a)

    def __int__(self):
        return int(self._a)

    def __complex__(self):
        return complex(self._a)

    def __bool__(self):
        return bool(self._a)

    def __repr__(self):
        return repr(self._a)

    def __str__(self):
        return str(self._a)

    def __format__(self, spec):
        return format(self._a, spec)

    def __copy__(self):
        return wrap(self._a.copy())

    def __deepcopy__(self, memo):
        return wrap(self._a.copy())

    def __reduce__(self):
        return load, (self.get("A"),)

    def __getitem__(self, key):
        index = unwrap(key)
        result = self._a[index]
        if isinstance(result, np.generic):  # in CuPy one element is a view: x[0].fill(1) changes x
            result = self._a[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return wrap(result, self)

    def __setitem__(self, key, value):
        index = unwrap(key)
        arrays = [i for i in (index if isinstance(index, tuple) else (index,))
                  if isinstance(i, (np.ndarray, list))]
        if type(value) is ndarray and value._a.ndim:
            if value._a.ndim > np.ndim(self._a[index]):
                raise ValueError("Out shape is mismatched")
            if arrays:
                self._refuse_repeats(index)
        elif isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]  # CuPy fills with it, as with a scalar
        elif isinstance(value, (list, tuple)) and not arrays:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._a[index] = unwrap(value)

    def _refuse_repeats(self, index):
        """On a GPU the threads race: which of the values stays is undefined."""
        positions = np.arange(self._a.size).reshape(self._a.shape)[index]
        if np.unique(positions).size < positions.size:
            raise ValueError("an index occurs twice in x[index] = values: CuPy leaves the result "
                             "undefined")
