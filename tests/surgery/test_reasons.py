"""Does a norm that is left say why?"""

from torch import nn

from batchnorm import fold

from .nets import X


class Doubled(nn.BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_norm_that_is_left_for_one_reason_in_every_call_is_left_for_that_reason():
    """And not because its calls differ, which they do not."""
    norm = Doubled(3)
    model = nn.Sequential(nn.Conv2d(3, 3, 1), norm, nn.Conv2d(3, 3, 1), norm).eval()
    (found,) = fold(model, X).norms
    assert found.reason == "its forward does more than normalize and call its own modules one after the other"


class Moody(nn.BatchNorm2d):
    def forward(self, x):
        y = super().forward(x)
        return y * 2 if x.shape[-1] < 6 else y


def test_a_norm_whose_calls_differ_is_left_because_they_do():
    norm = Moody(3)
    model = nn.Sequential(nn.Conv2d(3, 3, 1), norm, nn.Conv2d(3, 3, 3), norm).eval()
    (found,) = fold(model, X).norms
    assert found.reason == "its forward does not always do the same"
