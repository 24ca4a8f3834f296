"""Which public nets may `recalibrate(method="exact")` leave in the middle of a forward, and which must it complete?

`python benchmarks/left_forwards.py` builds the nets of benchmarks/zoo.py, one after the other, and prints a line for
each that is completed. A net is left where all of its modules are PyTorch's, this library's, torchvision's or timm's.
"""

import zoo

from batchnorm import __version__
from batchnorm.measuring import may_be_left


def main() -> None:
    """Print the nets that are completed, and how many there are."""
    completed = [name for name in zoo.NETS if not may_be_left(zoo.build(name))]
    for name in completed:
        print(f"completed: {name}")
    print(f"batchnorm {__version__}: {len(zoo.NETS) - len(completed)} of {len(zoo.NETS)} nets may be left in a forward")


if __name__ == "__main__":
    main()
