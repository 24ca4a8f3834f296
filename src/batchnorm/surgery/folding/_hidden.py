"""How is what a state_dict leaves out, the buffers that are not persistent, loaded all the same?"""

from collections.abc import Mapping

from torch import Tensor, nn

from .._names import hidden_buffers, owner_of


def load_all(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load a `state_dict` that holds hidden buffers of the module, too.

    Raises:
        RuntimeError: they do not fit.
    """
    hidden = hidden_buffers(module)
    module.load_state_dict({name: tensor for name, tensor in tensors.items() if name not in hidden})
    for name in hidden.keys() & tensors.keys():
        set_hidden(module, name, tensors[name])


def set_hidden(module: nn.Module, name: str, value: Tensor) -> None:
    """Give a module a buffer that is not persistent; a cache may have another size by now, or not be made yet.

    Raises:
        AttributeError: there is no such place.
        KeyError: something else has that name.
    """
    owner, last = owner_of(module, name)
    present = owner._buffers.get(last)
    if present is not None and present.shape == value.shape and present.dtype == value.dtype:
        present.copy_(value)
        return
    home = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), value.device)
    if last in owner._buffers:
        owner._buffers[last] = value.to(home if present is None else present.device)
    else:
        owner.register_buffer(last, value.to(home), persistent=False)
