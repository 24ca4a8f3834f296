"""The layers on a GPU: torch's numbers, whatever the dtype, the memory format, and what runs them."""

import pytest
import torch
from torch import nn

import batchnorm.nn as bn
from batchnorm.models import ConvBNNet

from ..nn.references import PAIRS, Fed, feed, pair

WITHOUT_KINKS = ["1d (N, C)", "1d (N, C, L)", "2d", "3d"]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}
CASES = [(kind, dtype) for dtype in TOLERANCE for kind in (PAIRS if dtype.itemsize > 2 else WITHOUT_KINKS)]
ROUTES = ["auto", "composed", "native"]


def step(layer, x, memory_format=torch.contiguous_format):
    """One forward and backward: what came out, in float64 on the CPU."""
    x = x.clone(memory_format=memory_format if x.dim() == 4 else torch.contiguous_format).requires_grad_()
    y = feed(layer, x)
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape).to(y))
    buffers = [buffer for buffer in layer.buffers() if buffer.dim()]
    gradients = [parameter.grad for parameter in layer.parameters()]
    return [value.detach().double().cpu() for value in (y, x.grad, *gradients, *buffers)]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("kind", "dtype"), CASES, ids=str)
def test_a_step_is_that_of_torchs_layer_in_float64(gpu, kind, dtype, route, memory_format, training):
    layer, reference, shape = pair(kind, ours={"route": route})
    layer, reference = layer.train(training).to(gpu), reference.train(training).double()
    if dtype is torch.float64:
        layer.double()
    x = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 2 + 1).to(dtype)
    found = step(layer, x.to(gpu), memory_format)
    for value, expected in zip(found, step(reference, x.double()), strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(value, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("kind", ["2d", "add", "pool"])
def test_the_kernels_of_the_cpu_refuse_a_tensor_on_a_gpu_by_name(gpu, kind):
    layer, _, shape = pair(kind, ours={"route": "fused"})
    with pytest.raises(RuntimeError, match=r"route='fused' needs x on the CPU, got it on cuda:0"):
        feed(layer.to(gpu), torch.randn(shape, device=gpu))


@pytest.mark.parametrize("norm", ["batchnorm", "torch"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_net_learns_under_autocast_what_it_learns_in_float32(gpu, norm, dtype):
    losses = {}
    x, labels = torch.randn(64, 1, 8, 8, device=gpu), torch.arange(64, device=gpu) % 10
    for enabled in (False, True):
        torch.manual_seed(0)
        net = ConvBNNet(image_size=8, width=8, norm=norm).to(gpu)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
        for _ in range(10):
            with torch.autocast("cuda", dtype, enabled=enabled):
                loss = nn.functional.cross_entropy(net(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses[enabled] = loss.item()
        assert all(buffer.dtype is torch.float32 for buffer in net.buffers() if buffer.dim())
    assert losses[True] == pytest.approx(losses[False], rel=0.05)


@pytest.mark.parametrize("kind", ["2d", "add", "pool"])
def test_a_captured_graph_moves_the_statistics_at_every_replay(gpu, kind):
    layer, reference, shape = pair(kind)
    layer, reference = layer.to(gpu), reference.to(gpu)
    x = torch.randn(shape, device=gpu)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        feed(layer, x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), torch.no_grad():
        y = feed(layer, x)
    with torch.no_grad():
        expected = feed(reference, x)
    for _ in range(3):
        x.copy_(torch.randn(shape, device=gpu))
        graph.replay()
        with torch.no_grad():
            expected = feed(reference, x)
    torch.testing.assert_close(y, expected)
    # Capturing runs nothing: one call before it, three replays.
    torch.testing.assert_close(layer.num_batches_tracked, torch.tensor(4, device=gpu))
    torch.testing.assert_close(layer.running_var, reference.running_var)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["2d", "add", "pool"])
def test_a_compiled_layer_computes_and_moves_what_eager_does(gpu, kind):
    eager, _, shape = pair(kind)
    layer, _, _ = pair(kind)
    eager, layer = eager.to(gpu), layer.to(gpu)
    compiled = torch.compile(Fed(layer), fullgraph=True)
    for seed in range(2):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(gpu)
        torch.testing.assert_close(compiled(x), feed(eager, x))
    torch.testing.assert_close(layer.state_dict(), eager.state_dict())


def test_a_state_of_the_gpu_is_read_on_the_cpu_and_by_torchs_layer(gpu, tmp_path):
    layer = bn.BatchNorm2d(3).to(gpu)
    layer(torch.randn(4, 3, 5, 5, device=gpu))
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", map_location="cpu", weights_only=True)
    reference = nn.BatchNorm2d(3)
    reference.load_state_dict(state)
    x = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(layer.eval()(x.to(gpu)).cpu(), reference.eval()(x))
