"""What determines a run, and by which key is it known again?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

from .._version import __version__
from ._arm import Value
from ._own_claim import ClaimSource
from ._scope import Scope


@dataclass(frozen=True)
class StudySetting:
    """What all runs of a study share.

    Attributes:
        data: the data set's name or path.
        data_digest: of its images.
        model: the net in the place of each claim's own.
        model_digest: of the file that makes it, where it is the user's.
        device: where nets are trained.
        versions: of what computes: batchnorm and torch.
    """

    data: str
    data_digest: str
    model: str | None = None
    model_digest: str | None = None
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=lambda: {"batchnorm": __version__, "torch": version("torch")})


@dataclass(frozen=True)
class Task:
    """One run that is to be done; other processes are sent it.

    Attributes:
        source: where its claim is.
        claim: the claim's id.
        version: the claim's.
        arm: whose run it is, for who reads of it.
        options: the arm's, with a number in the place of `"own"`.
        seed: see `Run`.
        scope: likewise.
        setting: what it shares with all others.
        searching: likewise.

    Example:
        >>> setting = StudySetting("mine", "0f")
        >>> task = Task(ClaimSource("cost"), "cost", 1, "plain", {"lr": 0.1}, 0, Scope(6, 500, 1), setting)
        >>> from dataclasses import replace
        >>> replace(task, arm="same").key == task.key, replace(task, seed=1).key == task.key
        (True, False)
    """

    source: ClaimSource
    claim: str
    version: int
    arm: str
    options: Mapping[str, Value]
    seed: int
    scope: Scope
    setting: StudySetting
    searching: bool = False

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that determines what the run computes, in hexadecimal digits.

        Not the arm's name, so that equal arms are one run; nor how many seeds and which arms its study has.
        """
        scope = {name: value for name, value in asdict(self.scope).items() if name not in ("seeds", "arms")}
        return _digest(
            {
                "claim": (self.claim, self.version, self.source.digest),
                "options": dict(self.options),
                "seed": self.seed,
                "searching": self.searching,
                "scope": scope,
                "setting": {**vars(self.setting), "versions": dict(self.setting.versions)},
            }
        )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
