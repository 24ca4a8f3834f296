"""How does a call of a public function come to its result? The same way for each of them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from ._activation import check_activation
from ._arguments import Arguments, check_options, check_tensors
from ._empty import check_empty, is_empty, of_nothing
from ._finish import under_autocast
from ._given import check_optional
from ._routes import check_route, compute, compute_unwatched
from ._sourced import resolve
from ._unwatched import is_unwatched
from ._usual import is_usual
from .sources import gathers


def call(
    public: Callable[..., Tensor], tensors: tuple[Tensor | None, ...], a: Arguments, route: str, **own: Any
) -> Tensor:
    """Leave the call to who overrides `public`; else check the arguments and take the route.

    Args:
        public: the function that was called.
        tensors: its first arguments, in its order; `training`, `momentum` and `eps` follow them.
        a: what the routes take.
        route: a name, as for `implementation`.
        own: the keyword arguments that `public` has besides `activation` and `route`.
    """
    if has_torch_function_variadic(*tensors):
        # Tensor subclasses, modes, and torch.fx, which records the call as one node.
        named = {"moments": a.source, "mask": a.mask, "num_batches_tracked": a.num_batches_tracked}
        own |= {name: value for name, value in named.items() if value is not None}
        options = {"activation": a.activation, **own, "route": route}
        result: Tensor = handle_torch_function(public, tensors, *tensors, a.training, a.momentum, a.eps, **options)
        return result
    if is_unwatched() and is_usual(a):
        return compute_unwatched(route, a)
    if a.residual is not None:
        a = a._replace(residual=under_autocast(a.x, a.residual))
    check_activation(a.activation)
    check_options(a)
    if a.source is not None or a.mask is not None:
        a = resolve(a)
    if is_empty(a.x) and not gathers(a.source):
        check_empty(a)
        check_route(route)
        return of_nothing(a)
    try:
        check_tensors(a)
    except AttributeError:
        check_optional(public.__name__, **{name: getattr(a, name) for name in _TENSORS})  # asked only when it failed
        raise
    return compute(route, a)


_TENSORS = ("running_mean", "running_var", "weight", "bias")
