"""Where a number first stopped being one: asked once, when a loss is NaN or infinite."""

import torch
from torch import Tensor, nn


def first_nonfinite(model: nn.Module, images: Tensor) -> str:
    """Return, in words, the first place of a forward pass whose values are not all finite.

    The pass runs as the model stands (same mode, no gradients) and asks in the order of execution: the images, then
    every module without children: its parameters, then its output. A training that has failed is what this is for:
    batch norm's running statistics move once more.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> _ = nn.init.constant_(net[0].bias, float("inf"))
        >>> first_nonfinite(net, torch.ones(3, 2))
        'parameter 0.bias'
    """
    if not bool(images.isfinite().all()):
        return "the images"
    places: list[str] = []

    def watch(name: str) -> object:
        def ask(module: nn.Module, inputs: object, output: object) -> None:
            for key, parameter in module.named_parameters(recurse=False):
                if not bool(parameter.isfinite().all()):
                    places.append(f"parameter {name}.{key}")
            if isinstance(output, Tensor) and not bool(output.isfinite().all()):
                places.append(f"output of {name} ({type(module).__name__})")

        return ask

    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    handles = [module.register_forward_hook(watch(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return places[0] if places else "the loss itself, every layer's output is finite"
