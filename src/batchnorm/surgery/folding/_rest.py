"""What does a norm do besides normalizing, and what stands in its place when it normalizes no more?"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...nn import BatchNorm2d, BatchNormAdd2d, BatchNormPool2d, ScaleShift, Tail
from ...norms import forward_of
from ...wiring import NUMBERS, Normalization, NormCall, Value
from ._pair import pair_of


@dataclass(frozen=True, slots=True)
class Rest:
    """The steps behind the affine one.

    Attributes:
        is_nothing: the norm only normalizes, scales and shifts.
        is_own: they are those of a layer of this library.
        children: behind these, if there are any, modules inside the norm, by their names there, one after the other.
    """

    is_nothing: bool = True
    is_own: bool = False
    children: tuple[str, ...] = ()

    def named(self, norm: nn.Module) -> str:
        """The steps, as a sentence names them."""
        if self.children:
            return f"its own {' and '.join(self.children)}"
        if isinstance(norm, BatchNormAdd2d):
            return "the residual that it adds"
        return "its own pool" if isinstance(norm, BatchNormPool2d) else "its own activation"

    def of(self, norm: nn.Module, affine: ScaleShift | None) -> nn.Module:
        """The module that does the rest of a norm, behind a scale and shift if there are some."""
        if affine is not None:
            affine.axes = _axes_of(norm)
        first = _own(norm, affine) if self.is_own else affine
        if not self.children:
            return first or nn.Identity()
        steps: list[tuple[str, nn.Module]] = [] if first is None else [("affine", first)]
        steps += [(name.replace(".", "_"), norm.get_submodule(name)) for name in self.children]
        return nn.Sequential(OrderedDict(steps))


def _own(layer: Any, affine: ScaleShift | None) -> nn.Module:
    activation = layer.activation
    if isinstance(layer, BatchNormAdd2d):
        return Tail(affine, activation, residual=True)
    if isinstance(layer, BatchNormPool2d):
        return Tail(affine, activation, kernel_size=layer.kernel_size)
    if affine is None:
        return nn.Identity() if activation is None else Tail(None, activation)
    return ScaleShift(affine.scale, affine.shift, activation=activation, axes=affine.axes)


def _axes_of(norm: nn.Module) -> tuple[int, ...] | None:
    """How many axes a norm allows: a model may rely on its refusal."""
    for kind, axes in _AXES.items():
        if isinstance(norm, kind):
            own = getattr(type(norm), "_check_input_dim", None)
            return axes if own is getattr(kind, "_check_input_dim", None) else None
    return None


_AXES: dict[type[nn.Module], tuple[int, ...]] = {
    nn.BatchNorm1d: (2, 3),
    nn.BatchNorm2d: (4,),
    nn.BatchNorm3d: (5,),
}


def rest_of(calls: list[NormCall]) -> Rest | str:
    """What a norm does besides, by what it did whenever it was called; a reason where that is not known."""
    module = calls[0].call.module
    if forward_of(module) in _OWN:
        nothing = module.activation is None and not isinstance(module, BatchNormAdd2d | BatchNormPool2d)
        return Rest(is_nothing=nothing, is_own=True)
    if any(len(call.call.args) + len(call.call.kwargs) > 1 or call.call.kwargs.keys() - {"input"} for call in calls):
        return "it is called with more than one input, or with an argument that only its own class knows"
    if isinstance(module, _BatchNorm) and forward_of(module) in _STOCK:
        return Rest()
    found = [_observed(call) for call in calls]
    reasons = dict.fromkeys(rest for rest in found if isinstance(rest, str))
    if reasons:
        return next(iter(reasons)) if len(reasons) == 1 and all(isinstance(rest, str) for rest in found) else _VARIES
    return found[0] if all(rest == found[0] for rest in found) else _VARIES


_STOCK = (nn.BatchNorm2d.forward, nn.SyncBatchNorm.forward)
_OWN = (BatchNorm2d.forward, BatchNormAdd2d.forward, BatchNormPool2d.forward)
_VARIES = "its forward does not always do the same"
_MORE = "its forward does more than normalize and call its own modules one after the other"

_NOTHING = {"aten.empty", "aten.detach", "aten.alias"}
_ARITHMETIC = {"aten.add", "aten.sub", "aten.mul", "aten.div", "aten.rsqrt", "aten.sqrt", "aten.reciprocal", "aten.neg"}


def _observed(call: NormCall) -> Rest | str:
    normalizing = [norm for norm in call.norms if norm.calls[-1] == call.call.index]
    inside = {index for norm in normalizing for index in norm.events}
    own = [
        operation
        for operation in call.own
        if operation.index not in inside and not operation.is_view and operation.name not in _NOTHING
    ]
    if len(normalizing) == 1 and not own:
        return _chain(call, normalizing[0])
    if not normalizing and own and all(operation.name in _ARITHMETIC for operation in own) and not call.children:
        try:
            affine = _is_affine(call)
        except Exception:  # the forward of somebody, given numbers that it does not expect
            affine = False
        return Rest() if affine else "its forward does not compute the formula of batch norm"
    return _MORE


def _chain(call: NormCall, norm: Normalization) -> Rest | str:
    """The activation of one of our layers, and the modules that the norm called one after the other behind it."""
    if norm.given["input"] != call.input or not _by_its_own_numbers(call, norm):
        return "its forward normalizes something other than its input"
    activation = norm.activation
    if norm.does_more or activation != (getattr(call.call.module, "activation", None) if activation else None):
        return _MORE
    children = _children(call, norm)
    if isinstance(children, str):
        return children
    return Rest(not children and activation is None, activation is not None, children)


def _children(call: NormCall, norm: Normalization) -> tuple[str, ...] | str:
    inside = call.call.module.named_modules(remove_duplicate=False)
    names = {id(module): name for name, module in inside if name}
    present = norm.output
    children = []
    for inner in call.children:
        if inner.input != present or inner.start < norm.events.stop:
            return _MORE
        present = inner.output
        if not isinstance(inner.module, nn.Identity):
            name = names.get(id(inner.module))
            if name is None:
                return "its forward calls a module that is not one of its own"
            children.append(name)
    return tuple(children) if present is not None and present == call.output else _MORE


def _by_its_own_numbers(call: NormCall, norm: Normalization) -> bool:
    """Whether it was normalized by what the module holds, and by that as statistics."""
    held = [getattr(call.call.module, name, None) for name in NUMBERS]
    given = [norm.given.get(name) for name in NUMBERS]
    if any((tensor is None) != (value is None) for tensor, value in zip(held, given, strict=True)):
        return False
    sizes = {tuple(tensor.shape) for tensor in held if tensor is not None}
    return sizes == {value.shape for value in given if isinstance(value, Value)} and not norm.training


def _is_affine(call: NormCall) -> bool:
    """Whether a forward of plain arithmetic computes the formula, on random numbers of the call's shape."""
    module = call.call.module
    held: Tensor = module.get_buffer("running_mean")
    scale, shift = pair_of(module)
    generator = torch.Generator().manual_seed(0)
    shape = call.input.shape
    x = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(held.device)
    expected = x * _along(scale, x) + _along(shift, x)
    got = module.forward(x.to(held.dtype))
    bound = 100 * torch.finfo(held.dtype).eps * max(1.0, float(expected.abs().max()))
    return got.shape == expected.shape and bool((got.double() - expected).abs().max() <= bound)


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape([-1 if axis == 1 else 1 for axis in range(x.dim())])
