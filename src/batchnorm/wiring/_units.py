"""Which parts of a pass does somebody know the arithmetic of? Norms, and products with a weight of the model."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from ..norms import forward_of, is_norm
from ._events import ModuleCall, Operation, Pass, Value
from ._normalizations import Normalization, normalizations_of
from ._schema import arguments


@dataclass(frozen=True, slots=True, eq=False)
class NormCall:
    """One call of a module with `running_mean` and `running_var`; its channels lie along axis 1.

    Attributes:
        events: the operators that ran inside it, its children's included.
        own: those of them that its own forward called.
        norms: what was normalized in it, by itself or by its children.
        children: the calls that it made, the outermost alone.
    """

    call: ModuleCall
    input: Value
    output: Value | None
    events: range
    own: tuple[Operation, ...]
    norms: tuple[Normalization, ...]
    children: tuple[ModuleCall, ...]
    axis: int = 1

    @property
    def name(self) -> str:
        """The norm's name in the model."""
        return self.call.name


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A convolution or a matrix product of data with a weight: its channels, and where weight and bias come from.

    Attributes:
        where: the module that it ran in.
        weight_value: the weight, as the model holds it or as the operator was given it.
        bias_value: the same of the bias, None where there is none.
        in_axis: where the input's channels lie.
        out_axis: where the output's lie.
        out_first: whether the weight's first axis is the output's (a convolution, `F.linear`), or the last (`x @ w`).
        transposed: a transposed convolution, whose weight begins with the input's channels.
        groups: of a convolution.
        zero_padded: zeros stand around the input.
        owner: the module whose own stock forward this is, if it is one, so that it would use a bias that it got.
    """

    input: Value
    output: Value
    events: range
    where: str
    weight_value: Value
    bias_value: Value | None
    in_axis: int
    out_axis: int
    out_first: bool = True
    transposed: bool = False
    groups: int = 1
    zero_padded: bool = False
    owner: str | None = None


Unit = NormCall | Product
"""One piece of known arithmetic in a pass."""


def find_units(seen: Pass) -> list[Unit]:
    """Every norm that was called and every product with a weight, in the order in which they began."""
    units: list[Unit] = [*_norm_calls(seen)]
    taken = {index for unit in units for index in unit.events}
    linear = [unit for unit in _linear_calls(seen) if taken.isdisjoint(unit.events)]
    taken |= {index for unit in linear for index in unit.events}
    loose = [
        unit for operation in seen.operations if operation.index not in taken for unit in _product(seen, operation)
    ]
    products = [unit for unit in (*linear, *loose) if unit.input.storage != unit.weight_value.storage]
    return sorted([*units, *products], key=lambda unit: (unit.events.start, unit.events.stop))


def _norm_calls(seen: Pass) -> Iterator[NormCall]:
    inside: set[int] = set()
    normalizations = [*normalizations_of(seen)]
    for call in seen.calls:
        if inside.intersection(call.parents) or not is_norm(call.module) or not call.finished:
            continue
        if call.input is None or call.opaque_input is not None:
            continue
        inside.add(call.index)
        events = range(call.start, call.end)
        own = tuple(
            operation for operation in seen.operations[call.start : call.end] if operation.calls[-1] == call.index
        )
        children = tuple(other for other in seen.calls if other.parents and other.parents[-1] == call.index)
        norms = tuple(norm for norm in normalizations if call.index in norm.calls)
        yield NormCall(call, call.input, call.output, events, own, norms, children)


def _linear_calls(seen: Pass) -> Iterator[Product]:
    """Calls of `nn.Linear` itself: its operators depend on the number of axes and on the layout."""
    for call in seen.calls:
        module = call.module
        if not isinstance(module, nn.Linear) or not call.finished or call.input is None or call.output is None:
            continue
        if forward_of(module) is not nn.Linear.forward:
            continue
        weight, bias = (seen.values.get(f"{call.name}.{part}".removeprefix(".")) for part in ("weight", "bias"))
        if weight is None or (bias is None and module._parameters.get("bias", ()) is not None):
            continue  # computed anew in each call, and an attribute meanwhile
        if not {value.storage for value in (weight, bias) if value} <= seen.read_in(call):
            continue  # called with somebody else's
        events, last = range(call.start, call.end), len(call.output.shape) - 1
        yield Product(call.input, call.output, events, call.name, weight, bias, last, last, owner=call.name)


def _product(seen: Pass, operation: Operation) -> Iterator[Product]:
    make = _PRODUCTS.get(operation.name)
    found = make(seen, operation) if make else None
    if found is not None:
        yield found


def _convolution(seen: Pass, operation: Operation) -> Product | None:
    args = arguments(operation)
    x, weight, bias, transposed = args["input"], args["weight"], args["bias"], bool(args["transposed"])
    (output,) = operation.outputs
    if not isinstance(x, Value) or not isinstance(weight, Value) or not isinstance(bias, Value | None):
        return None
    return Product(
        x,
        output,
        range(operation.index, operation.index + 1),
        innermost(seen, operation),
        weight,
        bias,
        in_axis=1,
        out_axis=1,
        transposed=transposed,
        groups=int(args["groups"]),
        zero_padded=any(args["padding"]) or transposed,
        owner=_stock_owner(seen, operation),
    )


def _addmm(seen: Pass, operation: Operation) -> Product | None:
    args = arguments(operation)
    if args["beta"] != 1 or args["alpha"] != 1:
        return None
    return _matrix(seen, operation, args["mat1"], args["mat2"], args["self"])


def _mm(seen: Pass, operation: Operation) -> Product | None:
    args = arguments(operation)
    return _matrix(seen, operation, args["self"], args["mat2"], None)


def _matrix(seen: Pass, operation: Operation, x: object, matrix: object, bias: object) -> Product | None:
    (output,) = operation.outputs
    if not isinstance(x, Value) or not isinstance(matrix, Value) or not isinstance(bias, Value | None):
        return None
    if bias is not None and bias.shape != output.shape[1:]:
        return None
    names = seen.tensors.get(matrix.storage)
    if not names:
        return None
    held = seen.values[names[0]]
    flipped = (held.shape[::-1], held.stride[::-1], held.offset) == (matrix.shape, matrix.stride, matrix.offset)
    # A square matrix may be both only if it is symmetric in memory, which a stride of its own excludes.
    straight = (held.shape, held.stride, held.offset) == (matrix.shape, matrix.stride, matrix.offset)
    if len(held.shape) != 2 or flipped == straight:
        return None
    events = range(operation.index, operation.index + 1)
    return Product(x, output, events, innermost(seen, operation), held, bias, 1, 1, out_first=flipped)


_PRODUCTS = {
    "aten.convolution": _convolution,
    "aten.addmm": _addmm,
    "aten.mm": _mm,
}


def innermost(seen: Pass, event: Operation | Normalization) -> str:
    """The name of the module that an operator, or a norm of a function's, ran in."""
    return seen.calls[event.calls[-1]].name if event.calls else ""


_CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def _stock_owner(seen: Pass, operation: Operation) -> str | None:
    """The convolution that the operator ran in, if its forward is torch's."""
    if not operation.calls:
        return None
    call = seen.calls[operation.calls[-1]]
    for kind in _CONVOLUTIONS:
        if isinstance(call.module, kind) and forward_of(call.module) is kind.forward:
            inner = vars(call.module).get("_conv_forward", type(call.module)._conv_forward)
            return call.name if inner is kind._conv_forward else None
    return None
