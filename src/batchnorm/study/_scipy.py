"""Who has the distributions of Student's t? scipy, which comes with `batchnorm[study]`."""

from types import ModuleType

from ..errors import RefusedError


def special_functions() -> ModuleType:
    """Return `scipy.special`.

    Raises:
        RefusedError: it cannot be imported.

    Example:
        >>> print(f"{special_functions().stdtrit(5, 0.975):.2f}")
        2.57
    """
    try:
        from scipy import special
    except ImportError as error:
        cure = "Install it: pip install 'batchnorm[study]'"
        raise RefusedError(f"a study needs scipy, which cannot be imported ({error})", cure=cure) from error
    found: ModuleType = special
    return found
