"""How much does a training step keep for its backward, beside the same step with torch's own layers?"""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd.graph import saved_tensors_hooks

from batchnorm.models import ConvBNNet


def bytes_saved(net, x, labels):
    """Unique bytes that the graph of one step holds, by storage; those of parameters and buffers apart."""
    own = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}
    saved = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            # The storages themselves, so that no address is given to a second one meanwhile.
            saved[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = F.cross_entropy(net(x), labels)
    loss.backward()
    return sum(storage.nbytes() for storage in saved.values())


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format], ids=str)
def test_a_step_of_conv_bn_net_keeps_at_most_60_percent_of_what_it_keeps_with_torchs_layers(memory_format):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(128, 1, 28, 28, generator=generator).contiguous(memory_format=memory_format)
    labels = torch.randint(10, (128,), generator=generator)
    ours, torchs = (
        bytes_saved(ConvBNNet(norm=norm).to(memory_format=memory_format), x, labels) for norm in ("batchnorm", "torch")
    )
    assert ours <= 0.6 * torchs
