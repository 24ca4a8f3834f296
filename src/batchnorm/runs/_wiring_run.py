"""What does a trained run's net do with a few of its images, and what can be done with its norms?"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .. import data
from ..data import Batches, Source
from ..errors import InputError
from ..records import WiringRecord
from ._environment import pick_device
from ._evaluate import fitting_source, load_run
from ._model_file import ModelCard

if TYPE_CHECKING:
    from ..surgery import Plan
    from ..wiring import Wiring


def wiring_of_run(
    run: Path | str,
    *,
    model: str | None = None,
    batch_size: int = 2,
    source: Source | None = None,
    device: str = "auto",
) -> WiringRecord:
    """Run a trained net on its first test images, and write down who made which tensor, and who read it.

    Nothing is changed, and nothing folded: what could be done with each norm is what `batchnorm.fold` would try,
    before its proof.

    Args:
        run: the run's folder, or a model file.
        model: the own `package.module:function`, if the net is not one of this package.
        batch_size: images.
        source: own data instead of the run's; where the run's are not here, random numbers are taken.
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
    from ..wiring import trace

    if type(batch_size) is not int or batch_size < 1:
        raise InputError(f"batch_size: expected an integer of at least 1, got {batch_size!r}")
    place = pick_device(device)
    net, card = load_run(run, model)
    images, name, notes = _images(card, source, batch_size)
    wiring = trace(net.to(place), images.to(place))
    shape = tuple(images.shape)
    return record_of(wiring, run=str(run), model=model or card.model, data=name, shape=shape, notes=notes)


def record_of(
    wiring: "Wiring", *, run: str, model: str, data: str | None, shape: tuple[int, ...], notes: tuple[str, ...]
) -> WiringRecord:
    """Put down what a wiring comes to, and what could be done with its norms."""
    from ..surgery import make_plan
    from ._wiring_rows import rows_of

    plan = make_plan(wiring)
    rows, of_input = rows_of(wiring, plan)
    return WiringRecord(
        run=run,
        model=model,
        data=data,
        input=shape,
        input_read_by=of_input,
        rows=rows,
        ways=len(wiring.passes),
        notes=(*notes, *_notes(wiring, plan)),
    )


def _images(card: ModelCard, source: Source | None, batch_size: int) -> tuple[Tensor, str | None, tuple[str, ...]]:
    """The first test images, or random numbers; the set's name; what is to be said of them."""
    known = {one.info.name: one for one in data.available()}
    here = source or known.get(card.data)
    if here is None or here.locate() is None:
        shape = (batch_size, card.in_channels, card.image_size, card.image_size)
        numbers = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        return numbers, None, (f"the images of {card.data} are not here; random numbers were taken instead",)
    split = fitting_source(card.data, card, here).load("test")
    images, _ = next(iter(Batches(split, batch_size, card.normalization)))
    return images, here.info.name, ()


def _notes(wiring: "Wiring", plan: "Plan") -> tuple[str, ...]:
    notes = [*wiring.notes]
    if wiring.draws:
        notes.append("the model draws random numbers, also in evaluation")
    if not wiring.complete:
        notes.append("the data decide between more ways through the model than were watched")
    notes += [f"{name} calls F.batch_norm itself: there is no module to replace" for name in plan.loose]
    return tuple(notes)
