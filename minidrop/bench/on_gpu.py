"""The workloads on a GPU, in minidrop on CuPy and in PyTorch: timed by events of the GPU.

Both compute in float32 without TF32, on one stream.  An event is a mark in the queue of the GPU;
the time between two of them is the GPU's own, with what it waited for launches.  Not yet run on a
GPU: the tests hold the arithmetic on a stand-in.
"""

import os

from ..placement import beside
from ..tape import Tensor
from ..xp import backend_module, host
from . import in_torch, ours
from .contender import Contender, is_dropout
from .torch_layers import reference
from .worker import Library
from .workloads import RATE, WORKLOADS

DEVICE = "cuda"             # PyTorch's name of it
FACTS = {"tf32": "off"}     # on both sides


def minidrops(name):
    """The workload `name` in minidrop, on CuPy."""
    os.environ["CUPY_TF32"] = "0"                 # CuPy reads it when it is imported
    _, network, shape = WORKLOADS[name]
    return Training(network, shape) if network else DropoutAlone(RATE, shape)


def torchs(name, channels_last=False):
    """The workload `name` in PyTorch; ValueError where it sees no GPU."""
    torch = reference()
    if DEVICE == "cuda" and not torch.cuda.is_available():
        raise ValueError("bench on a GPU compares with PyTorch, which sees none: install a build "
                         "of it for CUDA, as pytorch.org says")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    _, network, shape = WORKLOADS[name]
    return (TorchTraining(network, shape, channels_last) if network
            else TorchDropoutAlone(RATE, shape))


LIBRARIES = {
    "minidrop": Library("minidrop", "minidrop", f"{__name__}:minidrops", digits=4),
    "torch": Library("PyTorch", "torch", f"{__name__}:torchs", digits=4),
    "torch-tuned": Library("PyTorch tuned", "torch", f"{__name__}:torchs",
                           options={"channels_last": True}, digits=3),
}


def timed(steps, n, event, seconds):
    """Seconds between two events around n calls, behind one that is not timed."""
    steps()
    start, end = event(), event()
    start.record()
    for _ in range(n):
        steps()
    end.record()
    end.synchronize()
    return seconds(start, end)


class OnCuPy(Contender):
    """What minidrop's contenders do otherwise on a GPU."""

    def clock(self, n):
        """Seconds that n steps take, by CuPy's events."""
        cuda = backend_module("cupy").cuda
        return timed(self.step, n, cuda.Event,
                     lambda start, end: cuda.get_elapsed_time(start, end) / 1e3)

    def peak(self):
        """MB that the pool grows by: it keeps what a step has held at most."""
        pool = backend_module("cupy").get_default_memory_pool()
        self.step()
        pool.free_all_blocks()
        before = pool.used_bytes()
        self.step()
        return (pool.total_bytes() - before) / 1e6

    def around(self):
        """What times depend on."""
        cupy = backend_module("cupy")
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"]
        found = super().around()
        return found | {"versions": found["versions"] | FACTS | {
            "cupy": cupy.__version__, "gpu": name.decode(),
            "cuda": cupy.cuda.runtime.runtimeGetVersion()}}


class Training(OnCuPy, ours.Training):
    """One step of momentum SGD, on the GPU."""

    def __init__(self, network, shape):
        super().__init__(network, shape)
        self.x, self.y = beside((self.x, self.y), "cupy")

    def start(self):
        """Start anew; a copy of the first weights, on the host."""
        weights = super().start()
        self.net.to("cupy")
        return weights

    def observed(self):
        """The loss of a step, and its masks on the host."""
        loss, masks = super().observed()
        return loss, [host(mask) for mask in masks]


class DropoutAlone(OnCuPy, ours.DropoutAlone):
    """Dropout forward and backward, on the GPU."""

    def __init__(self, p, shape):
        super().__init__(p, shape)
        self.drop.to("cupy")
        x, self.g = beside((self.x.data, self.g), "cupy")
        self.x = Tensor(x, requires_grad=True)

    def check(self):
        """ValueError unless it is dropout."""
        x, g, y, gradient = map(host, (self.x.data, self.g, *self.step()))
        is_dropout(x, g, y, gradient, self.p, "minidrop")


class OnTorchsGPU(Contender):
    """What PyTorch's contenders do otherwise on a GPU."""

    def clock(self, n):
        """Seconds that n steps take, by PyTorch's events."""
        cuda = reference().cuda
        return timed(self.step, n, lambda: cuda.Event(enable_timing=True),
                     lambda start, end: start.elapsed_time(end) / 1e3)

    def peak(self):
        """MB of tensors that a step holds at most."""
        cuda = reference().cuda
        self.step()
        cuda.reset_peak_memory_stats()
        before = cuda.memory_allocated()
        self.step()
        return (cuda.max_memory_allocated() - before) / 1e6

    def around(self):
        """What times depend on."""
        found = super().around()
        return found | {"versions": found["versions"] | FACTS}


class TorchTraining(OnTorchsGPU, in_torch.Training):
    """One step of momentum SGD, on the GPU."""

    def __init__(self, network, shape, channels_last=False):
        super().__init__(network, shape, channels_last)
        self.net.to(DEVICE)                       # the same parameters, so the optimizer's too
        self.x, self.y = self.x.to(DEVICE), self.y.to(DEVICE)


class TorchDropoutAlone(OnTorchsGPU, in_torch.DropoutAlone):
    """Dropout forward and backward, on the GPU."""

    def __init__(self, p, shape):
        super().__init__(p, shape)
        self.g, self.x = self.g.to(DEVICE), self.x.detach().to(DEVICE).requires_grad_()

    def check(self):
        """ValueError unless it is dropout."""
        x, g, y, gradient = (t.detach().cpu().numpy() for t in (self.x, self.g, *self.step()))
        is_dropout(x, g, y, gradient, self.p, "PyTorch")
