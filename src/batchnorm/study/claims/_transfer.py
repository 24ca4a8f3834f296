"""Should norms be frozen when a net moves to new data?"""

from torch import nn

from ...data import Split
from ...statistics import freeze, recalibrate
from .._arm import OWN, Arm, Value
from .._claim import Advice, Claim
from .._comparison import Comparison
from .._figure import Figure
from .._measured import Measured
from .._run import Run
from .._scope import Scope
from .._search import Search
from ..measures import accuracy_reached, darker, halves, new_head, of_classes, part_to_judge, train_only

BATCH = 32
RATE = 0.1
"""At which nets are trained on the data that they come from."""
TRAINED = {"all": "fine-tuned", "head": "new head only"}
NORMS = {"training": "norms training", "frozen": "norms frozen", "recalibrated": "norms recalibrated and frozen"}
TARGETS = {"same light": "", "darker": ", darker images"}


def _name(trained: str, norms: str, light: str = "same light", batch: int = BATCH) -> str:
    ending = TARGETS[light] if batch == BATCH else f", batches of {batch}"
    return f"{TRAINED[trained]}, {NORMS[norms]}{ending}"


def _arm(trained: str, norms: str, light: str = "same light", batch: int = BATCH) -> Arm:
    options: dict[str, Value] = {"trained": trained, "norms": norms, "light": light, "batch size": batch, "lr": OWN}
    return Arm(_name(trained, norms, light, batch), options)


def measure(run: Run) -> Measured:
    """Train on a half of the classes, move to images of the other half, and train there."""
    source, target = halves(len(run.info.classes))
    net = run.net()
    learnt = run.train(net, lr=RATE, batch_size=BATCH, split=of_classes(run.split("train"), source))
    images = _target(run, of_classes(run.split("train"), target, int(str(run.scope.options["target images"]))))
    _prepare(run, net, images)
    trained = run.train(
        net,
        lr=float(str(run.options["lr"])),
        epochs=int(str(run.scope.options["target epochs"])),
        batch_size=int(str(run.options["batch size"])),
        split=images,
    )
    judged = _target(run, of_classes(run.split(part_to_judge(run)), target))
    accuracy = accuracy_reached(run, net, trained, judged)
    return Measured({"accuracy": accuracy}, diverged=learnt.diverged or trained.diverged)


def _target(run: Run, split: Split) -> Split:
    return darker(split) if run.options["light"] == "darker" else split


def _prepare(run: Run, net: nn.Module, images: Split) -> None:
    """Give the net a new head, and its norms what the arm says."""
    head = new_head(net, run.generator("new head"))
    if run.options["norms"] == "recalibrated":
        recalibrate(net, run.batches("train", BATCH, split=images), method="exact")
    if run.options["norms"] != "training":
        freeze(net)
    if run.options["trained"] == "head":
        train_only(net, head)


def _better(
    id_: str,
    question: str,
    than: str = "training",
    *,
    trained: str = "all",
    light: str = "same light",
    batch: int = BATCH,
    primary: bool = False,
) -> Comparison:
    arm, other = (_name(trained, norms, light, batch) for norms in ("frozen", than))
    return Comparison(id_, question, "accuracy", arm, other, "greater", 1.0, "points", primary=primary)


CLAIM = Claim(
    id="transfer",
    title="Frozen norms in fine-tuning",
    statement="A trained net that is fine-tuned on new data becomes more accurate if its batch norms are frozen, "
    "normalizing by the statistics of the data that it comes from.",
    sources=(
        "Chollet, Transfer learning and fine-tuning, Keras's guide, 2020 (keep batch norms in inference mode, or their "
        "updates destroy what the model has learnt).",
        "Li, Wang, Shi, Liu and Hou, Revisiting batch normalization for practical domain adaptation, 2016, "
        "arXiv:1603.04779 (statistics of the new data in the place of the old).",
        "Wu and Johnson, Rethinking 'Batch' in BatchNorm, 2021, arXiv:2105.07576 (whose statistics, where domains "
        "differ).",
    ),
    protocol=(
        "A plain net of 6 convolutions with batch norm learns the first half of the classes, at a rate of 0.1. It "
        "moves to 1,000 images of the other half with a new classifier. Either all weights train on these, or the new "
        "classifier alone; the norms train on, are frozen with the statistics that they have, or are first "
        "recalibrated exactly on the new images and then frozen; weight and bias of a norm train wherever all weights "
        "do. The images of the new classes are as bright as the old ones or half as bright, and batches are of 32 or, "
        "where nothing else differs, of 4, which is where frozen norms are most advised. SGD with momentum 0.9 and a "
        "cosine schedule, each arm at its own best rate on validation images. The margin is 1 point: a difference "
        "below it would hardly make anybody change how he trains."
    ),
    arms=(
        *(_arm(trained, norms, light) for light in TARGETS for trained in TRAINED for norms in NORMS),
        *(_arm("all", norms, batch=4) for norms in NORMS),
    ),
    measure=measure,
    comparisons=(
        _better("fine-tuned", "Is a fine-tuned net better with frozen norms than with training ones?", primary=True),
        _better("small-batches", "Is a net that is fine-tuned in batches of 4 better with frozen norms?", batch=4),
        _better("darker", "Is a net that is fine-tuned on darker images better with frozen norms?", light="darker"),
        _better(
            "recalibrated", "Is a fine-tuned net better with frozen norms than with recalibrated ones?", "recalibrated"
        ),
        _better("head", "Is a new head better on frozen norms than on training ones?", trained="head"),
        _better(
            "head-recalibrated",
            "Is a new head better on frozen norms than on recalibrated ones?",
            "recalibrated",
            trained="head",
        ),
        _better(
            "head-recalibrated-darker",
            "Is a new head for darker images better on frozen norms than on recalibrated ones?",
            "recalibrated",
            trained="head",
            light="darker",
        ),
    ),
    figure=Figure(
        "dots",
        "accuracy",
        title="What a net reaches on new classes, by what its norms do",
        y_title="test accuracy on the new classes (%)",
    ),
    advice=Advice(
        supported="Freeze the norms of a net before you fine-tune it; where the new images look different, recalibrate "
        "them first.",
        not_supported="Do not freeze norms by habit: let them train, or recalibrate them on the new images before you "
        "freeze them, whichever is better on validation images.",
        undecided="Try both on validation images; to recalibrate norms on the new images takes seconds.",
    ),
    scopes={
        "quick": Scope(3, 2_000, 3, test_images=1_000, options={"target images": 300, "target epochs": 4}),
        "standard": Scope(6, 10_000, 2, options={"target images": 1_000, "target epochs": 4}),
        "thorough": Scope(10, 60_000, 2, options={"target images": 2_000, "target epochs": 6}),
    },
    search=Search(value="accuracy"),
    hours=0.25,
)
