"""Where a run computes: the argument, `using`, MINIDROP_BACKEND; what moves, and comes back."""

import importlib
import sys
import weakref

import numpy as np
import pytest
from click.testing import CliRunner

import minidrop as md
from minidrop import nn
from minidrop.claims import CLAIMS
from minidrop.cli import main
from minidrop.doctor import report
from minidrop.placement import home, placed, runs
from minidrop.xp import asked, backend_of, host, using
from tests import strict
from tests.compilers import needs_gcc

pytestmark = pytest.mark.slow
N = 24
X = np.random.default_rng(0).normal(size=(N, 6)).astype("float32")
Y = np.arange(N) % 3


def network():
    return nn.Sequential(nn.Linear(6, 8), md.BatchNorm(8), nn.ReLU(), md.Dropout(0.5),
                         nn.Linear(8, 3)).init(0)


def fit(net, epochs=2, optimizer=None, data=(X, Y), **options):
    return md.fit(net, optimizer or md.optim.SGD(0.1, momentum=0.9), data, epochs, batch_size=8,
                  progress=False, **options)


def places(net, optimizer):
    """The backends of everything that a run holds."""
    arrays = [*net.state_dict().values(), *(a for arrays in optimizer.state.values()
                                            for a in arrays)]
    masks = [m.noise for _, m in net.named_modules() if isinstance(m, nn.Noise)]
    streams = [m.rng.backend for _, m in net.named_modules() if isinstance(m, nn.Noise)]
    return {backend_of(a) for a in [*arrays, *masks]} | {*streams}


def test_a_run_computes_there_and_everything_comes_back(xp, backend):
    net, sgd, seen = network(), md.optim.SGD(0.1, momentum=0.9), []

    def recorder(step, net, loss):
        seen.append(places(net, sgd) | {backend_of(loss)})

    history = fit(net, optimizer=sgd, backend=backend, recorder=recorder,
                  data=md.data.Splits((X, Y), (X, Y), None))
    assert seen == [{backend}] * 6 and places(net, sgd) == {"numpy"}
    assert type(history.loss) is type(history.validation_loss) is np.ndarray
    plain = network()
    np.testing.assert_allclose(history.loss, fit(plain).loss, rtol=1e-5)
    np.testing.assert_allclose(net.linear1.weight.data, plain.linear1.weight.data, atol=1e-6)
    np.testing.assert_array_equal(net.dropout1.noise, plain.dropout1.noise)      # the same masks


def test_the_argument_comes_before_using_and_using_before_the_environment(xp, backend,
                                                                           monkeypatch):
    assert asked() is None
    monkeypatch.setenv("MINIDROP_BACKEND", backend)
    assert asked() == backend and asked("numpy") == "numpy"
    with using("numpy"):
        assert asked() == "numpy" and asked(backend) == backend
        with using(None):
            assert asked() == "numpy"
    assert asked() == backend
    seen = []
    fit(network(), recorder=lambda step, net, loss: seen.append(home(net)))
    assert {*seen} == {backend}
    monkeypatch.setenv("MINIDROP_BACKEND", "")
    assert asked() is None


def test_data_go_where_the_network_is(xp, backend):
    net, plain = network().to(backend), network()
    due, found = fit(plain), fit(net)
    np.testing.assert_allclose(found.loss, due.loss, rtol=1e-5)
    assert home(net) == backend
    assert md.evaluate(net, (X, Y)).accuracy == md.evaluate(plain, (X, Y)).accuracy
    both = [md.full_gradient(one, (X, Y)) for one in (net, plain)]
    np.testing.assert_allclose(host(both[0]), both[1], atol=1e-5)
    curved = [md.largest_curvature(one, (X, Y)).value for one in (net, plain)]
    assert curved[0] == pytest.approx(curved[1], rel=1e-2)


def test_a_network_comes_back_after_an_error_too(xp, backend):
    net, sgd = network(), md.optim.SGD(0.1, momentum=0.9)

    def recorder(step, net, loss):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(net, optimizer=sgd, backend=backend, recorder=recorder)
    assert places(net, sgd) == {"numpy"}


@pytest.mark.parametrize("there", [True, False])
def test_a_broken_off_run_goes_on_from_its_file_on_either_backend(there, xp, backend, tmp_path):
    due, path = fit(network(), epochs=3).loss, tmp_path / "run"

    def stop(step, net, loss):
        if step == 4:
            raise ZeroDivisionError

    first, second = (backend, "numpy") if there else ("numpy", backend)
    with pytest.raises(ZeroDivisionError):
        fit(network(), epochs=3, backend=first, checkpoint=path, recorder=stop)
    net, sgd = network(), md.optim.SGD(0.1, momentum=0.9)
    found = fit(net, 3, sgd, backend=second, checkpoint=path)
    np.testing.assert_allclose(found.loss, due, rtol=1e-5)
    assert places(net, sgd) == {"numpy"}


