"""A training run with made-up numbers, for the tests of its page."""

from batchnorm.records import (
    ClassScores,
    EpochRecord,
    Evaluation,
    Prediction,
    RunHistory,
    RunReport,
    SampleImage,
    Scores,
)

# A picture of one grey pixel, in base64.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


def made_up_run(name: str = "runs/first", classes: tuple[str, str] = ("shoe", "shirt"), png: str = PIXEL) -> RunReport:
    """A run of three epochs, and two images of which the model is right about one."""
    scores = Scores(0.5, 0.75, 20, tuple(ClassScores(one, 0.5, 0.5, 0.5, 10) for one in classes), ((8, 2), (3, 7)))
    epochs = tuple(EpochRecord(n, 10, 1 / n, 0.5, 2 / n, 0.25, 0.1 / n, 3.0, 1e3, 0.9 / n) for n in (1, 2, 3))
    said = [Prediction(f"test {n}", classes, (0.9, 0.1), label=label) for n, label in enumerate(classes)]
    samples = tuple(SampleImage(one, png) for one in said)
    evaluation = Evaluation(name, "fashion-mnist", "test", 128, scores, None)
    return RunReport(name, RunHistory(name, epochs, 3), evaluation, None, samples, ("Something to be known.",))
