"""How does a layer that does more than torch's keep the tools of others from dropping that without a word?

They take any subclass of torch's layers, read weight, bias, statistics and eps, and build something else from these: a
frozen norm, one over ranks, a convolution. Nobody can list them, and all that they have in common is the reading of
`eps`. So `eps` of such a layer is for those alone who are known not to rebuild it; whoever else reads it is told.
"""

import dis
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from torch.nn import Module

from batchnorm.functional import RUNNING

from ._moments_of import given_to

_STATE: Final = {"weight", "bias", "running_mean", "running_var", "num_features", "momentum"} | {
    "state_dict",
    "load_state_dict",
    "parameters",
    "named_parameters",
    "buffers",
    "named_buffers",
    "getattr",
    "vars",
    "__dict__",
}
"""What code names that takes more of a layer than its eps."""

_IN_OUR_NETS: Final = ' A net of batchnorm.models is built of torch\'s own layers by norm="torch".'
_STANDARD_LIBRARY: Final = str(Path(dis.__file__).parent)


class GuardedEps:
    """The attribute `eps`, kept in `__dict__` as torch keeps it, with a look at who reads it.

    A data descriptor: state, copies, pickles and `extra_repr` are as if it were not there.
    """

    def __get__(self, layer: Module | None, owner: type[Module] | None = None) -> float:
        if layer is None:
            raise AttributeError(f"type object {getattr(owner, '__name__', owner)!r} has no attribute 'eps'")
        frame = sys._getframe(1)
        loss = _loss(layer, frame.f_code)
        if loss is not None and not _may_read(frame, layer):
            raise _would_drop(layer, frame, loss)
        if "eps" not in layer.__dict__:
            raise _missing(layer)
        eps: float = layer.__dict__["eps"]
        return eps

    def __set__(self, layer: Module, value: float) -> None:
        layer.__dict__["eps"] = value

    def __delete__(self, layer: Module) -> None:
        if "eps" not in layer.__dict__:
            raise _missing(layer)
        del layer.__dict__["eps"]


def _may_read(frame: FrameType, layer: Module) -> bool:
    """Whether the code that runs in `frame` is known not to build another module from `layer`."""
    module: str = frame.f_globals.get("__name__", "")
    package = module.partition(".")[0]
    if package == __name__.partition(".")[0]:
        return True
    if package in sys.stdlib_module_names and frame.f_code.co_filename.startswith((_STANDARD_LIBRARY, "<frozen")):
        return True  # debuggers, mocks and the like, which read every attribute; not somebody's own copy.py
    if package == "torch":
        return not _names_it(frame.f_code)  # torch.jit, too, reads every attribute, to see which are functions
    return _is_of_its_class(frame.f_code, module, layer) or _only_looks(frame)


def _names_it(code: CodeType) -> bool:
    return "eps" in code.co_names or any("eps" in (c if isinstance(c, tuple) else (c,)) for c in code.co_consts)


def _is_of_its_class(code: CodeType, module: str, layer: Module) -> bool:
    """Whether the code is in a class of the layer: a method, or something inside of one."""
    return any(
        kind.__module__ == module and code.co_qualname.startswith(f"{kind.__qualname__}.")
        for kind in type(layer).__mro__
    )


def _only_looks(frame: FrameType) -> bool:
    """Whether the code asks if there is an eps, or is a line at a prompt, or a debugger's, that takes nothing else."""
    code = frame.f_code
    names = set(code.co_names)
    calls = dis.opname[code.co_code[frame.f_lasti]].startswith("CALL")  # not by the dot, but by a function
    if calls and "hasattr" in names and "getattr" not in names:
        return True
    return code.co_name.startswith(("<module>", "<cell")) and not names & _STATE  # the latter is IPython's


def _would_drop(layer: Module, frame: FrameType, loss: str) -> RuntimeError:
    reader = f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}"
    return RuntimeError(
        f"{type(layer).__name__}: {reader} reads eps, and another module that is built from it would drop {loss} "
        'batchnorm.fold folds the layer as it is; vars(layer)["eps"] is the number alone.'
    )


def _loss(layer: Module, reader: CodeType) -> str | None:
    """What the layer does besides torch's, and how to keep it; None if it does nothing else.

    In evaluation most sources of moments are batch norm as torch's; but what synchronizes norms makes ones to train.
    """
    activation, step = getattr(layer, "activation", None), getattr(layer, "own_step", None)
    named = f"the activation ({activation!r})"
    if step is not None:
        lost = step if activation is None else f"{step} and {named}"
        return (
            f"{lost} of this layer. Put a BatchNorm2d without activation in its place first, which takes its "
            f"state_dict, and do the rest behind it.{_IN_OUR_NETS}"
        )
    source = given_to(layer)
    trains = layer.training or "sync" in reader.co_qualname.lower()
    if source is not None and (trains or source.at(training=False) is not RUNNING):
        otherwise = ", or evaluate (model.eval())" if layer.training and source.at(training=False) is RUNNING else ""
        return (
            f"moments={str(source)!r} of this layer, by which it does not normalize as torch's does. Set layer.moments "
            f"= 'batch' first (batchnorm.nn.set_moments does it for a model){otherwise}."
        )
    if activation is not None:
        return (
            f"{named} of this layer. Take it out first: put it behind the layer as a module of its own "
            f"and set layer.activation = None.{_IN_OUR_NETS}"
        )
    return None


def _missing(layer: Module) -> AttributeError:
    return AttributeError(f"{type(layer).__name__!r} object has no attribute 'eps'")
