"""How is the option found that suits each arm best?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Search:
    """A plain grid for the option that an arm has as `"own"`, judged on validation images with the same budget.

    `measure` is run with each value of the grid on the training images less a tenth, which are the validation images;
    the test images cannot be had then. The value with the largest mean over the seeds wins, of equals the smallest.
    The seeds are 1000, 1001, ...: no run of a study has them.

    Args:
        option: which.
        grid: its values.
        value: of what `measure` returns, that which is to be large.
        seeds: how many.

    Example:
        >>> Search(grid=(0.01, 0.1)).option
        'lr'
    """

    option: str = "lr"
    grid: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    value: str = "validation accuracy"
    seeds: int = 1
