"""The one exception that means: what the caller gave cannot be used."""


class InputError(ValueError):
    """An option, a file or a model that was handed in cannot be used.

    The message says which argument, what was expected, what was got and what to do next, so that the command
    line can print it alone and exit with 2. Every other exception is a failure of ours and keeps its traceback.

    Example:
        >>> raise InputError("--epochs: expected an integer >= 1, got -1")
        Traceback (most recent call last):
        batchnorm.errors.InputError: --epochs: expected an integer >= 1, got -1
    """
