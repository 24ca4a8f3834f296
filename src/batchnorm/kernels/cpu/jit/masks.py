"""How are truth values kept? A bit a value: of eight lanes they are a byte, lane 0 its lowest bit."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .lanes import I1, I32, WIDTH, Mask, splat


@intrinsic
def write_mask(_context, array, index, mask):
    """Write a mask to the bytes from array[index]."""

    def codegen(context, builder, sig, args):
        array, index, mask = args
        bits = builder.bitcast(mask, ir.IntType(sig.args[2].width))
        place = builder.bitcast(builder.gep(array, [index]), bits.type.as_pointer())
        builder.store(bits, place, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, mask), codegen


@intrinsic
def read_mask(_context, array, index, like):
    """The mask that `write_mask` wrote, of as many lanes as `like` has."""

    def codegen(context, builder, sig, args):
        width = sig.return_type.width
        place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(width).as_pointer())
        return builder.bitcast(builder.load(place, align=1), ir.VectorType(I1, width))

    return Mask(like.width)(array, types.intp, like), codegen


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

        return Mask(WIDTH)(array, types.intp), codegen

    return read_one


def _as_signed(word):
    return word - (1 << 32) if word >> 31 else word
