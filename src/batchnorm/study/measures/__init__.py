"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

from ._accuracy import accuracy_reached as accuracy_reached
from ._accuracy import guessing as guessing
from ._accuracy import part_to_judge as part_to_judge
from ._bisection import Largest as Largest
from ._bisection import largest_that_works as largest_that_works
from ._checks import Checks as Checks
from ._goal import goal_of as goal_of
from ._goal import steps_to_levels as steps_to_levels
from ._goal import to_the_goal as to_the_goal
from ._initial_weights import initialize as initialize
from ._new_domain import darker as darker
from ._new_domain import halves as halves
from ._new_domain import new_head as new_head
from ._new_domain import of_classes as of_classes
from ._new_domain import train_only as train_only
from ._trained_at_all import exploded as exploded
from ._trained_at_all import trained_at_all as trained_at_all
from ._workable import Range as Range
from ._workable import workable as workable

__all__ = [
    "Checks",
    "Largest",
    "Range",
    "accuracy_reached",
    "darker",
    "exploded",
    "goal_of",
    "guessing",
    "halves",
    "initialize",
    "largest_that_works",
    "new_head",
    "of_classes",
    "part_to_judge",
    "steps_to_levels",
    "to_the_goal",
    "train_only",
    "trained_at_all",
    "workable",
]


def __dir__() -> list[str]:
    return __all__
