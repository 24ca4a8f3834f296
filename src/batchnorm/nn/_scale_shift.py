"""ScaleShift: what is left of a norm that could not be folded into a neighbour."""

import torch
from torch import Tensor

from batchnorm.functional import Activation, channel_affine, channel_affine_in_script, check_activation, check_given

from ._scripted import Scripted, is_scripting
from ._traced import is_proxy, module_node


class ScaleShift(Scripted):
    """Multiply each channel by a constant, add another, activate: what a norm layer computes in evaluation.

        output = activate(input * scale + shift, activation)

    `scale` and `shift` are copied, and are buffers: saved, moved and converted with the layer, never trained; the
    gradient passes through to the input. The pair of a norm is that of `batchnorm.functional.scale_shift`. Training and
    evaluation mode are the same. What is computed is `batchnorm.functional.channel_affine`.

    Args:
        scale: (C,), floating point, or None to multiply by nothing.
        shift: (C,), of the dtype and on the device of `scale`, or None to add nothing; of the two, one must be given.
        activation: the last step: a name in `batchnorm.functional.ACTIVATIONS`, a module (which
            becomes the submodule `activation`) or a function of one tensor.
        axes: how many axes an input may have, as the norm allowed whose place it takes; None: 2 or more.

    Shape: (N, C), (N, C, L), (N, C, H, W), (N, C, D, H, W) or more axes; the output has that of the input, its
    dtype, and the strides of a norm's output, unless the activation changes them. The input is never changed.

    Raises:
        ValueError: neither constant is given, one has not the shape (C,), both do not fit each other; an unknown
            activation; in a call, an input without channels, with another number of them, or of axes.
        TypeError: a constant that is no tensor of floating point; an activation of a type that is none.
        RuntimeError: in a call, an input of another dtype (but half types go with float32) or on another device.

    Example:
        >>> layer = ScaleShift(torch.tensor([2.0, 1.0]), torch.tensor([0.0, -3.0]), activation="relu")
        >>> layer(torch.tensor([[1.0, 2.0]]))
        tensor([[2., 0.]])
        >>> layer
        ScaleShift(2, activation='relu')
    """

    scale: Tensor | None
    shift: Tensor | None

    def __init__(
        self,
        scale: Tensor | None,
        shift: Tensor | None,
        *,
        activation: Activation = None,
        axes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        check_activation(activation)
        _check_constants(scale, shift)
        self.register_buffer("scale", None if scale is None else scale.detach().clone())
        self.register_buffer("shift", None if shift is None else shift.detach().clone())
        self.activation: Activation = activation
        self.axes: tuple[int, ...] | None = axes

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name, which callers may use
        """Scale, shift and activate `input`."""
        if is_scripting():
            if self.axes is not None:  # noqa: SIM102  # decided while it is compiled, which `and` is not
                if input.dim() not in self.axes:
                    raise ValueError(f"ScaleShift: expected an input of {self.axes} axes, got shape {input.size()}.")
            return self._activated(channel_affine_in_script(input, self.scale, self.shift))
        return self._computed(input)

    def _computed(self, input: Tensor) -> Tensor:  # noqa: A002  # see forward
        node = module_node(self, ScaleShift.forward, input) if is_proxy(input) else None
        if node is not None:
            return node
        if self.axes is not None and not is_proxy(input) and _axes_of(input) not in self.axes:
            raise ValueError(
                f"ScaleShift: expected an input of {' or '.join(map(str, self.axes))} axes, got shape "
                f"{tuple(input.shape)}. Give it the batch axis: input[None]."
            )
        scale, shift = self._buffers["scale"], self._buffers["shift"]  # a look-up as attributes takes longer than a sum
        activation = self.activation
        if activation is not None and not isinstance(activation, str | type) and callable(activation):
            # Called here: the hooks of a module run, and a tracer sees it.
            return activation(channel_affine(input, scale, shift))
        return channel_affine(input, scale, shift, activation=activation)

    def extra_repr(self) -> str:
        """The number of channels, which constant there is not, and the activation, if it is no submodule."""
        found: list[str] = [str(next(v.numel() for v in (self.scale, self.shift) if v is not None))]
        found += [f"{name}=None" for name in ("scale", "shift") if getattr(self, name) is None]
        if self.activation is not None and not isinstance(self.activation, torch.nn.Module):
            found.append(f"activation={self.activation!r}")
        return ", ".join(found)


def _axes_of(x: Tensor) -> int:
    try:
        return x.dim()
    except AttributeError:
        check_given("ScaleShift", " of shape (N, C, *)", input=x)
        raise


def _check_constants(scale: object, shift: object) -> None:
    given = [(name, values) for name, values in (("scale", scale), ("shift", shift)) if values is not None]
    if not given:
        raise ValueError(
            "ScaleShift: expected scale, shift or both, got neither. Put the activation there as a module "
            "of its own, or torch.nn.Identity()."
        )
    for name, values in given:
        if not isinstance(values, Tensor) or not values.is_floating_point():
            got = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(
                f"ScaleShift: {name} must be a tensor of floating point, got {got}. "
                f"Convert it first, e.g. torch.as_tensor({name}, dtype=torch.float32)."
            )
        if values.dim() != 1:
            raise ValueError(
                f"ScaleShift: {name} must have the shape (C,), one value per channel, got {tuple(values.shape)}. "
                "Flatten it first."
            )
    if isinstance(scale, Tensor) and isinstance(shift, Tensor):
        _check_pair(scale, shift)


def _check_pair(scale: Tensor, shift: Tensor) -> None:
    for what in ("shape", "dtype", "device"):
        expected, got = getattr(scale, what), getattr(shift, what)
        if got != expected:
            raise ValueError(
                f"ScaleShift: shift must have the {what} of scale, {_plainly(expected)}, got {_plainly(got)}. "
                "Take both from one call of batchnorm.functional.scale_shift."
            )


def _plainly(found: object) -> object:
    return tuple(found) if isinstance(found, torch.Size) else found
