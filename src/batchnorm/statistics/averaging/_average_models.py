"""What are weights and statistics of several models, as those of one?"""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

import torch
from torch import nn

from ...transaction import verb
from ._fitting import check_fits
from ._given import listed, read
from ._merged import merged
from ._put_together import as_model, as_state_dict
from ._weights import parts_of

Model = TypeVar("Model", nn.Module, dict[str, Any])


@verb
def average_models(models: Iterable[Model], weights: Iterable[float] | None = None) -> Model:
    """Merge models of one structure, checkpoints or the clients of a federated training, their statistics included.

    With `w_i = weights[i] / sum(weights)`:

    running_mean  mean = sum_i w_i mean_i
    running_var   var = sum_i w_i (var_i + (mean_i - mean)^2)
    all others    x = sum_i w_i x_i

    The variance is that of all data together (law of total variance): the plain average of the variances lacks what the
    means differ by. It is computed in float64 and rounded once, to the tensor's dtype; what is equal in all models
    keeps every bit. Counters (`num_batches_tracked`, torch's `n_averaged`) become the largest; other integers and
    booleans have to be equal. A model of weight 0 has to fit, and counts for nothing else.

    It is exact for the data of all models if they have the same weights, and the variances are biased; unbiased ones,
    which training stores, it merges up to 1 / n. Where weights differ, so do the inputs of all norms behind the first:
    if you have data, run `recalibrate` on the result.

    The statistics of a norm are a pair of buffers of one shape, `running_mean` and `running_var`. Those of an instance
    norm are averaged plainly, for its variance is a mean over instances; a `state_dict` does not tell which norm it is
    of, so pass modules if there are instance norms that track statistics.

    Args:
        models: modules, or `state_dict`s, at least one. A checkpoint (Lightning's) in which only one lies among other
            things stands for that. The prefixes `module.` (torch's AveragedModel, timm's ModelEmaV3, DDP) and
            `_orig_mod.` (`torch.compile`) make no difference.
        weights: a number of at least 0 for each model, such as its samples; `None` for equal ones.

    Returns:
        A copy of the first model, on its device, in its modes, with shared tensors shared, what is no parameter or
        buffer, and buffers that are not persistent, as in the first; DistributedDataParallel, DataParallel and
        `torch.compile` are taken off. Or a new `state_dict` with the names of the first. The models stay as they are.

    Raises:
        InputError: no model, structures or weights that do not fit, values that are not finite. It is a ValueError.
        InputTypeError: something that is no model, or no number. It is a TypeError.
        RefusedError: a model that is sharded, folded, or has seen no batch yet. It is a RuntimeError.

    Example:
        >>> from batchnorm.statistics import average_models
        >>> clients = [nn.BatchNorm1d(1, momentum=None) for _ in range(2)]
        >>> for client, x in zip(clients, torch.tensor([0.0, 2.0, 10.0, 12.0]).reshape(2, 2, 1)):
        ...     _ = client(x)
        >>> [client.running_var.item() for client in clients]
        [2.0, 2.0]
        >>> model = average_models(clients, weights=[2, 2])
        >>> model.running_mean, model.running_var
        (tensor([6.]), tensor([27.]))

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979;
    McMahan et al., "Communication-efficient learning of deep networks from decentralized data", 2017 (FedAvg).
    """
    given = listed(models)
    parts = parts_of(weights, len(given))
    with torch.inference_mode(mode=False), torch.no_grad():
        states = [read(model, f"models[{number}]") for number, model in enumerate(given)]
        for state in states[1:]:
            check_fits(states[0], state)
        values = merged([(state, part) for state, part in zip(states, parts, strict=True) if part], states[0])
        first: Any = given[0]
        is_module = isinstance(first, nn.Module)
        made = as_model(first, states[0], values) if is_module else as_state_dict(states[0], values)
    return cast(Model, made)