def test_recorders_see_a_run_that_is_elsewhere(xp, backend):
    found = []
    for there in (backend, "numpy"):
        net = network()
        recorders = [md.SWA(net, 1, 1), md.WeightPath(net, [0, 2, 5]),
                     md.Dynamics(net, (X, Y), [0, 3, 6], batches=3, batch_size=8)]
        inner = md.EMA(net, 0.5)                  # one that `fit` does not know
        fit(net, backend=there, recorder=[*recorders, lambda *step: inner(*step)])  # noqa: B023
        average, path, curves = recorders
        found.append([average.average(X).linear1.weight.data, inner.average(X).linear1.weight.data,
                      path.weights, curves.gradient_norm, curves.model_distance])
    for there, plain in zip(*found, strict=True):
        assert backend_of(there) == "numpy"
        np.testing.assert_allclose(there, plain, atol=1e-5)


def test_the_network_that_a_batch_transform_holds_moves_with_the_run(xp, backend):
    images = np.random.default_rng(1).random((N, 1, 4, 4)).astype("float32")
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).init(0)
    extractor = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AvgPool2d(2)).init(0)
    losses = [fit(net.init(0), data=(images, Y), backend=there,
                  batch=md.AttentiveCutMix(extractor, 1, 3)).loss for there in (backend, "numpy")]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert home(extractor) == home(net) == "numpy"


def test_what_is_placed_keeps_its_own_home(xp, backend):
    net, other = network(), network().to(backend)
    with placed(backend, net, other):
        assert home(net) == home(other) == backend
    assert (home(net), home(other)) == ("numpy", backend)


def test_a_move_that_fails_leaves_everything_where_it_was(xp, backend, monkeypatch):
    net, moved = network(), []

    def fails(array, name):
        moved.append(array)
        if len(moved) == 3:
            raise MemoryError("full")
        return to_backend(array, name)

    module = importlib.import_module("minidrop.nn.module")
    to_backend = module.to_backend
    monkeypatch.setattr(module, "to_backend", fails)
    with pytest.raises(MemoryError, match="full"):
        net.to(backend)
    assert {backend_of(a) for a in net.state_dict().values()} == {"numpy"}


# --- no device: three causes ---------------------------------------------------------------------

@pytest.fixture
def cupy():
    """The stand-in, whose GPU can be taken away."""
    yield strict.install()
    strict.uninstall()


@pytest.mark.parametrize("driver, gpus, seen, sentence", [
    (0, 0, None, "^backend 'cupy' needs a driver of NVIDIA, and none was found: install it until"),
    (11040, 0, None, "a driver for CUDA 12.9, and the one that was found is for CUDA 11.4: "),
    (12040, 0, None, "an NVIDIA GPU, and its driver found none: nvidia-smi must list one$"),
    (12040, 0, "", "must list one, and CUDA_VISIBLE_DEVICES is ''$"),
])
def test_what_a_gpu_lacks_is_told_in_one_sentence(driver, gpus, seen, sentence, cupy, monkeypatch):
    monkeypatch.setattr(cupy.cuda.runtime, "driverGetVersion", lambda: driver)
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    for call in (lambda: network().to("cupy"), lambda: fit(network(), backend="cupy"),
                 lambda: md.Stream(0).to("cupy")):
        with pytest.raises(ValueError, match=sentence):
            call()
    fit(network())                                # the host goes on


@pytest.mark.parametrize("lacking, words", [
    (["nvrtc"], "NVRTC"), (["cublas"], "cuBLAS"), (["nvrtc", "cublas"], "NVRTC and cuBLAS")])
def test_libraries_of_cuda_that_lack_are_told_before_anything_computes(lacking, words, cupy,
                                                                       monkeypatch):
    class Cuda:
        """Loads a library when it is asked for, as CuPy does."""

        def __getattr__(self, name):
            if name == "cublas" in lacking:
                raise ImportError("libcublas.so.12: cannot open shared object file")
            return getattr(cuda, name)

    def version():
        raise RuntimeError("No such file: libnvrtc.so*")

    cuda = cupy.cuda
    if "nvrtc" in lacking:
        monkeypatch.setattr(cuda.nvrtc, "getVersion", version)
    monkeypatch.setattr(cupy, "cuda", Cuda())
    md.xp._libraries.cache_clear()
    sentence = (f"^backend 'cupy' needs {words}, which CuPy does not find: pip install "
                r"'cupy-cuda12x\[ctk\]', or install CUDA 12$")
    for call in (lambda: network().to("cupy"), lambda: fit(network(), backend="cupy")):
        with pytest.raises(ValueError, match=sentence):
            call()
    assert dict(report())["GPU"].startswith(f"none: backend 'cupy' needs {words}, which")


