"""Where does the picture of an evaluation go, so that it never stands where that of another was?"""

from pathlib import Path

from ._evaluate import find_model_file
from ._model_file import load_card
from ._output_file import same_file
from ._run_folder import RunFolder


def confusion_picture(run: Path | str, data: str, split: str) -> Path:
    """Return a path beside the model whose name says what was judged, unless that is a run on its own test images.

    Args:
        run: what was evaluated.
        data: the name of the images.
        split: which of them.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.training import fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> confusion_picture(folder, "fashion-mnist-mini", "test").name
        'confusion_matrix.png'
        >>> confusion_picture(folder, "fashion-mnist", "train").name
        'confusion_matrix-fashion-mnist-train.png'
    """
    file = find_model_file(run)
    folder = RunFolder(file.parent)
    parts = ["confusion_matrix"]
    if not (folder.config.is_file() and same_file(file, folder.model)):
        parts.append(file.name.removesuffix(".safetensors"))
    if data != load_card(file).data:
        parts.append("".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in data))
    if split != "test":
        parts.append(split)
    return file.with_name("-".join(parts) + ".png")
