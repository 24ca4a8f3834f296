"""What does a kernel compute with? Eight numbers at once: a Numba type for vectors, and what can be done with it.

LLVM vectorizes simple loops by itself, but not these: a loop over a short row spends its time in checks whether
arrays overlap and in scalar remainders, and a load behind a condition stops it altogether. With vectors as values
every row costs what its length says.

`Lanes(float32)` and `Lanes(float64)` know + - * / and the comparisons, which give a `Mask`. A NaN compares false. How
they come from memory and go there is in `memory`.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 8
KERNEL = types.void(types.CPointer(types.int64))
"""The signature of every kernel, which is that of a callback of OpenMP: all arguments in one array, see `slots`."""

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_FLOATS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
# A product and a sum may become one fused operation; nothing else may change, NaN and infinity least of all.
_FLAGS = ("contract", "nsz")


class Lanes(types.Type):
    """Floating-point numbers side by side, eight if nothing is said."""

    def __init__(self, scalar, width=WIDTH):
        self.scalar, self.width = scalar, width
        super().__init__(f"Lanes({scalar}, {width})")


class Mask(types.Type):
    """A truth value for each lane."""

    def __init__(self, width):
        self.width = width
        super().__init__(f"Mask({width})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(_FLOATS[kind.scalar], kind.width))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(I1, kind.width))


def _define(operation, emit, *, compares=False):
    """Teach Numba an operator of two equal kinds of lanes."""

    @infer_global(operation)
    class _Typing(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]:
                return signature(Mask(args[0].width) if compares else args[0], *args)
            return None

    @lower_builtin(operation, Lanes, Lanes)
    def _lower(context, builder, sig, args):
        return emit(builder, *args)


for _operation, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operation, lambda builder, a, b, name=_name: getattr(builder, name)(a, b, flags=_FLAGS))


for _operation, _name in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">=")):
    _define(_operation, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b), compares=True)


def scalar_of(dtype):
    """The type that storage of this type is computed in."""
    return types.float32 if dtype == types.uint16 else dtype


def constant(kind, value):
    """A literal of a type of LLVM, in every lane if it has lanes."""
    return ir.Constant(kind, [value] * kind.count) if isinstance(kind, ir.VectorType) else ir.Constant(kind, value)


def like(element, kind):
    """LLVM's type of such elements with the lanes of `kind`, if it has lanes."""
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def splat(builder, value, kind):
    """One value in every lane."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count))


@intrinsic
def spread(_context, number):
    """The same number in each of eight lanes."""

    def codegen(context, builder, sig, args):
        return splat(builder, args[0], context.get_value_type(sig.return_type))

    return Lanes(number)(number), codegen


@intrinsic
def full(_context, like, number):
    """A literal in every lane, in the type of `like`."""

    def codegen(context, builder, sig, args):
        kind = context.get_value_type(sig.args[0])
        number = args[1] if sig.args[0].scalar == types.float64 else builder.fptrunc(args[1], kind.element)
        return splat(builder, number, kind)

    return like(like, types.float64), codegen


@intrinsic
def widen(_context, value):
    """Lanes as float64."""

    def codegen(context, builder, sig, args):
        kind = context.get_value_type(sig.return_type)
        return args[0] if args[0].type == kind else builder.fpext(args[0], kind)

    return Lanes(types.float64, value.width)(value), codegen


@intrinsic
def where(_context, mask, yes, no):
    """Lane by lane, `yes` where the mask is true, else `no`."""

    def codegen(context, builder, sig, args):
        return builder.select(*args)

    return yes(mask, yes, no), codegen


@intrinsic
def is_nan(_context, value):
    """Whether a lane holds no number."""

    def codegen(context, builder, sig, args):
        return builder.fcmp_unordered("uno", args[0], args[0])

    return Mask(value.width)(value), codegen


@intrinsic
def either(_context, one, other):
    """The union of two masks."""

    def codegen(context, builder, sig, args):
        return builder.or_(*args)

    return one(one, other), codegen


@intrinsic
def both(_context, one, other):
    """The intersection of two masks."""

    def codegen(context, builder, sig, args):
        return builder.and_(*args)

    return one(one, other), codegen


@intrinsic
def invert(_context, mask):
    """The complement of a mask."""

    def codegen(context, builder, sig, args):
        return builder.not_(args[0])

    return mask(mask), codegen


@intrinsic
def total(_context, value):
    """The sum of the lanes, in pairs."""

    def codegen(context, builder, sig, args):
        parts = [builder.extract_element(args[0], I32(lane)) for lane in range(sig.args[0].width)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(parts[i], parts[i + half]) for i in range(half)]
        return parts[0]

    return value.scalar(value), codegen


@intrinsic
def insert(_context, value, lane, number):
    """The lanes with another number in one of them."""

    def codegen(context, builder, sig, args):
        value, lane, number = args
        return builder.insert_element(value, number, builder.trunc(lane, I32))

    return value(value, types.intp, number), codegen


@intrinsic
def extract(_context, value, lane):
    """The number in one lane."""

    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], builder.trunc(args[1], I32))

    return value.scalar(value, types.intp), codegen


def _shuffle(order):
    """An operation that picks lanes of two times eight: 0 to 7 are the first's, 8 to 15 the second's."""

    @intrinsic
    def shuffle(_context, one, other):
        def codegen(context, builder, sig, args):
            return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(I32, WIDTH), order))

        return one(one, other), codegen

    return shuffle


evens = _shuffle([0, 2, 4, 6, 8, 10, 12, 14])


odds = _shuffle([1, 3, 5, 7, 9, 11, 13, 15])


zip_low = _shuffle([0, 8, 1, 9, 2, 10, 3, 11])


zip_high = _shuffle([4, 12, 5, 13, 6, 14, 7, 15])


@intrinsic
def power_of_two(_context, value):
    """2**value for lanes that hold integers in the range of normal exponents."""

    def codegen(context, builder, sig, args):
        mantissa, bias, integer = (52, 1023, I64) if sig.args[0].scalar == types.float64 else (23, 127, I32)
        kind = like(integer, args[0].type)
        exponent = builder.add(builder.fptosi(args[0], kind), constant(kind, bias))
        return builder.bitcast(builder.shl(exponent, constant(kind, mantissa)), args[0].type)

    return value(value), codegen


step = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""The decorator of all that a kernel calls: compiled into its caller, and callable from nowhere else."""
