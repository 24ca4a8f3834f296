"""How does Pillow keep its warnings to itself, in several threads at once?"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LOCK = threading.Lock()
_INSIDE = 0
_FILTER = ExitStack()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Let Pillow's own warnings go unheard in the block; those of everybody else are heard.

    A `warnings.catch_warnings` of each thread would be wrong: the filters belong to the process, and of two blocks
    that overlap the one that ends last would put back what the other has set. So the first to come in sets the filter,
    and the last to go out puts back what was.

    Example:
        >>> with quiet_pillow(), quiet_pillow():
        ...     warnings.filters[0][0]
        'ignore'
        >>> warnings.filters[0][0] == "ignore" and "PIL" in str(warnings.filters[0])
        False
    """
    global _INSIDE  # noqa: PLW0603 - the filters are the process's, too
    with _LOCK:
        _INSIDE += 1
        if _INSIDE == 1:
            _FILTER.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE -= 1
            if not _INSIDE:
                _FILTER.close()
