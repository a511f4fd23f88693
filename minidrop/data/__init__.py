"""Data sets as splits: `data.train`, `data.validation` and `data.test` are pairs (x, y).

x is float32, y int64.  How each set is cut never changes:

| set | train | validation | test |
|---|---|---|---|
| `digits` | the first 1,197, in the order of Stream(0, "digits") | the next 300 | the last 300 |
| `mnist`, `fashion` | the first 50,000 of the training files | their last 10,000 | t10k, 10,000 |
| `cifar10` | data_batch_1 to 4, 40,000 | data_batch_5, 10,000 | test_batch, 10,000 |
| `cifar100` | the first 40,000 of train.bin | its last 10,000 | test.bin, 10,000 |
| `svhn` | the first 63,257 of train_32x32 | its last 10,000 | test_32x32, 26,032 |
| `usps` | the first 6,291 of usps | its last 1,000 | usps.t, 2,007 |
| `moons`, `spirals`, `blobs`, `shapes` | three fifths of `n` | a fifth | a fifth |

The last line is made on the spot: points in the plane and coloured 32 x 32 pictures, with noise and
difficulty as asked for.  `digits` travels in the package.  The others are found in the folder
MINIDROP_DATA or in the user's cache folder, as the published archive or unpacked, and are otherwise
downloaded (which needs `pip install "minidrop[data]"`).  Every file is held against its published
checksum before it is read, and nothing is ever unpickled.
"""

from .digits import digits
from .images import cifar10, cifar100, fashion, mnist, svhn, usps
from .splits import Splits
from .synthetic import blobs, moons, shapes, spirals

__all__ = ["Splits", "blobs", "cifar10", "cifar100", "digits", "fashion", "mnist", "moons",
           "shapes", "spirals", "svhn", "usps"]
