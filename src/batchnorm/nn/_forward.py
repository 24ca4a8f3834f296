"""What do all layers do when they are called? They hand their state to a function of `functional`."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ClassVar, Self, SupportsIndex

from torch import Tensor
from torch.nn import Module
from torch.nn.modules.batchnorm import _BatchNorm

from batchnorm.functional import (
    BATCH,
    RUNNING,
    Activation,
    Source,
    as_source,
    batch_norm,
    check_activation,
    check_counter,
    check_given,
    check_route,
    cumulative_momentum,
)

from ..errors import InputError, InputTypeError
from ._activated_by import ACTIVATED_BY, ActivatedBy
from ._guard import GuardedEps
from ._loading import Loads
from ._moments_of import MomentsOf, given_to
from ._recomputing import is_recomputing
from ._scripted import Scripted, is_scripting
from ._traced import is_proxy, method_node, module_node
from ._trial import trial_of


class Forward(Scripted, Loads):
    """torch's state, a forward that is one call, and the two options that torch does not have."""

    __constants__ = [*_BatchNorm.__constants__, *Scripted.__constants__, "axes"]  # noqa: RUF012  # torch's convention
    shapes: ClassVar[dict[int, str]]
    axes: ClassVar[tuple[int, ...]]  # how many an input may have, as TorchScript can read it
    own_step: ClassVar[str | None] = None  # what the layer does besides normalizing and activating
    finds_by_torch: ClassVar[bool] = True  # whether the class leaves it to torch what a name of its state stands for
    checkpoint_safe: bool = True  # whether a forward that a backward runs again leaves the statistics as they are
    activation: Any = ActivatedBy()
    eps = GuardedEps()
    moments = MomentsOf()

    def __init__(
        self,
        *torchs: Any,
        activation: Activation = None,
        route: str = "auto",
        moments: Source | str | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*torchs, **named)  # torch's, which its lazy layers take without the first
        check_activation(activation)
        check_route(route)
        self.activation = activation
        self.route: str = route
        self.moments = moments
        self.__dict__["_tracking"] = None  # there from the start: compiled code looks only at what there was

    def __setattr__(self, name: str, value: Any) -> None:
        """As torch, but that a module is no source of moments: torch would make a submodule of it, and say nothing."""
        given: Any = as_source(value) if name == "moments" else value
        super().__setattr__(name, given)

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "shapes" in vars(cls):
            cls.axes = tuple(cls.shapes)
        found = cls.__getattribute__, getattr(cls, "__getattr__", None)
        cls.finds_by_torch = found == _FOUND and not any(hasattr(cls, name) for name in _STATE)

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002  # torch's name, which callers may use
        """Normalize, scale, shift and activate `input`; in training move the running statistics.

        `mask` is for a source of moments that takes one (`Masked`), and for no other.
        """
        if is_scripting():
            if mask is not None:
                raise TypeError("mask: expected None, for torch's operator takes no mask. Call the layer unscripted.")
            return self._activated(self._by_torch(input))
        if type(input) is Tensor and mask is None:  # the usual call, in few steps
            output, activation = self._call(batch_norm, input), self.activation
            return output if _is_by_name(activation) else self._activate(output)
        return self._traced_or_computed(input, *(() if mask is None else (mask,)))

    def _traced_or_computed(self, input: Tensor, *mask: Tensor) -> Tensor:  # noqa: A002
        if is_proxy(input):
            node = module_node(self, Forward.forward, input, *mask)
            if node is not None:
                return node
        return self._activate(self._computed(input, *mask))

    # torch's forward for TorchScript, which has no super(), and takes a method by the name that its function has.
    _by_torch = FunctionType(_BatchNorm.forward.__code__, _BatchNorm.forward.__globals__, "_by_torch")

    def _computed(self, input: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002  # torch's name
        """What the function gives; a graph of torch.fx in which the layer is no node calls this."""
        if is_proxy(input):
            node = method_node(self, "_computed", input, *(() if mask is None else (mask,)))
            if node is not None:
                return node
        return self._call(batch_norm, input) if mask is None else self._call(batch_norm, input, mask=mask)

    def __prepare_scriptable__(self) -> Self:
        """What torch.jit.script asks for first: the layer, if it may run by the operator of torch."""
        if ACTIVATED_BY in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: torch.jit.script compiles a layer with an activation of its own, got one that "
                f"calls {' and '.join(self.__dict__[ACTIVATED_BY])} in its place. Call batchnorm.revert(model) first."
            )
        if given_to(self) is not None:
            raise RuntimeError(
                f"{type(self).__name__}: torch.jit.script compiles a layer to torch's operator, expected "
                f"moments='batch', got {str(self.moments)!r}. Call batchnorm.nn.set_moments(model, 'batch') first, if "
                "evaluation is all that is to be compiled."
            )
        if self.route in ("auto", "native"):
            return self
        raise RuntimeError(
            f"{type(self).__name__}: torch.jit.script compiles a layer to torch's operator, expected route='auto' or "
            f"'native', got {self.route!r}. Call batchnorm.nn.set_route(model, 'auto') first."
        )

    def _call(self, function: Callable[..., Tensor], input: Tensor, *others: Tensor, **own: object) -> Tensor:  # noqa: A002
        """`function` of `input`, of what else it takes, and of this layer's state, which it moves in training."""
        try:
            self._check_input_dim(input)  # a method of torch's that subclasses override
        except AttributeError:
            self._check_is_tensor(input)  # asked only when it failed: a call of a small layer takes few microseconds
            raise
        running_mean, running_var = self._statistics()
        by_batch = self.training or (running_mean is None and running_var is None)
        counter, trial, momentum, held = None, None, self.momentum, self.__dict__
        source, activation = held.get("_source"), self.activation
        if self.training:
            if self.track_running_stats:
                counter = self._counter(input)
                if held.get("_tracking") is not None or source is not None or is_recomputing():
                    trial = trial_of(self, input, running_mean)
                if trial is None and counter is not None:
                    check_counter(counter)
            else:
                running_mean = running_var = None
        if trial is not None:
            running_mean, running_var = trial.mean, trial.var
            momentum = trial.momentum
        if source is not None:
            own |= self._asks(source, running_mean, self.num_batches_tracked if trial is None else trial.counter)
        output = function(
            input,
            *others,
            running_mean,
            running_var,
            _held(self, self._parameters, "weight"),
            _held(self, self._parameters, "bias"),
            by_batch,
            momentum if momentum is not None else self._average(counter, running_mean),
            held["eps"],  # past the guard, which is for others and would break a graph
            activation=activation if _is_by_name(activation) or not self._activates_later() else None,
            route=self.route,
            **own,
        )
        # Afterwards: a batch that was refused has not been tracked.
        if trial is not None:
            trial.settle(counter, input, own.get("mask"))
        elif counter is not None:
            counter.add_(1)
        return output

    def _asks(self, source: Source, running_mean: Tensor | None, counter: Tensor | None) -> dict[str, object]:
        """The source, as the function takes it; none where all is as in torch, or it would read what there is not."""
        if not source.takes_mask and source.at(training=self.training) is (BATCH if self.training else RUNNING):
            return {}
        if running_mean is None and (source.reads_running or not (self.training or source.takes_mask)):
            return {}  # by the batch, as in torch: evaluation without statistics, and whoever switched them off
        return {"moments": source, "num_batches_tracked": counter}

    def _activates_later(self) -> bool:
        """Whether the activation is called by the layer: a module, as one, so that its hooks run and a tracer sees it.

        What cannot be called is the function's to refuse, before anything has changed; so is a class. What a mask's
        padding is filled with comes behind the activation, which must not see what stands there.
        """
        source = given_to(self)
        later = callable(self.activation) and not isinstance(self.activation, type)
        return later and (source is None or not source.takes_mask)

    def _activate(self, output: Tensor) -> Tensor:
        """The activation of `output`, unless the function has applied it."""
        activation = self.activation
        return activation(output) if callable(activation) and self._activates_later() else output

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  # torch's name
        if is_scripting():
            if input.dim() not in self.axes:
                raise ValueError(f"expected an input of {self.axes} axes, got shape {input.size()}.")
        elif (type(input) is Tensor or not is_proxy(input)) and input.dim() not in self.shapes:
            raise self._wrong_axes(input)

    def _check_is_tensor(self, x: object) -> None:
        check_given(type(self).__name__, f" of shape {' or '.join(self.shapes.values())}", input=x)

    def _wrong_axes(self, input: Tensor) -> ValueError:  # noqa: A002  # torch's name
        return ValueError(
            f"{type(self).__name__}: expected input of shape {' or '.join(self.shapes.values())}, "
            f"got {tuple(input.shape)}. {_LAYERS.get(input.dim(), 'Add the missing axes first')}."
        )

    def _statistics(self) -> tuple[Tensor | None, Tensor | None]:
        """The running statistics, both or none."""
        return _held(self, self._buffers, "running_mean"), _held(self, self._buffers, "running_var")

    def _counter(self, x: Tensor) -> Tensor | None:
        """`num_batches_tracked` if this call in training is to move the running statistics, else None."""
        if not self._tracks():
            return None
        if type(x) is not Tensor and is_proxy(x):
            raise RuntimeError(
                f"{type(self).__name__}: torch.fx records a layer in training mode as a call of one of the traced "
                "model's modules, expected the layer among them, got one that is the model itself or is not in it. "
                "Trace a model that has it, e.g. torch.nn.Sequential(layer), or call layer.eval() first."
            )
        return _held(self, self._buffers, "num_batches_tracked")

    def _tracks(self) -> bool:
        """Whether the source lets a batch in training move the running statistics."""
        source = self.__dict__.get("_source")
        return source is None or source.at(training=True).tracks

    @staticmethod
    def _average(counter: Tensor | None, running_mean: Tensor | None) -> float | Tensor:
        """The momentum of a layer that averages all batches."""
        return 0.0 if counter is None or running_mean is None else cumulative_momentum(counter, running_mean)

    def _get_name(self) -> str:
        """What a printed model calls the layer: torch's of the same name must not look the same."""
        kind = type(self)
        return f"{__package__}.{kind.__name__}" if kind.__module__.startswith(f"{__package__}.") else kind.__name__

    def extra_repr(self) -> str:
        """The text of torch, and what differs from torch's layer."""
        text: str = super().extra_repr()  # type: ignore[no-untyped-call]  # torch's
        if self.activation is not None and not isinstance(self.activation, Module):
            text += f", activation={self.activation!r}"
        if self.route != "auto":
            text += f", route={self.route!r}"
        source = given_to(self)
        return text if source is None else f"{text}, moments={str(source)!r}"


