"""How do numbers come from memory, and go there? Eight at once, or fewer at the end of a row.

An array is a pointer that knows its type: nothing is checked, nothing counted. Storage may be float32, float64, or
uint16 for bfloat16, which Numba does not know: it is read as float32, exactly, and rounded to nearest, ties to even,
when it is written.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import I8, I16, I32, I64, WIDTH, Lanes, constant, extract, insert, like, scalar_of, step


def _from_bfloat16(builder, bits):
    """The float32 whose upper half is `bits`; of a number or of lanes."""
    wide = like(I32, bits.type)
    return builder.bitcast(builder.shl(builder.zext(bits, wide), constant(wide, 16)), like(ir.FloatType(), bits.type))


def _to_bfloat16(builder, value):
    """The nearest bfloat16, ties to even; a NaN stays one, although rounding could carry it to infinity."""
    wide = like(I32, value.type)
    bits = builder.bitcast(value, wide)
    upper = builder.lshr(bits, constant(wide, 16))
    odd = builder.and_(upper, constant(wide, 1))
    rounded = builder.lshr(builder.add(builder.add(bits, odd), constant(wide, 0x7FFF)), constant(wide, 16))
    quiet = builder.or_(upper, constant(wide, 0x40))
    chosen = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.trunc(chosen, like(I16, value.type))


def _load(builder, kind, array, index, width):
    """As many values from the place of array[index], whose type is `kind`."""
    place = builder.gep(array, [index])
    vector = builder.bitcast(place, ir.VectorType(place.type.pointee, width).as_pointer())
    value = builder.load(vector, align=_bytes(kind.dtype))
    return _from_bfloat16(builder, value) if kind.dtype == types.uint16 else value


def _store(builder, kind, array, index, value):
    """Put the values into the place of array[index]; return the instruction."""
    place = builder.gep(array, [index])
    if kind.dtype == types.uint16:
        value = _to_bfloat16(builder, value)
    vector = builder.bitcast(place, value.type.as_pointer())
    return builder.store(value, vector, align=_bytes(kind.dtype))


def _bytes(dtype):
    return dtype.bitwidth // 8


@intrinsic
def read(_context, array, index):
    """array[index : index + 8] as lanes; no bounds are checked."""

    def codegen(context, builder, sig, args):
        return _load(builder, sig.args[0], *args, WIDTH)

    return Lanes(scalar_of(array.dtype))(array, types.intp), codegen


WIDE = 128
"""Bytes of the widest lanes: two cache lines, and few enough for a sum or two to stay in the registers."""


@intrinsic
def read_wide(_context, array, index):
    """`read` as many values as there are in `WIDE` bytes of the type that is computed with."""
    scalar = scalar_of(array.dtype)
    width = WIDE // _bytes(scalar)

    def codegen(context, builder, sig, args):
        return _load(builder, sig.args[0], *args, width)

    return Lanes(scalar, width)(array, types.intp), codegen


@intrinsic
def read_like(_context, array, index, like):
    """`read` as many values as `like` has."""

    def codegen(context, builder, sig, args):
        return _load(builder, sig.args[0], *args[:2], sig.args[2].width)

    return Lanes(scalar_of(array.dtype), like.width)(array, types.intp, like), codegen


@intrinsic
def loaded(_context, value):
    """The value, loaded before a mask chooses from it: LLVM would make both one operation, which waits for the mask."""

    def codegen(context, builder, sig, args):
        kind = args[0].type
        scalar = {"float": "f32", "double": "f64"}[str(kind.element)]
        fence = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind]), f"llvm.arithmetic.fence.v{kind.count}{scalar}"
        )
        return builder.call(fence, args)

    return value(value), codegen


@intrinsic
def write(_context, array, index, value):
    """array[index : index + the width of value] = value, rounded to the array's type."""

    def codegen(context, builder, sig, args):
        _store(builder, sig.args[0], *args)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def write_past(_context, array, index, value):
    """`write` past the caches, which saves reading the line first; the place must be aligned to eight values."""

    def codegen(context, builder, sig, args):
        array, index, value = args
        for first in range(0, sig.args[2].width, WIDTH):
            order = ir.Constant(ir.VectorType(I32, WIDTH), list(range(first, first + WIDTH)))
            part = builder.shuffle_vector(value, value, order)
            store = _store(builder, sig.args[0], array, builder.add(index, I64(first)), part)
            store.align = WIDTH * _bytes(sig.args[0].dtype)
            store.set_metadata("nontemporal", builder.module.add_metadata([I32(1)]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def get(_context, array, index):
    """array[index] as the number that is computed with."""

    def codegen(context, builder, sig, args):
        value = builder.load(builder.gep(args[0], [args[1]]))
        return _from_bfloat16(builder, value) if sig.args[0].dtype == types.uint16 else value

    return scalar_of(array.dtype)(array, types.intp), codegen


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


@intrinsic
def prefetch(_context, array, index):
    """Ask for the cache line of array[index], which need not exist, before it is read."""

    def codegen(context, builder, sig, args):
        _prefetch(builder, *args)
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def prefetch_like(_context, array, index, like):
    """`prefetch` as many values from there as `like` has."""

    def codegen(context, builder, sig, args):
        line = LINE // _bytes(sig.args[0].dtype)
        for first in range(0, sig.args[2].width, line):
            _prefetch(builder, args[0], builder.add(args[1], I64(first)))
        return context.get_dummy_value()

    return types.void(array, types.intp, like), codegen


LINE = 64
"""Bytes of a cache line."""


def _prefetch(builder, array, index):
    place = builder.bitcast(builder.gep(array, [index]), I8.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [place, I32(0), I32(3), I32(1)])


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
        return builder.atomic_rmw("add", args[0], I64(1), "monotonic")

    return types.int64(arguments), codegen


@intrinsic
def width_of(_context, value):
    """How many lanes there are."""

    def codegen(context, builder, sig, args):
        return I64(sig.args[0].width)

    return types.intp(value), codegen


@step
def read_some(array, index, count, fill):
    """The first `count` lanes from the array, the others `fill`."""
    value = fill
    for lane in range(count):
        value = insert(value, lane, get(array, index + lane))
    return value


@step
def write_some(array, index, count, value):
    """Write the first `count` lanes."""
    for lane in range(count):
        put(array, index + lane, extract(value, lane))


@step
def some(array, index, count, fill):
    """Up to as many values as `fill` has."""
    return read_like(array, index, fill) if count >= width_of(fill) else read_some(array, index, count, fill)


@step
def give(array, index, count, value, stream):
    """Write up to all values, past the caches if `stream` says so."""
    if count < width_of(value):
        write_some(array, index, count, value)
    elif stream:
        write_past(array, index, value)
    else:
        write(array, index, value)


@step
def alone(number, lane, fill):
    """One number in its lane, the other lanes as in `fill`."""
    return insert(fill, lane, number)
