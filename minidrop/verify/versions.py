"""Which versions an answer depends on: minidrop, NumPy, the framework, and who wrote it."""

import platform
from importlib import metadata

from .. import __version__


def versions_of(impl, framework):
    """{name: version} of what takes part, as far as it is an installed distribution.

    >>> import numpy as np
    >>> [*versions_of(np.multiply, "numpy")]
    ['minidrop', 'python', 'numpy']
    """
    home = (getattr(impl, "__module__", None) or type(impl).__module__).partition(".")[0]
    versions = {"minidrop": __version__, "python": platform.python_version()}
    for name in ("numpy", framework, home):
        try:
            versions[name] = versions.get(name) or metadata.version(name)
        except (metadata.PackageNotFoundError, ValueError):
            continue                              # a file, or a module of this Python
    return versions
