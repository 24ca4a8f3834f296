"""What does a kernel compute with? Eight numbers at once: a Numba type for vectors, and what can be done with it.

LLVM vectorizes simple loops by itself, but not these: a loop over a short row spends its time in checks whether
arrays overlap and in scalar remainders, and a load behind a condition stops it altogether. With vectors as values
every row costs what its length says, and the kernels compile in a quarter of a second.

`Lanes(float32)` and `Lanes(float64)` know + - * / and the comparisons, which give a `Mask`. A NaN compares false.
Storage may be float32, float64, or uint16 for bfloat16, which Numba does not know: it is read as float32, exactly,
and rounded to nearest, ties to even, when it is written.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 8
KERNEL = types.void(types.CPointer(types.int64))
"""The signature of every kernel, which is that of a callback of OpenMP: all arguments in one array, see `slots`."""

_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_FLOATS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
# A product and a sum may become one fused operation; nothing else may change, NaN and infinity least of all.
_FLAGS = ("contract", "nsz")


class Lanes(types.Type):
    """Eight floating-point numbers."""

    def __init__(self, scalar):
        self.scalar = scalar
        super().__init__(f"Lanes({scalar})")


class Mask(types.Type):
    """Eight truth values."""

    def __init__(self):
        super().__init__("Mask")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(_FLOATS[kind.scalar], WIDTH))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(_I1, WIDTH))


_MASK = Mask()
_DOUBLES = Lanes(types.float64)


def _define(operation, result, emit):
    """Teach Numba an operator of two equal kinds of lanes."""

    @infer_global(operation)
    class _Typing(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Lanes) and args[0] == args[1]:
                return signature(result or args[0], *args)
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
    _define(_operation, None, lambda builder, a, b, name=_name: getattr(builder, name)(a, b, flags=_FLAGS))
for _operation, _name in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">=")):
    _define(_operation, _MASK, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b))


def _scalar_of(dtype):
    """The type that storage of this type is computed in."""
    return types.float32 if dtype == types.uint16 else dtype


def _splat(builder, value, kind):
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_I32, WIDTH), [0] * WIDTH))


def _constant(kind, value):
    return ir.Constant(kind, [value] * kind.count) if isinstance(kind, ir.VectorType) else ir.Constant(kind, value)


def _like(element, kind):
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _from_bfloat16(builder, bits):
    """The float32 whose upper half is `bits`; of a number or of lanes."""
    wide = _like(_I32, bits.type)
    return builder.bitcast(builder.shl(builder.zext(bits, wide), _constant(wide, 16)), _like(ir.FloatType(), bits.type))


def _to_bfloat16(builder, value):
    """The nearest bfloat16, ties to even; a NaN stays one, although rounding could carry it to infinity."""
    wide = _like(_I32, value.type)
    bits = builder.bitcast(value, wide)
    upper = builder.lshr(bits, _constant(wide, 16))
    odd = builder.and_(upper, _constant(wide, 1))
    rounded = builder.lshr(builder.add(builder.add(bits, odd), _constant(wide, 0x7FFF)), _constant(wide, 16))
    quiet = builder.or_(upper, _constant(wide, 0x40))
    chosen = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.trunc(chosen, _like(_I16, value.type))


@intrinsic
def read(_context, array, index):
    """array[index : index + 8] as lanes; no bounds are checked."""

    def codegen(context, builder, sig, args):
        place = builder.gep(args[0], [args[1]])
        element = place.type.pointee
        vector = builder.bitcast(place, ir.VectorType(element, WIDTH).as_pointer())
        value = builder.load(vector, align=context.get_abi_sizeof(element))
        return _from_bfloat16(builder, value) if sig.args[0].dtype == types.uint16 else value

    return Lanes(_scalar_of(array.dtype))(array, types.intp), codegen


@intrinsic
def write(_context, array, index, value):
    """array[index : index + 8] = value, rounded to the array's type."""

    def codegen(context, builder, sig, args):
        array, index, value = args
        place = builder.gep(array, [index])
        element = place.type.pointee
        if sig.args[0].dtype == types.uint16:
            value = _to_bfloat16(builder, value)
        vector = builder.bitcast(place, ir.VectorType(element, WIDTH).as_pointer())
        builder.store(value, vector, align=context.get_abi_sizeof(element))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def write_past(_context, array, index, value):
    """`write` past the caches, which saves reading the line first; the place must be aligned to eight values."""

    def codegen(context, builder, sig, args):
        array, index, value = args
        place = builder.gep(array, [index])
        element = place.type.pointee
        if sig.args[0].dtype == types.uint16:
            value = _to_bfloat16(builder, value)
        vector = builder.bitcast(place, ir.VectorType(element, WIDTH).as_pointer())
        store = builder.store(value, vector, align=WIDTH * context.get_abi_sizeof(element))
        store.set_metadata("nontemporal", builder.module.add_metadata([_I32(1)]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def get(_context, array, index):
    """array[index] as the number that is computed with."""

    def codegen(context, builder, sig, args):
        value = builder.load(builder.gep(args[0], [args[1]]))
        return _from_bfloat16(builder, value) if sig.args[0].dtype == types.uint16 else value

    return _scalar_of(array.dtype)(array, types.intp), codegen


@intrinsic
def put(_context, array, index, value):
    """array[index] = value, rounded to the array's type."""

    def codegen(context, builder, sig, args):
        array, index, value = args
        if sig.args[0].dtype == types.uint16:
            value = _to_bfloat16(builder, value)
        builder.store(value, builder.gep(array, [index]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


AHEAD = 256
"""How many values before they are read a loop asks for them."""


@intrinsic
def prefetch(_context, array, index):
    """Ask for the cache line of array[index], which need not exist, before it is read."""

    def codegen(context, builder, sig, args):
        place = builder.bitcast(builder.gep(args[0], [args[1]]), _I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def spread(_context, number):
    """The same number in every lane."""

    def codegen(context, builder, sig, args):
        return _splat(builder, args[0], context.get_value_type(sig.return_type))

    return Lanes(number)(number), codegen


@intrinsic
def full(_context, like, number):
    """A literal in every lane, in the type of `like`."""

    def codegen(context, builder, sig, args):
        kind = context.get_value_type(sig.args[0])
        number = args[1] if sig.args[0] == _DOUBLES else builder.fptrunc(args[1], kind.element)
        return _splat(builder, number, kind)

    return like(like, types.float64), codegen


@intrinsic
def widen(_context, value):
    """Lanes as float64."""

    def codegen(context, builder, sig, args):
        return args[0] if sig.args[0] == _DOUBLES else builder.fpext(args[0], ir.VectorType(ir.DoubleType(), WIDTH))

    return _DOUBLES(value), codegen


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

    return _MASK(value), codegen


@intrinsic
def either(_context, one, other):
    """The union of two masks."""

    def codegen(context, builder, sig, args):
        return builder.or_(*args)

    return _MASK(one, other), codegen


@intrinsic
def both(_context, one, other):
    """The intersection of two masks."""

    def codegen(context, builder, sig, args):
        return builder.and_(*args)

    return _MASK(one, other), codegen


@intrinsic
def invert(_context, mask):
    """The complement of a mask."""

    def codegen(context, builder, sig, args):
        return builder.not_(args[0])

    return _MASK(mask), codegen


@intrinsic
def write_mask(_context, array, index, mask):
    """array[index] = mask as the 8 bits of a byte, lane 0 the lowest."""

    def codegen(context, builder, sig, args):
        array, index, mask = args
        builder.store(builder.bitcast(mask, _I8), builder.gep(array, [index]))
        return context.get_dummy_value()

    return types.void(array, types.intp, mask), codegen


@intrinsic
def read_mask(_context, array, index):
    """The mask that `write_mask` wrote."""

    def codegen(context, builder, sig, args):
        byte = builder.load(builder.gep(args[0], [args[1]]))
        return builder.bitcast(byte, ir.VectorType(_I1, WIDTH))

    return _MASK(array, types.intp), codegen


def read_mask_of_four(which):
    """An operation that reads one of four masks that were written side by side; the four share a load."""

    @intrinsic
    def read_one(_context, array, index):
        def codegen(context, builder, sig, args):
            place = builder.bitcast(builder.gep(args[0], [args[1]]), _I32.as_pointer())
            kind = ir.VectorType(_I32, WIDTH)
            word = _splat(builder, builder.load(place, align=1), kind)
            bits = ir.Constant(kind, [_as_signed(1 << (8 * which + lane)) for lane in range(WIDTH)])
            return builder.icmp_unsigned("==", builder.and_(word, bits), bits)

        return _MASK(array, types.intp), codegen

    return read_one


def _as_signed(word):
    return word - (1 << 32) if word >> 31 else word


@intrinsic
def total(_context, value):
    """The sum of the lanes, in pairs."""

    def codegen(context, builder, sig, args):
        parts = [builder.extract_element(args[0], _I32(lane)) for lane in range(WIDTH)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(parts[i], parts[i + half]) for i in range(half)]
        return parts[0]

    return value.scalar(value), codegen


@intrinsic
def _insert(_context, value, lane, number):
    def codegen(context, builder, sig, args):
        value, lane, number = args
        return builder.insert_element(value, number, builder.trunc(lane, _I32))

    return value(value, types.intp, number), codegen


@intrinsic
def _extract(_context, value, lane):
    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], builder.trunc(args[1], _I32))

    return value.scalar(value, types.intp), codegen


def _shuffle(order):
    """An operation that picks lanes of two: 0 to 7 are the first's, 8 to 15 the second's."""

    @intrinsic
    def shuffle(_context, one, other):
        def codegen(context, builder, sig, args):
            return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(_I32, WIDTH), order))

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
        mantissa, bias, integer = (52, 1023, _I64) if sig.args[0] == _DOUBLES else (23, 127, _I32)
        kind = ir.VectorType(integer, WIDTH)
        exponent = builder.add(builder.fptosi(args[0], kind), _constant(kind, bias))
        return builder.bitcast(builder.shl(exponent, _constant(kind, mantissa)), args[0].type)

    return value(value), codegen


@intrinsic
def view(_context, address, dtype):
    """The numbers that begin at an address, as an array without an end: nothing is checked, nothing counted."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(dtype.dtype)(types.int64, dtype), codegen


@intrinsic
def shifted(_context, array, count):
    """The array that begins `count` values later."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return array(array, types.intp), codegen


@intrinsic
def as_float(_context, bits):
    """The float64 that has these 64 bits."""

    def codegen(context, builder, sig, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def take_ticket(_context, arguments):
    """arguments[0], which grows by 1 in the same instant: every thread of a team gets another."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", args[0], _I64(1), "monotonic")

    return types.int64(arguments), codegen


step = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""The decorator of all that a kernel calls: compiled into its caller, and callable from nowhere else."""


@step
def read_some(array, index, count, fill):
    """The first `count` lanes from the array, the others `fill`."""
    value = fill
    for lane in range(count):
        value = _insert(value, lane, get(array, index + lane))
    return value


@step
def write_some(array, index, count, value):
    """Write the first `count` lanes."""
    for lane in range(count):
        put(array, index + lane, _extract(value, lane))


@step
def some(array, index, count, fill):
    """Up to eight values."""
    return read(array, index) if count >= 8 else read_some(array, index, count, fill)


@step
def give(array, index, count, value, stream):
    """Write up to eight values, past the caches if `stream` says so."""
    if count < 8:
        write_some(array, index, count, value)
    elif stream:
        write_past(array, index, value)
    else:
        write(array, index, value)


@step
def alone(number, lane, fill):
    """One number in its lane, the other lanes as in `fill`."""
    return _insert(fill, lane, number)
