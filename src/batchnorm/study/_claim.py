"""What is claimed, by whom, and what would decide it? All of it as data, fixed before the first run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import InputError, did_you_mean
from ._arm import OWN, Arm
from ._comparison import Comparison
from ._figure import Figure
from ._measured import Measured
from ._run import Run
from ._scope import Scope
from ._search import Search

Measure = Callable[[Run], Measured | Mapping[str, float]]
"""What is done in a run, and what comes of it."""

ByArm = Mapping[str, Mapping[str, float]]
"""The values of one seed's runs, by the names of their arms."""


@dataclass(frozen=True)
class Advice:
    """What a reader should do with the answer."""

    supported: str
    not_supported: str
    undecided: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim about batch norm with everything that decides it.

    Args:
        id: what it is called on the command line.
        title: a few words.
        statement: what is claimed, in a sentence.
        sources: who says so: paper and section.
        protocol: what is trained and measured, and why the margins are what they are.
        arms: what is compared.
        measure: makes the run of one arm and one seed; it is called in other processes, so that it has to be a function
            of a module.
        comparisons: what is asked; at least one of them is primary.
        figure: what the report shows first.
        advice: what a reader should do with each answer.
        scopes: by budget.
        search: finds the options that are `"own"`; None: there are none.
        derive: of the values of one seed by arm it makes the values of further arms, for comparisons over several.
        figures: what the report shows besides.
        alone: whether nothing may run beside it, for it measures times.
        hours: what the standard budget takes on two cores, about.
        version: raised whenever what a run computes changes; runs of other versions are not taken.

    Raises:
        InputError: arms of the same name, comparisons of the same id, sources that are one text, no primary comparison,
            or one of an arm that is not there, where nothing is derived.

    Example:
        >>> wide = Claim(
        ...     id="wide",
        ...     title="Wider nets",
        ...     statement="A wider net is more accurate.",
        ...     sources=("everybody",),
        ...     protocol="A net of width 8 and one of width 16, an epoch each.",
        ...     arms=(Arm("narrow", {"width": 8}), Arm("wide", {"width": 16})),
        ...     measure=lambda run: {"accuracy": 80 + 0.1 * run.options["width"]},
        ...     comparisons=(Comparison("more", "Is it?", "accuracy", "wide", "narrow", "greater", 0.5, "points"),),
        ...     figure=Figure("dots", "accuracy"),
        ...     advice=Advice("Widen it.", "Save the time.", "Take more seeds."),
        ...     scopes={"quick": Scope(seeds=3, train_images=500, epochs=1)},
        ... )
        >>> wide.arm("wide").options["width"]
        16
    """

    id: str
    title: str
    statement: str
    sources: tuple[str, ...]
    protocol: str
    arms: tuple[Arm, ...]
    measure: Measure
    comparisons: tuple[Comparison, ...]
    figure: Figure
    advice: Advice
    scopes: Mapping[str, Scope]
    search: Search | None = None
    derive: Callable[[ByArm], ByArm] | None = None
    figures: tuple[Figure, ...] = ()
    alone: bool = False
    hours: float = 0.0
    version: int = 1

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or not names:
            raise InputError(f"claim {self.id!r}", argument="arms", expected="different names", got=", ".join(names))
        if isinstance(self.sources, str):  # a tuple of letters otherwise, as a comma was forgotten
            raise InputError(f"claim {self.id!r}", argument="sources", expected="a tuple of texts", got="a text")
        ids = [comparison.id for comparison in self.comparisons]
        if len(set(ids)) < len(ids):
            got = ", ".join(ids)
            raise InputError(f"claim {self.id!r}", argument="comparisons", expected="different ids", got=got)
        if not any(comparison.primary for comparison in self.comparisons):
            what = "at least one that is primary"
            raise InputError(f"claim {self.id!r}", argument="comparisons", expected=what, got="none")
        if self.derive is None:
            for comparison in self.comparisons:
                for name in comparison.needs():
                    self._check(name, names)
        if self.search is None and any(value == OWN for arm in self.arms for value in arm.options.values()):
            got = f"{OWN!r} as an option, and no search"
            raise InputError(f"claim {self.id!r}", argument="search", expected="one that finds it", got=got)

    def arm(self, name: str) -> Arm:
        """Return the arm of this name.

        Raises:
            InputError: there is none.
        """
        self._check(name, [arm.name for arm in self.arms])
        return next(arm for arm in self.arms if arm.name == name)

    def _check(self, name: str, names: list[str]) -> None:
        if name not in names:
            cure = did_you_mean(name, names)
            raise InputError(f"claim {self.id!r} has no arm {name!r}", expected=f"one of {', '.join(names)}", cure=cure)
