"""How do numbers come from memory, and go there? Eight at once, or fewer at the end of a row.

An array is a pointer that knows its type: nothing is checked, nothing counted. Storage may be float32, float64, or
uint16 for bfloat16, which Numba does not know: it is read as float32, exactly, and rounded to nearest, ties to even,
when it is written.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import I1, I8, I16, I32, I64, MASK, WIDTH, Lanes, constant, extract, insert, like, scalar_of, splat, step


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


@intrinsic
def read(_context, array, index):
    """array[index : index + 8] as lanes; no bounds are checked."""

    def codegen(context, builder, sig, args):
        place = builder.gep(args[0], [args[1]])
        element = place.type.pointee
        vector = builder.bitcast(place, ir.VectorType(element, WIDTH).as_pointer())
        value = builder.load(vector, align=context.get_abi_sizeof(element))
        return _from_bfloat16(builder, value) if sig.args[0].dtype == types.uint16 else value

    return Lanes(scalar_of(array.dtype))(array, types.intp), codegen


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


AHEAD = 256
"""How many values before they are read a loop asks for them."""


@intrinsic
def prefetch(_context, array, index):
    """Ask for the cache line of array[index], which need not exist, before it is read."""

    def codegen(context, builder, sig, args):
        place = builder.bitcast(builder.gep(args[0], [args[1]]), I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, I32(0), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def write_mask(_context, array, index, mask):
    """array[index] = mask as the 8 bits of a byte, lane 0 the lowest."""

    def codegen(context, builder, sig, args):
        array, index, mask = args
        builder.store(builder.bitcast(mask, I8), builder.gep(array, [index]))
        return context.get_dummy_value()

    return types.void(array, types.intp, mask), codegen


@intrinsic
def read_mask(_context, array, index):
    """The mask that `write_mask` wrote."""

    def codegen(context, builder, sig, args):
        byte = builder.load(builder.gep(args[0], [args[1]]))
        return builder.bitcast(byte, ir.VectorType(I1, WIDTH))

    return MASK(array, types.intp), codegen


def read_mask_of_four(which):
    """An operation that reads one of four masks that were written side by side; the four share a load."""

    @intrinsic
    def read_one(_context, array, index):
        def codegen(context, builder, sig, args):
            place = builder.bitcast(builder.gep(args[0], [args[1]]), I32.as_pointer())
            kind = ir.VectorType(I32, WIDTH)
            word = splat(builder, builder.load(place, align=1), kind)
            bits = ir.Constant(kind, [_as_signed(1 << (8 * which + lane)) for lane in range(WIDTH)])
            return builder.icmp_unsigned("==", builder.and_(word, bits), bits)

        return MASK(array, types.intp), codegen

    return read_one


def _as_signed(word):
    return word - (1 << 32) if word >> 31 else word


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
    return insert(fill, lane, number)
