"""How does a command print what came of it?"""

from rich.console import Console

from ..records import Record
from ..tables import Table


def show(*results: Record | Table) -> None:
    """Print records or tables on the standard output: in colours and wrapped at a terminal."""
    console = Console()
    with console.capture() as capture:
        for number, result in enumerate(results):
            if number:
                console.print()
            # Without `crop`: a path that is longer than a line goes on in the next one, and can be copied.
            console.print(result, crop=False)
    print("\n".join(line.rstrip(" ") for line in capture.get().splitlines()))
