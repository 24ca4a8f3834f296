"""Why can the input of a norm not be measured?"""

from torch import Tensor

from ..errors import ForPython, InputError, Words, its_type
from ..norms import Norm


def wrong_shape(norm: Norm, x: object, batch: int) -> InputError:
    """The norm was given no tensor with its channels."""
    got = f"the shape {tuple(x.shape)}" if isinstance(x, Tensor) else its_type(x)
    return InputError(
        expected=f"the input of {norm.name} to have the shape (N, {len(norm.mean)}, *)", got=f"{got} in batch {batch}"
    )


def exchanged(norm: Norm, batch: int) -> InputError:
    """The norm was called with other statistics than its own."""
    return InputError(
        argument="model",
        expected=f"{norm.name} to be called with its own running statistics",
        got=(f"others in batch {batch}, as given by torch.func.functional_call or by a train() that exchanges them"),
        cure="Use a model that holds them itself.",
    )


def unheard(norm: Norm, batch: int) -> InputError:
    """No operator normalized by the norm's statistics."""
    return InputError(
        argument="model",
        expected=(f"an operator that normalizes in each call of {norm.name} ({norm.kind}), as with the first batch"),
        got=f"a call without one in batch {batch}",
        cure=ForPython("To leave this norm as it is, put it in evaluation mode in a model in training mode."),
    )


def single(norm: Norm, batch: int, instead: Words) -> InputError:
    """The batch has no variance."""
    return InputError(
        expected="more than one value per channel",
        got=f"one for {norm.name} in batch {batch}, which has no variance",
        cure=instead,
    )


def unfit(norm: Norm, batch: int, *, finite: bool) -> InputError:
    """The moments are not finite, or too large for the norm's buffers."""
    dtype = str(norm.mean.dtype).removeprefix("torch.")
    what = f"moments that {dtype} can hold" if finite else "finite values"
    got = "larger ones" if finite else "NaN or infinity"
    return InputError(
        expected=f"{what} in the input of {norm.name}",
        got=f"{got} in batch {batch}",
        cure="Look for NaN and infinity in that batch, and in the weights of the layers before.",
    )
