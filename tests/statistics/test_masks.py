"""Norms that take a mask: the moments of what it leaves, or left alone."""

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm import recalibrate

from .own_norms import CHANNELS, METHODS, Net, check, masks, tokens


class MaskedByOperator(nn.BatchNorm1d):
    """Normalizes what the mask leaves, by torch's operator."""

    def forward(self, x, mask):
        y = torch.zeros_like(x)
        y[mask] = super().forward(x[mask])
        return y


class MaskedUnlessAllIsThere(MaskedByOperator):
    """As many do, takes a shorter way where nothing is masked."""

    def forward(self, x, mask):
        if mask.all():
            return nn.BatchNorm1d.forward(self, x.transpose(1, 2)).transpose(1, 2)
        return super().forward(x, mask)


class MaskedByFormula(nn.BatchNorm1d):
    """The moments of what the mask leaves, by sums of its own."""

    def forward(self, x, mask):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = (x * mask[..., None]).sum((0, 1)) / mask.sum()
            var = ((x - mean).square() * mask[..., None]).sum((0, 1)) / mask.sum()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * mask.sum() / (mask.sum() - 1), self.momentum)
        return ((x - mean) / (var + self.eps).sqrt() * self.weight + self.bias) * mask[..., None]


class MaskedInTrainingOnly(nn.BatchNorm1d):
    """Evaluates all positions by the moments of those that the mask leaves."""

    def forward(self, x, mask):
        if not self.training:
            return super().forward(x.transpose(1, 2)).transpose(1, 2)
        y = torch.zeros_like(x)
        y[mask] = super().forward(x[mask])
        return y


def batches(x, mask, first_is_whole):
    if first_is_whole:
        mask = mask.clone()
        mask[:6] = True
    given = [{"x": part, "mask": chosen} for part, chosen in zip(x.split(6), mask.split(6), strict=True)]
    return given, mask


@pytest.mark.parametrize("first_is_whole", [True, False])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [MaskedByOperator, MaskedUnlessAllIsThere])
def test_what_a_mask_leaves(kind, method, first_is_whole):
    model, x = Net(kind), tokens()
    given, mask = batches(x, masks(), first_is_whole)
    recalibrate(model, given, method=method)
    check(model.norm, model.into(x)[mask])


class Ours(nn.Module):
    """A net with a norm of ours that takes masks, and one of torch's behind it."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.into, self.norm = nn.Linear(5, CHANNELS), norm
        self.last = nn.BatchNorm1d(CHANNELS)

    def forward(self, x, mask):
        return self.last(self.norm(self.into(x).transpose(1, 2), mask).mean(2))


class OwnForward(batchnorm.nn.BatchNorm1d):
    """Does something else besides."""

    def forward(self, x, mask):
        return super().forward(2 * x, mask)


@pytest.mark.parametrize("first_is_whole", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_masked_norm_of_ours_gets_the_moments_of_the_valid_places(method, first_is_whole):
    model, x = Ours(batchnorm.nn.BatchNorm1d(CHANNELS, moments="masked")), tokens()
    given, mask = batches(x, masks(), first_is_whole)
    recalibrate(model, given, method=method)
    check(model.norm, model.into(x)[mask])


def test_the_norm_behind_a_masked_one_gets_the_moments_of_what_that_gives_in_evaluation():
    model, x, mask = Ours(batchnorm.nn.BatchNorm1d(CHANNELS, moments="masked")), tokens(), masks()
    recalibrate(model, list(zip(x.split(6), mask.split(6), strict=True)), method="exact")
    check(model.last, model.eval().norm(model.into(x).transpose(1, 2), mask).mean(2))


@pytest.mark.parametrize("first_is_whole", [True, False])
def test_a_masked_norm_of_ours_in_a_subclass_is_left_alone(first_is_whole):
    model = Ours(OwnForward(CHANNELS, moments="masked"))
    given, _ = batches(tokens(), masks(), first_is_whole)
    record = recalibrate(model, given)
    assert torch.equal(model.norm.running_mean, torch.zeros(CHANNELS))
    assert "it takes a mask in a forward of its own" in record.skipped["norm"]


def test_a_batch_without_a_valid_place_adds_nothing_to_the_moments():
    model, x, mask = Ours(batchnorm.nn.BatchNorm1d(CHANNELS, moments="masked")), tokens(), masks()
    mask[6:12] = False
    recalibrate(model, list(zip(x.split(6), mask.split(6), strict=True)))
    check(model.norm, model.into(x)[mask])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    # What a norm does is looked at with the first batch: its mask has to leave something out there.
    ("kind", "first_is_whole"),
    [(MaskedByFormula, True), (MaskedByFormula, False), (MaskedInTrainingOnly, False)],
)
def test_a_mask_that_evaluation_does_not_show_leaves_the_norm_alone(kind, method, first_is_whole):
    model = Net(kind)
    given, _ = batches(tokens(), masks(), first_is_whole)
    record = recalibrate(model, given, method=method)
    assert torch.equal(model.norm.running_mean, torch.zeros(CHANNELS))
    assert kind.__name__ in record.skipped["norm"]
    assert [norm.name for norm in record.norms] == ["last"]


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_that_lies_in_an_attribute_of_the_norm_leaves_it_alone_also_where_it_leaves_nothing_out_at_first(method):
    class Laid(MaskedByFormula):
        mask = None

        def forward(self, x):
            return super().forward(x, self.mask)

    class Laying(Net):
        def forward(self, x, mask):
            self.norm.mask = mask
            return super().forward(x)

    model = Laying(Laid)
    given, _ = batches(tokens(), masks(), first_is_whole=True)
    record = recalibrate(model, given, method=method)
    assert "takes more than one tensor, such as a mask" in record.skipped["norm"]
