"""Where a number first stopped being one: asked when a loss is NaN or infinite, and before anything is saved."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def nonfinite_entry(module: nn.Module) -> str | None:
    """Return the name of the first parameter or buffer that is not finite, `None` if all are.

    Example:
        >>> norm = nn.BatchNorm1d(2)
        >>> _ = norm.running_var.fill_(float("inf"))
        >>> nonfinite_entry(norm)
        'running_var'
    """
    return next((name for name, value in module.state_dict().items() if not _finite(value)), None)


def first_nonfinite(model: nn.Module, images: Tensor) -> str:
    """Return, in words, the first place of a forward pass whose values are not all finite.

    The pass runs as the model stands (same mode, no gradients) and asks in the order of execution: the images, then
    of every module its own parameters and its output; modules are asked when they are done, so inner ones come first.
    A training that has failed is what this is for: batch norm's running statistics move once more.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> _ = nn.init.constant_(net[0].bias, float("inf"))
        >>> first_nonfinite(net, torch.ones(3, 2))
        'parameter 0.bias'
    """
    if not _finite(images):
        return "the images"
    places: list[str] = []
    handles = [module.register_forward_hook(_watch(name, places)) for name, module in model.named_modules()]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return places[0] if places else "the loss itself, every layer's output is finite"


def _watch(name: str, places: list[str]) -> Callable[[nn.Module, object, object], None]:
    """Return a forward hook that notes what is not finite in the module of that name."""

    def ask(module: nn.Module, inputs: object, output: object) -> None:
        for key, parameter in module.named_parameters(recurse=False):
            if not _finite(parameter):
                places.append(f"parameter {name}.{key}".replace(" .", " "))
        outputs = output if isinstance(output, (tuple, list)) else [output]
        if not all(_finite(value) for value in outputs if isinstance(value, Tensor)):
            places.append(f"output of {name or 'the net'} ({type(module).__name__})")

    return ask


def _finite(value: Tensor) -> bool:
    return bool(value.isfinite().all())
