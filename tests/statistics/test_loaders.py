"""What a batch may be, how many samples are taken, and that every round sees the same ones."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from batchnorm import recalibrate
from batchnorm.calls import Call

from .oracle import errors, images, make, picture, population

Pair = namedtuple("Pair", "image label")


class Keywords(nn.Module):
    """Takes its tensors by name, two of them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.BatchNorm2d(1), nn.BatchNorm2d(1)

    def forward(self, *, left, right, scale=2):
        return self.b(self.a(left) + scale * right)


FORMS = {
    "tensor": lambda x: x,
    "tuple": lambda x: (x, torch.zeros(len(x))),
    "list": lambda x: [x, "labels"],
    "named tuple": lambda x: Pair(x, 3),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["average", "exact"])
def test_the_forms_of_a_batch_give_the_same(method, form):
    model, twin = make("convbnnet"), make("convbnnet")
    recalibrate(model, [FORMS[form](x) for x in images().split(10)], method=method)
    recalibrate(twin, images().split(10), method=method)
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))


def test_a_dict_goes_as_keyword_arguments():
    model, x = Keywords(), images()
    record = recalibrate(
        model, [{"left": half, "right": half.square(), "scale": 3} for half in x.split(10)], method="exact"
    )
    assert record.samples == 30
    assert record.certificate.settled == 2
    assert model.a.running_mean.item() == pytest.approx(x.double().mean().item(), rel=1e-6)


def test_a_dict_with_a_key_that_the_model_does_not_take_raises_as_the_model_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'label'"):
        recalibrate(Keywords(), [{"left": images(), "right": images(), "label": 3}])


def test_a_forward_fn_calls_the_model():
    model, twin = make("convbnnet"), make("convbnnet")
    loader = [(torch.zeros(len(x)), {"image": x / 2}) for x in images().split(10)]
    recalibrate(model, loader, method="exact", forward_fn=lambda model, batch: model(2 * batch[1]["image"]))
    recalibrate(twin, images().split(10), method="exact")
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))


@pytest.mark.parametrize("max_samples", [1, 10, 17, 30, 99])
def test_max_samples_cuts_the_last_batch(max_samples):
    model, x = make("convbnnet"), images()
    taken = min(max_samples, 30)
    expected = population(model, x[:taken])
    record = recalibrate(model, [(batch, 0) for batch in x.split(10)], method="exact", max_samples=max_samples)
    assert max(errors(model, expected)) <= 1e-5
    assert record.samples == taken


def test_no_batch_is_asked_for_behind_the_last_sample():
    asked = []

    def loader():
        for batch in images().split(10):
            asked.append(1)
            yield batch

    recalibrate(make("convbnnet"), loader(), max_samples=20)
    assert len(asked) == 2


def test_a_forward_fn_gets_its_batches_whole():
    record = recalibrate(
        make("convbnnet"), images().split(10), max_samples=15, forward_fn=lambda model, batch: model(batch)
    )
    assert record.samples == 20


class Augmented(Dataset):
    """Noise from the generator that is asked for: each epoch other images."""

    def __init__(self, draw):
        self.draw = draw

    def __len__(self):
        return 30

    def __getitem__(self, index):
        return images()[index] + self.draw()


