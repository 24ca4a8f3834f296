"""What does torch say of a connection, without where in its code it says so, and without its advice?"""

import re

_PLACE = re.compile(r"\[[^][]*\.(?:cc|cpp|h):\d+\] *")


def said_by_torch(error: BaseException) -> str:
    """Return the first line of what torch raised; of what gloo says behind a place in its code, the first sentence.

    Example:
        >>> said_by_torch(RuntimeError("[/gloo/pair.cc:537] Read error [10.0.0.1]:99: Connection reset. Check it."))
        'Read error [10.0.0.1]:99: Connection reset'
        >>> said_by_torch(RuntimeError("The server does not listen. port: 29500"))
        'The server does not listen. port: 29500'
    """
    line = (str(error).splitlines() or [type(error).__name__])[0]
    place = _PLACE.match(line)
    return line[place.end() :].partition(". ")[0] if place else line