def _is_by_name(activation: object) -> bool:
    """Whether an activation is for the function to apply: most are, and nothing has to be asked."""
    return activation is None or type(activation) is str


_FOUND = object.__getattribute__, Module.__getattr__
_STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _held(layer: Forward, held: Mapping[str, Tensor | None], name: str) -> Tensor | None:
    """An attribute of a layer, by a look into where torch keeps it, which is quicker, if nothing stands before it."""
    if name in held and name not in layer.__dict__ and layer.finds_by_torch:
        return held[name]
    found: Tensor | None = getattr(layer, name)
    return found


def check_num_features(layer: str, num_features: object) -> None:
    """Refuse what is no number of channels: torch takes a shape without a word, and says little of the rest.

    Raises:
        InputTypeError: no integer.
        InputError: a negative one.
    """
    if isinstance(num_features, bool) or not isinstance(num_features, SupportsIndex):
        kind: type[InputTypeError | InputError] = InputTypeError
    elif num_features.__index__() < 0:  # of Python, NumPy or torch
        kind = InputError
    else:
        return
    raise kind(
        verb=layer, argument="num_features", expected="the number of channels, axis 1", got=repr(num_features)[:100]
    )


_LAYERS = {
    2: "For (N, C) use BatchNorm1d, or add the missing axes with unsqueeze",
    3: "For (N, C, L) use BatchNorm1d; a single image needs its batch axis, image[None]",
    4: "For (N, C, H, W) use BatchNorm2d",
    5: "For (N, C, D, H, W) use BatchNorm3d",
}