DRAWS = {
    "torch": lambda: torch.rand(()),
    "numpy": lambda: np.float32(np.random.rand()),
    "python": lambda: __import__("random").random(),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("own", [True, False])
def test_random_augmentation_and_order_repeat_in_every_round(draw, own):
    generator = torch.Generator().manual_seed(3) if own else None
    loader = DataLoader(Augmented(DRAWS[draw]), batch_size=7, shuffle=True, generator=generator)
    state = generator.get_state() if own else None
    record = recalibrate(make("mlp"), loader, method="exact")
    assert record.certificate.settled == 4
    assert not own or torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("draw", DRAWS)
def test_a_model_that_draws_between_its_norms_draws_the_same_in_every_round(draw):
    """And so does a loader that draws from the same generator: no forward ends before its last number is drawn."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.last = make("mlp"), nn.BatchNorm1d(10)

        def forward(self, x):
            return self.last(self.net(x + 0.1 * float(DRAWS[draw]())) + float(DRAWS[draw]()))

    loader = DataLoader(Augmented(DRAWS[draw]), batch_size=7, shuffle=True)
    record = recalibrate(Noisy(), loader, method="exact")
    assert record.certificate.settled == record.certificate.norms == 5
    assert any("the model draws random numbers" in note for note in record.notes)


class DrawsWithoutGradients(nn.Module):
    """Noise by way of NumPy, which autograd cannot follow."""

    def __init__(self):
        super().__init__()
        self.net, self.last = make("mlp"), nn.BatchNorm1d(10)

    def forward(self, x):
        x = self.net(x + 0.1 * torch.rand(()))
        return self.last(torch.from_numpy(x.numpy() + np.random.rand(10).astype(np.float32)))


class DrawsForMany(DrawsWithoutGradients):
    """Noise for more samples than the model is asked about its depths with."""

    def forward(self, x):
        x = self.net(x + 0.1 * torch.rand(()) if len(x) > 2 else x)
        return self.last(x + torch.rand(()) if len(x) > 2 else x)


@pytest.mark.parametrize("kind", [DrawsWithoutGradients, DrawsForMany])
def test_that_a_model_draws_is_seen_in_the_first_pass_whatever_else_it_does(kind):
    record = recalibrate(kind(), images().split(7), method="exact")
    assert record.certificate.settled == record.certificate.norms == 5
    assert any("the model draws random numbers" in note for note in record.notes)


@pytest.mark.parametrize("moves", [("left", "right"), ("left",), ()])
def test_the_samples_are_hashed_as_the_loader_gave_them_though_the_model_writes_into_them(moves, monkeypatch):
    """Some tensors have to be moved to the model's device, others are there: stood for by copies."""

    class Writing(Keywords):
        def forward(self, *, left, right):
            x = super().forward(left=left, right=right)
            left.add_(1), right.mul_(2)
            return x

    def to(batch, device):
        kwargs = {key: value.clone() if key in moves else value for key, value in batch.kwargs.items()}
        return Call(batch.args, kwargs)

    def given():
        return [{"left": x.clone(), "right": x.square()} for x in images().split(10)]

    expected = recalibrate(Keywords(), given()).fingerprint
    monkeypatch.setattr(Call, "to", to)
    assert recalibrate(Writing(), given()).fingerprint == expected


@pytest.mark.parametrize("method", ["exact", "average"])
def test_a_loader_that_does_not_repeat(method):
    own = torch.Generator().manual_seed(0)
    loader = DataLoader(Augmented(lambda: torch.rand((), generator=own)), batch_size=7)
    model = make("mlp")
    before = picture(model)
    if method == "average":
        recalibrate(model, loader)
        return
    with pytest.raises(
        RuntimeError,
        match=r"the same samples in every round, got others in round 2: the moments of the input of bn1 .*Seed",
    ):
        recalibrate(model, loader, method="exact")
    assert picture(model) == before


def test_a_loader_that_gives_fewer_samples_the_second_time():
    class Shrinking:
        left = 3

        def __iter__(self):
            self.left -= 1
            return iter(images().split(10)[: self.left + 1])

    with pytest.raises(RuntimeError, match="in round 2: 30 samples, then 20"):
        recalibrate(make("mlp"), Shrinking(), method="exact")


def test_another_order_of_the_same_samples_is_a_repetition():
    own = torch.Generator().manual_seed(0)

    class Shuffled:
        def __iter__(self):
            return iter(images()[torch.randperm(30, generator=own)].split(7))

    model, x = make("mlp"), images()
    expected = population(model, x)
    recalibrate(model, Shuffled(), method="exact")
    assert max(errors(model, expected)) <= 1e-5


def test_a_loader_that_cannot_tell_its_length():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(images())

    assert recalibrate(make("mlp"), DataLoader(Stream(), batch_size=7), method="exact").batches == 5


@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_the_fingerprint_is_that_of_the_samples_in_any_order_and_any_batches(batch_size):
    x = images()
    first = recalibrate(make("convbnnet"), [x]).fingerprint
    assert recalibrate(make("convbnnet"), x.flip(0).split(batch_size)).fingerprint == first
    assert recalibrate(make("convbnnet"), DataLoader(TensorDataset(x), batch_size)).fingerprint == first
    other = x.clone()
    other[3, 0, 0, 0] += 1
    assert recalibrate(make("convbnnet"), [other]).fingerprint != first
