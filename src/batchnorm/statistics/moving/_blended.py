"""What does a model compute in evaluation if the batch has a share in the statistics that normalize it?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from ...errors import MistakeError, RefusedError
from ...functional import BATCH, Blend, Source
from ...nn import Forward, give_source
from ...norms import Norm, blend, blend_of, is_stock, unblend
from ...transaction import Attributes, attributes, block
from ._laid import norms_of


@dataclass(frozen=True)
class _InEvaluation(Source):
    """In training the source that a layer had, in evaluation the last of others. A copy has the former alone."""

    training: Source
    mixtures: tuple[Blend, ...]

    reads_running = True
    lent = True

    def at(self, *, training: bool) -> Source:
        return (self.training if training else self.mixtures[-1]).at(training=training)

    def __str__(self) -> str:
        return str(self.mixtures[-1])

    def __reduce__(self) -> tuple[Callable[[Source], Source | None], tuple[Source]]:
        return _as_given, (self.training,)


def _as_given(source: Source) -> Source | None:
    """What a layer holds that was given this source (`nn/_moments_of.py`)."""
    return None if source == BATCH else source


@block
def blended_statistics(model: nn.Module, alpha: float) -> Iterator[None]:
    """Normalize in evaluation by the running statistics mixed with the batch's, inside a `with` block.

        E[x] = (1 - alpha) * running_mean + alpha * batch mean
        E[x**2] = (1 - alpha) * (running_var + running_mean**2) + alpha * (batch var + batch mean**2)
        x_hat = (x - E[x]) / sqrt(E[x**2] - E[x]**2 + eps)

    For images that are not like those of the training: another camera, weather, noise. With n images in a batch,
    `alpha = n / (N + n)` trusts the running statistics as much as N images. Norms in training mode are not changed, and
    no statistics move. The gradient passes through the batch's moments. Of blocks inside each other the innermost
    holds; a copy of the model that is made inside is an ordinary one. What `torch.compile` has made of the model is
    compiled anew for the block.

    Args:
        model: any module with batch norm of torch, timm, torchvision or this library.
        alpha: the weight of the batch, from 0, the running statistics, to 1, the batch's.

    Raises:
        InputTypeError: no module; `alpha` is no number.
        InputError: `alpha` is below 0 or above 1; the model has no batch norm that keeps running statistics.
        RefusedError: a norm has a forward of its own, or takes a mask; a lazy one has seen no batch yet; one is of
            an exported graph, which does not call it.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1).eval()
        >>> x = torch.tensor([[2.0], [4.0]])
        >>> with blended_statistics(norm, 1.0):
        ...     norm(x).flatten()
        tensor([-1.0000,  1.0000], grad_fn=<...>)

    Source: Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", 2020,
    section 3.
    """
    source = _source(alpha)
    norms = norms_of(model, "blended_statistics")
    for norm in norms:
        _check_takes(norm)
    with attributes() as change:
        for norm in norms:
            for module in norm.modules:
                _mix(change, module, source)
        yield


def check_not_blended(model: nn.Module) -> None:
    """Raise if a part of the model evaluates by a mixture for a while: what is measured behind it would be of that.

    Raises:
        RefusedError: it is inside `blended_statistics`.
    """
    for name, module in model.named_modules():
        if blend_of(module) is not None or isinstance(getattr(module, "moments", None), _InEvaluation):
            raise RefusedError(
                argument="model",
                expected="a model that evaluates by its running statistics",
                got=f"one inside `with blended_statistics(...)`, where {name or 'it'} mixes them with each batch's",
                cure="Call this before or after that block.",
            )


def _source(alpha: float) -> Blend:
    try:
        return Blend(alpha)
    except MistakeError as error:
        error.fault = replace(error.fault, verb="blended_statistics")
        raise


def _check_takes(norm: Norm) -> None:
    for module in norm.modules:
        given = getattr(module, "moments", None)
        if not is_stock(module):
            got = f"{norm.name} ({norm.kind}), which has a forward of its own"
        elif isinstance(given, Source) and given.takes_mask:
            got = f"{norm.name}, which takes a mask (moments={str(given)!r})"
        else:
            continue
        raise RefusedError(
            verb="blended_statistics",
            argument="model",
            expected="batch norm whose statistics in evaluation are known: of torch, timm, torchvision or this library",
            got=got,
            cure="Replace that layer.",
        )


def _mix(change: Attributes, module: nn.Module, source: Blend) -> None:
    if not isinstance(module, Forward):
        change.afterwards(partial(unblend, module, source))
        blend(module, source)
        return
    change.afterwards(partial(_unmix, module, source))
    given = module.moments
    training, outer = (given.training, given.mixtures) if isinstance(given, _InEvaluation) else (given, ())
    # Not by the attribute `moments`, which asks whether the layer has statistics: inside `use_batch_statistics` it has
    # none for a while, and is in training anyway.
    give_source(module, _InEvaluation(training, (*outer, source)))


def _unmix(module: Forward, source: Blend) -> None:
    """Take a mixture away again, wherever among the others it is; not where somebody has set other moments since."""
    given = module.moments
    if isinstance(given, _InEvaluation):
        left = tuple(one for one in given.mixtures if one is not source)
        give_source(module, _InEvaluation(given.training, left) if left else given.training)
