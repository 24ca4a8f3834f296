"""Which weights do timm and torchvision offer for a net, and how are they had without running what is in a file?"""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import InputError
from ._own_model import described
from ._zoo_libraries import LIBRARIES


def pretrained(name: str) -> tuple[str, dict[str, Tensor]]:
    """Return the weights that a library offers for one of its nets, from its cache or the network, and their name.

    Args:
        name: `timm:NAME`, `timm:NAME.TAG`, `torchvision:NAME` or `torchvision:NAME.WEIGHTS`; without a tag those that
            the library takes by default.

    Raises:
        InputError: the library is not installed, has no such net, no such weights of it, or they cannot be fetched.
    """
    kind, _, member = name.partition(":")
    try:
        library = LIBRARIES[kind]()
        plain, _, tag = member.partition(".")
        library.check(plain)
        library.check_weights(plain, tag)
    except InputError as error:
        raise InputError.of(replace(error.fault, argument="init")) from error
    try:
        with torch.random.fork_rng(devices=[]):  # a net is made on the way
            found, tensors = library.weights(plain, tag)
    except Exception as error:  # of the network, of a cache, or of the library
        raise InputError(
            f"{name}: its weights cannot be had: {described(error)}",
            argument="init",
            cure=f"They come from {kind}'s own cache, or from the network. Where there is none, pass a file with them.",
        ) from error
    return f"{kind}:{found}", tensors
