"""What does a trained run's net do with a few of its images, and what can be done with its norms?"""

from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Batches, Source
from ..errors import InputError
from ..records import WiringRecord
from ._data_of_model import fitting_source
from ._environment import pick_device
from ._evaluate import find_model_file
from ._model_file import ModelCard, load_model
from ._own_data import is_named, is_path
from ._own_net import name_of


def wiring_of_run(
    run: Path | str,
    *,
    model: nn.Module | str | None = None,
    batch_size: int = 2,
    dataset: str | None = None,
    source: Source | str | None = None,
    device: str = "auto",
) -> WiringRecord:
    """Run a trained model on its first test images, and record which module produced each tensor, and which used it.

    Nothing is changed, and nothing folded: what could be done with each norm is what `batchnorm.fold` would try,
    before its proof.

    Args:
        run: the run's folder, or a model file.
        model: the own net, if it is not one of this package: a module, or its `package.module:function`.
        batch_size: images.
        dataset: another data set than the run's, by its name or path; its images and classes must fit.
        source: own data instead of a named set, an object or its `package.module:source`; where the run's are not
            here, random numbers are taken.
        device: as in `TrainConfig`.

    Raises:
        InputError: the run, the data or an option cannot be used.
        Exception: whatever the net raises.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.training import fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> record = wiring_of_run(folder)
        >>> [(row.module, row.read_by) for row in record.rows][:2]
        [('conv1', ('bn1',)), ('bn1', ('conv2',))]
        >>> [(norm.module, norm.outcome, norm.into) for norm in record.norms]
        [('bn1', 'folded', ('conv1',)), ('bn2', 'folded', ('conv2',))]
    """
    from ..surgery import wiring_record
    from ..wiring import trace

    if type(batch_size) is not int or batch_size < 1:
        raise InputError(argument="batch_size", expected="an integer of at least 1", got=repr(batch_size))
    place = pick_device(device)
    path = find_model_file(run)
    net, card = load_model(path, model)
    images, name, notes = _images(path, card, dataset, source, batch_size)
    wiring = trace(net.to(place), images.to(place))
    return wiring_record(wiring, run=str(run), model=name_of(model) or card.model, data=name, notes=notes)


def _images(
    path: Path, card: ModelCard, dataset: str | None, source: Source | str | None, batch_size: int
) -> tuple[Tensor, str | None, tuple[str, ...]]:
    """The first test images, or random numbers; the set's name; what is to be said of them."""
    asked = dataset is not None or source is not None
    known = is_named(card.data) or (is_path(card.data) and Path(card.data).exists())
    found = fitting_source(card, dataset, source, beside=path) if asked or known else None
    if found is None or found.locate() is None:
        shape = (batch_size, *card.image_shape)
        numbers = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        name = card.data if dataset is None else dataset
        return numbers, None, (f"the images of {name} are not here; random numbers were taken instead",)
    images, _ = Batches(found.load("test"), batch_size, card.normalization).first()
    return images, found.info.name, ()
