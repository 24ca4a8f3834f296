"""What a transaction remembers of a GPU."""

import torch

from batchnorm.transaction import rng_state, same_rng, transaction

from ..statistics.oracle import make, norms


def test_the_generator_of_a_gpu_goes_back(gpu):
    state = rng_state([gpu])
    with same_rng(state):
        first = torch.rand(3, device=gpu)
    assert torch.equal(torch.rand(3, device=gpu), first)


def test_buffers_on_a_gpu_go_back_bit_for_bit_into_the_same_memory(gpu):
    model = make("convbnnet").to(gpu)
    before = {name: (norm.running_mean.data_ptr(), norm.running_mean.clone()) for name, norm in norms(model).items()}
    with transaction(model):
        for norm in norms(model).values():
            norm.running_mean.fill_(float("nan"))
    for name, norm in norms(model).items():
        assert norm.running_mean.data_ptr() == before[name][0]
        assert torch.equal(norm.running_mean, before[name][1])
