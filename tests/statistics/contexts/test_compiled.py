"""Does compiled code hear of a block that begins after it was compiled, and of its end?"""

import warnings

import pytest
import torch
from torch import nn

from .nets import CONTEXTS, images, net, state

NAMES = [name for name in CONTEXTS if name != "batch"]
QUICK = [("no update", True), ("blend", False)]


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def close(model: nn.Module, expected: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(value, expected[key], rtol=1e-5, atol=1e-6) for key, value in model.state_dict().items())


def steps(model, run, context, *, mode=True):
    """Before, in and behind a block, an infinity among the batches; the states on the way."""
    found = []
    model.train(mode)
    run(images(5))
    found.append(state(model))
    with context(model):
        for x in (images(), images(1)):
            run(x)
        found.append(state(model))
        if context is CONTEXTS["skip"]:
            run(images() / 0)
    found.append(state(model))
    run(images(6))
    found.append(state(model))
    return found


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (name, mode) if (name, mode) in QUICK else pytest.param(name, mode, marks=pytest.mark.slow)
        for name in NAMES
        for mode in (True, False)
    ],
)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_code_that_was_compiled_before_the_block_obeys_it_and_its_end(norm, name, mode):
    plain, model = net(norm), net(norm)
    expected = steps(plain, plain, CONTEXTS[name], mode=mode)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    found = steps(model, compiled, CONTEXTS[name], mode=mode)
    for one, two in zip(found, expected, strict=True):
        for key in one:
            torch.testing.assert_close(one[key], two[key], rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_the_outputs_of_compiled_code_are_those_of_the_block(norm, name, mode):
    plain, model = net(norm).train(mode), net(norm).train(mode)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    compiled(images(5)), plain(images(5))
    with CONTEXTS[name](plain), CONTEXTS[name](model):
        torch.testing.assert_close(compiled(images()), plain(images()), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(compiled(images(6)), plain(images(6)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_code_that_is_compiled_inside_the_block_hears_of_its_end(norm, name):
    plain, model = net(norm), net(norm)
    with CONTEXTS[name](plain):
        plain(images()), plain(images(1))
    plain(images(6))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with CONTEXTS[name](model):
        compiled(images()), compiled(images(1))
    compiled(images(6))
    assert close(model, state(plain))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_on_the_compiled_model_is_one_on_the_model(norm, name):
    plain, model = net(norm), net(norm)
    with CONTEXTS[name](plain):
        plain(images()), plain(images(1))
    plain(images(6))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    compiled(images(6)), model.load_state_dict(net(norm).state_dict())
    with CONTEXTS[name](compiled):
        compiled(images()), compiled(images(1))
    compiled(images(6))
    assert close(model, state(plain))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_block_that_is_entered_again_and_again_is_not_compiled_again_and_again(name):
    model = net()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    counter = torch._dynamo.utils.counters
    compiled(images())
    for number in range(4):
        with CONTEXTS[name](model):
            compiled(images())
        compiled(images())
        if number == 1:
            frames = counter["frames"]["total"]
    assert counter["frames"]["total"] == frames


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_inductor_obeys_a_block_and_its_end(norm, name):
    plain, model = net(norm), net(norm)
    expected = steps(plain, plain, CONTEXTS[name])
    found = steps(model, torch.compile(model, fullgraph=True), CONTEXTS[name])
    for one, two in zip(found, expected, strict=True):
        for key in one:
            torch.testing.assert_close(one[key], two[key], rtol=1e-4, atol=1e-4, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_inside_the_compiled_function_is_right_or_refused(norm, name):
    """The loop itself may be compiled: then the block begins and ends in the graph, or breaks it."""
    plain, model = net(norm), net(norm)
    with CONTEXTS[name](plain):
        plain(images()), plain(images(1))

    @torch.compile(backend="aot_eager")
    def step(x, y):
        with CONTEXTS[name](model):
            return model(x).sum() + model(y).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch looks at .grad of what it goes on with behind a graph break
        step(images(), images(1))
    assert close(model, state(plain))
