"""How does a graph of torch.fx hold a layer? As one call of it, so that its statistics move when the graph runs.

torch.fx enters every module that is not torch's. In ours it would find functions of buffers, in the mode of the moment;
torch's layers stay modules of the graph: `train()` and `eval()` reach them, and who edits graphs finds them by name.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.fx import Proxy
from torch.nn import Module
from torch.nn.modules import module as every_module


def is_proxy(x: object) -> bool:
    """Whether `x` stands for a tensor while torch.fx traces: it has no shape to be looked at."""
    return isinstance(x, Proxy)


def module_node(layer: Module, forward: Callable[..., Tensor], *inputs: Tensor | None) -> Tensor | None:
    """The node that calls `layer`, if a call is `forward` and nothing else; None where none can be had.

    What a subclass or a hook does around `forward` is recorded by torch.fx, and the node would do it once more.

    Raises:
        RuntimeError: the layer has a hook of torch's old kind, by which tracing would never end.
    """
    if layer._backward_hooks and layer._is_full_backward_hook is False:
        raise RuntimeError(
            f"{type(layer).__name__}: expected no hook of register_backward_hook where torch.fx traces, got one: torch "
            "looks for a tensor in the output, which is none yet, without end. Use register_full_backward_hook."
        )
    path = _path(layer, inputs)
    if not path or type(layer).forward is not forward or "forward" in vars(layer) or _has_hooks(layer):
        return None
    return _record(inputs, "call_module", path, inputs)


def method_node(layer: Module, method: str, *inputs: Tensor | None) -> Tensor | None:
    """The node that calls a method of `layer`; None where the graph has no way to it: for its root, above all."""
    path = _path(layer, inputs)
    if not path:
        return None
    return _record(inputs, "call_method", method, (_record(inputs, "get_attr", path, ()), *inputs))


def _path(layer: Module, inputs: tuple[object, ...]) -> str:
    """The name of `layer` in the module that is traced; empty for that module itself, and for what is not in it."""
    try:
        path: str = _tracer(inputs).path_of_module(layer)
    except (AttributeError, NameError):  # a tracer without a root; a root that does not have the layer
        return ""
    return path


def _record(inputs: tuple[object, ...], kind: str, target: str, arguments: tuple[object, ...]) -> Tensor:
    node: Tensor = _tracer(inputs).create_proxy(kind, target, arguments, {})
    return node


def _tracer(inputs: tuple[object, ...]) -> Any:
    return next(x.tracer for x in inputs if isinstance(x, Proxy))


def _has_hooks(layer: Module) -> bool:
    """Whether something runs before or behind `forward`. What makes a lazy layer is no hook of anybody's."""
    making = getattr(vars(layer).get("_initialize_hook"), "id", None)
    everywhere = (every_module._global_forward_pre_hooks, every_module._global_forward_hooks)
    return any((*everywhere, layer._forward_hooks, layer._forward_pre_hooks.keys() - {making}))
