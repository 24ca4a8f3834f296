"""What may a caller of `fold` ask for?"""

from dataclasses import dataclass, fields

from ...errors import InputTypeError


@dataclass(frozen=True)
class FoldOptions:
    """How batch norm is folded: what `fold` takes besides a model and an example.

    Raises:
        InputTypeError: a value is neither True nor False.

    Example:
        >>> FoldOptions(verify=1)
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: verify: expected True or False, got 1
    """

    verify: bool = True
    """prove it on real and random inputs, and put back what differs"""
    materialize: bool = False
    """replace weights that are computed in each call by what they are now"""

    def __post_init__(self) -> None:
        """Refuse what is no answer to a question of yes or no."""
        for option in fields(self):
            if not isinstance(got := getattr(self, option.name), bool):
                raise InputTypeError(argument=option.name, expected="True or False", got=repr(got))
