"""How does a command print what came of it?"""

from rich.console import Console

from ..records import Record
from ..tables import Table


def show(result: Record | Table) -> None:
    """Print the tables of a record, or one, on the standard output: in colours and wrapped at a terminal."""
    # Without `crop`: a path that is longer than a line goes on in the next one, and can be copied.
    Console().print(result, crop=False)
