"""Who else reads, or writes, what the convolution made or what the norm made of it?"""

import torch
import torch.nn.functional as F
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, SCALE_SHIFTED, Theme, net

theme = Theme()


def one(forward, **parts):
    """A convolution that keeps the size, and a norm."""
    return net(forward, **({"conv": nn.Conv2d(3, 4, 3, padding=1), "bn": nn.BatchNorm2d(4)} | parts))


@theme.wiring({"bn": SCALE_SHIFTED})
def skip_from_before_the_norm():
    """The raw output is added to the normalized one."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + y

    return one(forward)


@theme.wiring({"bn": FOLDED})
def skip_from_behind_the_norm():
    """Whoever reads what the norm made may read it as often as he likes."""

    def forward(m, x):
        z = m.bn(m.conv(x))
        return z + torch.relu(z)

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def skip_by_a_view():
    """A slice of the raw output is read, under another name."""

    def forward(m, x):
        y = m.conv(x)
        corner = y[:, :, 0]
        return m.bn(y) + corner[:, :, None]

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def skip_by_a_copy():
    """A copy of the raw output is read."""

    def forward(m, x):
        y = m.conv(x)
        copy = y.clone()
        return m.bn(y) + copy

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def a_gate_from_before_the_norm():
    """Swish-like: the raw output decides."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) * (y > 0)

    return one(forward)


@theme.wiring({"bn": EITHER})
def zeros_like_the_output():
    """Its size is read, not its values."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + torch.zeros_like(y)

    return one(forward)


@theme.wiring({"bn": FOLDED})
def the_outputs_shape_dtype_and_device():
    """Nothing of that changes when values do."""

    def forward(m, x):
        y = m.conv(x)
        ones = torch.ones(y.shape, dtype=y.dtype, device=y.device)
        return m.bn(y) + ones * y.dim() * y.stride(1)

    return one(forward)


@theme.wiring({"bn": FOLDED})
def relu_in_place_behind_the_norm():
    """Where the norm stood, the ReLU overwrites the convolution's output."""
    return one(lambda m, x: F.relu_(m.bn(m.conv(x))))


@theme.wiring({"bn": FOLDED})
def add_in_place_behind_the_norm():
    """The residual is added into what the norm made."""
    return one(lambda m, x: m.bn(m.conv(x)).add_(x.sum(1, keepdim=True)))


@theme.wiring({"bn": SCALE_SHIFTED})
def relu_in_place_before_the_norm():
    """The tensor is the same, its values are not."""

    def forward(m, x):
        y = m.conv(x)
        y.relu_()
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def relu_in_place_through_a_view_before_the_norm():
    """The write goes through a slice."""

    def forward(m, x):
        y = m.conv(x)
        y[:, 1:3].relu_()
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def a_row_set_before_the_norm():
    """Assignment to a slice."""

    def forward(m, x):
        y = m.conv(x)
        y[..., 0, :] = 1
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def add_in_place_before_the_norm():
    """A residual is added before the norm, which reads the sum."""

    def forward(m, x):
        y = m.conv(x)
        y += x.sum(1, keepdim=True)
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def an_out_argument_before_the_norm():
    """The result of another operator is written into the output."""

    def forward(m, x):
        y = m.conv(x)
        with torch.no_grad():
            torch.abs(y.detach(), out=y.detach())
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def the_data_changed_before_the_norm():
    """`.data` hides the write from the version counter."""

    def forward(m, x):
        y = m.conv(x)
        y.data.abs_()
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def the_data_exchanged_before_the_norm():
    """The tensor is the same object and has other memory."""

    def forward(m, x):
        y = m.conv(x)
        y.data = y.data.abs()
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def a_python_function_applied_before_the_norm():
    """`apply_` calls Python for every value, past the dispatcher."""

    def forward(m, x):
        y = m.conv(x)
        y.detach().apply_(abs)
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def the_output_overwritten_behind_the_norm():
    """Were the norm nothing but its input, zeros would come out."""

    def forward(m, x):
        y = m.conv(x)
        z = m.bn(y)
        y.zero_()
        return z

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def the_output_overwritten_through_an_old_view():
    """The view is older than the norm, the write later."""

    def forward(m, x):
        y = m.conv(x)
        corner = y[..., :2]
        z = m.bn(y)
        corner.fill_(7)
        return z

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def the_data_overwritten_behind_the_norm():
    """As before, past the version counter."""

    def forward(m, x):
        y = m.conv(x)
        z = m.bn(y)
        y.data.fill_(7)
        return z

    return one(forward)


@theme.wiring({"bn1": FOLDED, "bn2": NOT_FOLDED})
def the_first_norms_output_overwritten_behind_the_second():
    """The first may be nothing but its input, the second may not."""

    def forward(m, x):
        z = m.bn1(m.conv(x))
        out = m.bn2(z)
        z.zero_()
        return out

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def the_output_returned_besides():
    """The second output is the raw one."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y), y

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def a_number_of_the_output_returned_besides():
    """One number, made of the raw output."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y), y.square().mean()

    return one(forward)


@theme.wiring({"bn": EITHER})
def the_output_checked_for_numbers():
    """What is read decides whether an error is raised."""

    def forward(m, x):
        y = m.conv(x)
        if torch.isnan(y).any():
            raise FloatingPointError
        return m.bn(y)

    return one(forward)
