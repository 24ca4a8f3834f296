"""One pass: the moments of what the norms read while each batch is normalized by its own."""

import pytest
import torch

from batchnorm import recalibrate

from .oracle import NETS, errors, images, inputs, make, moments


def expected_of(model, batches, correction):
    return {name: moments(torch.cat(values), correction) for name, values in inputs(model, batches).items()}


@pytest.mark.parametrize("variance", ["biased", "unbiased"])
@pytest.mark.parametrize("batch_size", [4, 8, 64])
@pytest.mark.parametrize("net", NETS)
def test_batches_of_any_size_are_weighted_by_their_count_and_keep_the_variance_between_them(net, batch_size, variance):
    model, batches = make(net), images().split(batch_size)
    expected = expected_of(model, batches, correction=int(variance == "unbiased"))
    recalibrate(model, batches, variance=variance)
    assert max(errors(model, expected)) <= 1e-5


def test_the_data_are_read_once():
    reads = []

    class Loader:
        def __iter__(self):
            reads.append(1)
            return iter(images().split(10))

    record = recalibrate(make("convbnnet"), Loader())
    assert len(reads) == len(record.rounds) == 1


def test_a_generator_is_taken():
    model, twin = make("convbnnet"), make("convbnnet")
    recalibrate(model, (batch for batch in images().split(10)))
    recalibrate(twin, images().split(10))
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))


def test_the_residual_is_measured_if_asked_for():
    record = recalibrate(make("resnet20"), images().split(2), certify=True)
    # Batches of 2 normalize the inputs otherwise than the population does; depth 1 alone is right.
    assert record.norms[0].residual_mean < 1e-6
    assert max(norm.residual_mean for norm in record.norms) > 1e-3
    assert record.certificate.settled < record.certificate.norms
    assert [done.kind for done in record.rounds] == ["average", "certificate"]
