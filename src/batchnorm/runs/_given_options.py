"""Are the options that a caller gave those of the verb?"""

from ..errors import InputTypeError, its_type


def check_options(options: object, kind: type) -> None:
    """Refuse what is no object of the verb's options, such as a dict of them.

    Raises:
        InputTypeError: it is of another type.

    Example:
        >>> from batchnorm.statistics import RecalibrationOptions
        >>> check_options({"method": "exact"}, RecalibrationOptions)
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: options: expected a RecalibrationOptions, got a dict. Write \
options=RecalibrationOptions(...).
    """
    if not isinstance(options, kind):
        raise InputTypeError(
            argument="options",
            expected=f"a {kind.__name__}",
            got=its_type(options),
            cure=f"Write options={kind.__name__}(...).",
        )