@pytest.mark.parametrize("name, found", [("cupy", "is not installed"), ("numpy", "does not start")])
def test_a_package_that_is_missing_is_told_from_one_that_does_not_start(name, found, monkeypatch):
    def broken(asked):
        raise ImportError("no", name=name)

    monkeypatch.setattr(sys.modules["minidrop.xp"].importlib, "import_module", broken)
    with pytest.raises(ValueError, match=f"CuPy, which {found}: pip install 'minidrop.gpu.'$"):
        md.xp.backend_module("cupy")


def test_an_unknown_backend_is_named_where_it_came_from(monkeypatch):
    with pytest.raises(ValueError, match="backend must be one of 'numpy', 'cupy', got 'cuda'"):
        fit(network(), backend="cuda")
    monkeypatch.setenv("MINIDROP_BACKEND", "cuda")
    with pytest.raises(ValueError, match="MINIDROP_BACKEND must be one of 'numpy', 'cupy', got"):
        fit(network())


@needs_gcc
def test_doctor_tells_the_gpu_its_memory_and_what_does_not_run(cupy, monkeypatch):
    lines = dict(report())
    assert lines["GPU"] == ("strict stand-in, compute capability 9.0, CUDA 12.9, driver for CUDA "
                            "13.0")
    assert lines["GPU memory"] == ("3 GB of 8 GB free; the pool of this process holds 300 MB, "
                                   "100 MB of it in use")
    assert lines["backend"].startswith("numpy (MINIDROP_BACKEND")
    monkeypatch.setenv("MINIDROP_BACKEND", "cupy")
    assert dict(report())["backend"].startswith("cupy (MINIDROP_BACKEND")
    for name in ("arange", "RawKernel", "ones"):  # what CuPy compiles, what we do, a product
        with monkeypatch.context() as patch:
            patch.setattr(cupy, name, lambda *args: 1 // 0)
            assert dict(report())["GPU"].endswith("; but a first kernel does not run: integer "
                                                  "division or modulo by zero")
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    lines = dict(report())
    assert lines["GPU"].startswith("none: backend 'cupy' needs an NVIDIA GPU")
    assert lines["backend"].startswith("none: ") and "GPU memory" not in lines


# --- a GPU that is full --------------------------------------------------------------------------

def overflow(xp):
    """Ask for more memory than there is."""
    if "stand-in" in xp.__version__:
        raise xp.cuda.memory.OutOfMemoryError(12_340_000_000, 5_000_000_000)
    return xp.empty(1 << 50, "uint8")


FULL = (r"^the GPU is out of memory: \S+ GB were asked for, and \S+ GB of \S+ GB were free; take a "
        "smaller batch_size or model, or compute with backend='numpy'$")


def test_a_full_gpu_is_one_sentence_and_nothing_is_held(xp, backend):
    if xp is np:
        pytest.skip("the host says it in its own words")
    held, net, sgd = [], network(), md.optim.SGD(0.1, momentum=0.9)
    pool = xp.get_default_memory_pool()
    before = getattr(pool, "emptied", 0)          # the stand-in counts

    def loss(z, y):
        large = md.Tensor(xp.ones(1000))
        held.append(weakref.ref(large))
        overflow(xp)

    x, y = xp.asarray(X), xp.asarray(Y)
    for call in (lambda: fit(net, optimizer=sgd, backend=backend, loss=loss),
                 lambda: md.train_step(network().to(backend), sgd, x, y, loss)):
        with pytest.raises(MemoryError, match=FULL) as caught:
            call()
        assert type(caught.value.__cause__) is xp.cuda.memory.OutOfMemoryError
        assert held.pop()() is None               # its frames are let go of
    assert getattr(pool, "emptied", 2) - before == 2
    assert places(net, sgd) - {"numpy"} == set()
    due = fit(network()).loss
    np.testing.assert_array_equal(fit(net.init(0), optimizer=sgd).loss, due)


@pytest.mark.parametrize("last", range(1, 11))
def test_a_network_that_does_not_fit_stays_on_the_host(last, xp, backend, monkeypatch):
    if xp is np:
        pytest.skip("the host says it in its own words")
    net, sgd, taken = network(), md.optim.SGD(0.1), []
    net(X)                                        # there is a mask, the tenth of its arrays
    asarray = xp.asarray

    def full(array):
        taken.append(array)
        return overflow(xp) if len(taken) == last else asarray(array)

    monkeypatch.setattr(xp, "asarray", full)
    with pytest.raises(MemoryError, match=FULL):
        net.to(backend)
    monkeypatch.undo()
    assert places(net, sgd) == {"numpy"} and home(net) == "numpy" and len(fit(net).loss) == 6
    assert places(net.to(backend), sgd) == {backend}


SOME = FULL.replace(r"\S+ GB were", "more was", 1)
BEGINS = "CUBLAS_STATUS_NOT_INITIALIZED"


@pytest.mark.parametrize("words, free, told", [
    ("cudaErrorMemoryAllocation: out of memory", 3e9, True),
    ("CUDA_ERROR_OUT_OF_MEMORY: out of memory", 3e9, True),
    ("CUBLAS_STATUS_ALLOC_FAILED", 3e9, True),
    (BEGINS, 75e6, True),
    (BEGINS, 3e9, False),
    ("cudaErrorIllegalAddress: an illegal memory access was encountered", 3e9, False),
])
def test_memory_that_cuda_and_cublas_lack_is_told_too(words, free, told, cupy, monkeypatch):
    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", lambda: (free, 8 * 10**9))
    error = cupy.cuda.runtime.CUDARuntimeError(words)

    def loss(z, y):
        raise error

    net, sgd, x, y = network().to("cupy"), md.optim.SGD(0.1), cupy.asarray(X), cupy.asarray(Y)
    sentence = SOME.replace(r"\S+ GB of", r"\S+ [GM]B of") if told else words
    for call in (lambda: md.train_step(net, sgd, x, y, loss), lambda: fit(net, loss=loss),
                 lambda: md.evaluate(net, (x, y), loss)):
        with pytest.raises(MemoryError if told else RuntimeError, match=sentence):
            call()


def test_a_prediction_tells_a_full_gpu_too(xp, backend, monkeypatch):
    if xp is np:
        pytest.skip("the host says it in its own words")
    net = network().to(backend)
    monkeypatch.setattr(type(net.relu1), "forward", lambda self, x: overflow(xp))
    for call in (lambda: md.mc_predict(net, xp.asarray(X), 2), lambda: md.evaluate(net, (X, Y)),
                 lambda: md.units.mc.mc_moments(net, xp.asarray(X), 2)):
        with pytest.raises(MemoryError, match=FULL):
            call()


def test_an_error_of_others_stays_as_it_is_though_it_speaks_of_memory(cupy):
    def loss(z, y):
        raise RuntimeError("the host is out of memory")

    with pytest.raises(RuntimeError, match="^the host is"):
        fit(network(), loss=loss, backend="cupy")


def test_memory_of_the_host_is_told_as_before(xp):
    def loss(z, y):
        raise MemoryError("of the host")

    with pytest.raises(MemoryError, match="^of the host$"):
        fit(network(), loss=loss)


# --- the command line ----------------------------------------------------------------------------

def run(*args):
    result = CliRunner().invoke(main, args, prog_name="minidrop")
    return result.exit_code, result.output


def test_commands_compute_where_they_are_asked_to(xp, backend, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDROP_SMOKE", "1")
    code, text = run("lesson", "mlp", "--no-code", "--backend", backend)
    assert code == 0 and f"\nbackend: 2 runs of fit on {backend}\n" in text
    code, text = run("lesson", "tape", "--no-code", "--backend", backend)
    assert code == 0 and "backend: nothing here calls fit, so all was computed with NumPy" in text
    assert "backend:" not in run("lesson", "--backend", backend)[1]
    assert "backend:" not in run("lesson", "tape", "--no-code")[1]
    code, text = run("train", "mlp", "digits", "--epochs", "1", "--backend", backend)
    assert code == 0 and f"\nbackend: 1 run of fit on {backend}\n" in text


@pytest.mark.parametrize("name", [name for name in CLAIMS if name != "sample-cost"])
def test_claims_compute_where_they_are_asked_to(name, xp, backend):
    """The last arm of each; `sample-cost` times steps on the processor, and never fits."""
    claim, before = CLAIMS[name], runs[backend]
    epochs = 5 if "snapshot" in claim.techniques else 1       # that is a step for each cycle
    few = claim.scales["quick"] | {"epochs": epochs, "images": 64, "batch_size": 16, "passes": 2,
                                   "samples": 2, "lrs": [0.1], "sizes": [20], "turns": 1}
    with using(backend):
        claim.run(claim.arms[-1], 0, few, False)
    assert runs[backend] > before


def test_the_command_of_claims_says_where_they_computed(xp, backend, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("dropout", "sparsity"):
        small = CLAIMS[name].scales["quick"] | {"epochs": 1, "seeds": 1, "images": 64}
        monkeypatch.setitem(CLAIMS[name].scales, "quick", small)
        code, text = run("claims", "run", name, "--backend", backend)
        assert code == 0, text
        assert f"runs of fit on {backend}\n" in text


def test_a_command_that_cannot_compute_there_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    code, text = run("lesson", "mlp", "--backend", "cupy")
    assert code == 1 and text.startswith("Error: backend 'cupy' needs the package CuPy")
    assert len(text.splitlines()) == 1
