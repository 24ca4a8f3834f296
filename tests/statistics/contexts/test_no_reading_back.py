"""No context asks a device for a number: it would wait for all that the device has yet to do."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .nets import CONTEXTS, images, net

READING = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default, torch.ops.aten.equal.default}


class Reading(TorchDispatchMode):
    """Notes every operator that hands a tensor's value to Python."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if operator in READING:
            self.found.append(operator)
        return operator(*args, **(kwargs or {}))


def read_in(model, context):
    with Reading() as reading, context(model):
        for seed in range(3):
            model(images(seed)).sum().backward()
    return reading.found


# Torch's own layer reads its counter where momentum is None.
@pytest.mark.parametrize(("norm", "momentum"), [("torch", 0.1), ("ours", 0.1), ("ours", None)])
@pytest.mark.parametrize("name", [name for name in CONTEXTS if name != "blend"])
def test_a_training_inside_reads_nothing(name, norm, momentum):
    assert read_in(net(norm, momentum=momentum), CONTEXTS[name]) == []


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_an_evaluation_by_a_mixture_reads_nothing(norm):
    assert read_in(net(norm).eval(), CONTEXTS["blend"]) == []


def test_a_reading_is_noticed():
    with Reading() as reading:
        torch.ones(1).item()
    assert reading.found == [torch.ops.aten._local_scalar_dense.default]
