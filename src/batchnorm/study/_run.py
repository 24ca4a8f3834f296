"""What does one run know, and what can it do? An arm, a seed, a scope; images, a net, a training."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..data import Batches, DatasetInfo, Split
from ..errors import RefusedError
from ._build import built
from ._data import StudyImages, study_images
from ._scope import Scope
from ._training import Recipe, Trained, judge, train

EVALUATED_AT_ONCE = 500


@dataclass(frozen=True)
class Run:
    """One arm of a claim with one seed: what `measure` is given.

    Attributes:
        claim: the claim's id.
        arm: the arm's name; what a run computes may not depend on it, for arms of the same options are one run.
        options: the arm's, with what a search has found in the place of `"own"`.
        seed: the same for all arms that are compared.
        scope: how much may be used.
        data: the data set's name or path.
        model: which net, where the caller has named one.
        device: where nets are trained.
        searching: whether it is one of a search, which sees no test images.

    Example:
        >>> run = Run("mine", "plain", {"norm": "none"}, 0, Scope(1, 200, 1, test_images=100), "fashion-mnist-mini")
        >>> net = run.net(width=4)
        >>> run.train(net, lr=0.1).steps, run.accuracy(net) >= 0
        (2, True)
    """

    claim: str
    arm: str
    options: Mapping[str, Any]  # plain values; whoever wrote the arm knows which
    seed: int
    scope: Scope
    data: str
    model: str | None = None
    device: str = "cpu"
    searching: bool = False

    @property
    def images(self) -> StudyImages:
        """The study's images: kept by the process, the same in every run."""
        return study_images(self.data, self.scope.train_images, self.scope.test_images, searching=self.searching)

    @property
    def info(self) -> DatasetInfo:
        """What is known of the data: classes, channels, sizes."""
        return self.images.info

    def split(self, part: str) -> Split:
        """Return the images of one part, as they are in the files.

        Raises:
            RefusedError: test images in a search, or validation images outside of one.
        """
        parts = self.images.parts
        if part not in parts:
            where = "while options are searched" if self.searching else "outside of a search"
            has = " and ".join(map(repr, parts))
            raise RefusedError(f"there are no {part} images {where}", argument="part", expected=has, got=repr(part))
        return parts[part]

    def batches(self, part: str, batch_size: int, *, split: Split | None = None, shuffle: bool = False) -> Batches:
        """Return the batches of one part, normalized by the constants of the training images."""
        chosen = self.split(part) if split is None else split
        return Batches(chosen, batch_size, self.images.normalization, shuffle=shuffle)

    def generator(self, purpose: str) -> torch.Generator:
        """Return random numbers that only the seed and the purpose determine.

        Example:
            >>> run = Run("mine", "plain", {}, 0, Scope(1, 200, 1), "fashion-mnist-mini")
            >>> draws = [torch.rand(1, generator=run.generator("noise")) for _ in range(2)]
            >>> torch.equal(*draws)
            True
        """
        digest = hashlib.sha256(f"{self.seed} {purpose}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def net(self, norm: str | None = None, **model_args: Any) -> nn.Module:
        """Build the net with a kind of norm; its initial weights are those of all arms of this seed.

        Args:
            norm: "batch", "torch", "none", "layer", "group", "instance", or moments for batch norm such as "ghost:16";
                None: the arm's option `norm`, and batch norm without one.
            model_args: of the net's own, such as `width`.

        Raises:
            InputError: an unknown norm or model.
        """
        kind = norm if norm is not None else str(self.options.get("norm", "batch"))
        return built(self.info, self.model, kind, self.seed, model_args).to(self.device)

    def train(
        self,
        net: nn.Module,
        *,
        lr: float,
        epochs: int | None = None,
        batch_size: int = 128,
        split: Split | None = None,
        **recipe: Any,
    ) -> Trained:
        """Train a net on the training images; a divergence is told in what is returned.

        Args:
            net: is trained in place.
            lr: the learning rate.
            epochs: those of the scope if left out.
            batch_size: images of a step.
            split: other images than all of the training's.
            recipe: as `Recipe` has them: momentum, weight_decay, decay_all, schedule, loss, penalty, clip_norm,
                on_step.
        """
        made = Recipe(lr=lr, epochs=self.scope.epochs if epochs is None else epochs, **recipe)
        return train(net, self.batches("train", batch_size, split=split, shuffle=True), self.seed, made)

    def accuracy(self, net: nn.Module, part: str = "test", *, split: Split | None = None) -> float:
        """Return the percentage of a part's images that a net classifies correctly in evaluation mode."""
        return judge(net, self.batches(part, EVALUATED_AT_ONCE, split=split))[0]

    def loss(self, net: nn.Module, part: str = "test", *, split: Split | None = None) -> float:
        """Return the mean cross entropy of a part's images in evaluation mode."""
        return judge(net, self.batches(part, EVALUATED_AT_ONCE, split=split))[1]
