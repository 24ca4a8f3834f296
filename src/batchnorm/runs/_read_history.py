"""How has a run gone so far, whether it is finished, still training, or was stopped?"""

from pathlib import Path

from ..records import RunHistory
from ._run_folder import RunFolder


def read_history(run: Path | str) -> RunHistory:
    """Read what each epoch of a run has come to, while another process may be training in it.

    Args:
        run: its folder, or its model, checkpoint or config.

    Raises:
        InputError: it is no run, or one of its files is damaged.

    Example:
        >>> import tempfile
        >>> from batchnorm import TrainConfig, fit
        >>> small = TrainConfig(epochs=2, val_fraction=0.97, model_args={"width": 4})
        >>> trained = fit(small, out=Path(tempfile.mkdtemp()) / "run")
        >>> read_history(trained.result.run).epochs == trained.history
        True
    """
    folder = RunFolder.open(run)
    return RunHistory(
        run=str(folder.path if folder.path.name else folder.path.resolve()),
        epochs=tuple(folder.read_metrics()),
        planned=folder.read_config().epochs,
        result=folder.read_result(),
    )
