"""How is a learning rate looked for: between which rates, and in how many steps?"""

from dataclasses import dataclass

from ..errors import Fault, InputError, Setting

FEWEST_STEPS = 20
"""Below that, half a decade lies between two steps, and a smoothed loss is of nothing but its beginning."""


@dataclass(frozen=True)
class LRRangeOptions:
    """The rates of a range test: `steps` of them from `lr_min` to `lr_max`, each the same factor above the one before.

        lr_i = lr_min * (lr_max / lr_min) ** (i / (steps - 1))

    Raises:
        InputError: an option is out of range.

    Example:
        >>> options = LRRangeOptions(1e-4, 1.0, steps=41)
        >>> [f"{rate:.3g}" for rate in options.rates[::10]]
        ['0.0001', '0.001', '0.01', '0.1', '1']
    """

    lr_min: float = 1e-6
    """the lowest learning rate"""
    lr_max: float = 10.0
    """the highest learning rate"""
    steps: int = 100
    """training steps, each at a higher rate"""

    def __post_init__(self) -> None:
        """Name all that are wrong."""
        wrong = [fault for fault in (self._unfit_rates(), self._unfit_steps()) if fault]
        if wrong:
            raise InputError.of(*wrong)

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates, rising."""
        ratio = self.lr_max / self.lr_min
        return tuple(self.lr_min * ratio ** (number / (self.steps - 1)) for number in range(self.steps))

    def _unfit_rates(self) -> Fault | None:
        for name in ("lr_min", "lr_max"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value <= 1e6:
                return Fault(argument=name, expected="a number above 0 and at most 1e6", got=repr(value))
        if self.lr_max < 10 * self.lr_min:
            expected = ("at least 10 times ", Setting("lr_min"), f" ({self.lr_min:g})")
            return Fault(argument="lr_max", expected=expected, got=f"{self.lr_max:g}")
        return None

    def _unfit_steps(self) -> Fault | None:
        if type(self.steps) is not int or not FEWEST_STEPS <= self.steps <= 10**6:
            expected = f"an integer from {FEWEST_STEPS} to 1,000,000"
            return Fault(argument="steps", expected=expected, got=repr(self.steps))
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
