"""A training that freezes norms, or makes a step of several batches, from the command line: what it says and writes."""

from batchnorm.runs import RunFolder

FEW = ["--epochs", 2, "--val-fraction", 0.97, "--lr", 0.01]


def test_what_is_frozen_and_since_when_is_said_before_the_first_epoch_and_in_the_result(batchnorm, small) -> None:
    said = batchnorm("train", "--freeze-norms", "after:0.5", "--out", "run", "--json", *FEW, *small)
    assert said.code == 0
    assert said.out.splitlines()[1] == "running statistics of 2 norms: frozen after step 2 of 4 (bn1, bn2)"
    assert (said.json["frozen"], said.json["frozen_since"]) == (["bn1", "bn2"], 2)
    assert RunFolder.open("run").read_config().freeze_norms == "after:0.5"


def test_a_step_of_several_batches_is_one_step(batchnorm, small) -> None:
    said = batchnorm("train", "--out", "run", "--json", *FEW, *small, "--accumulate", 3, "--batch-size", 50)
    assert said.code == 0
    assert "300 images, 2 epochs of 2 steps of 3 batches, cpu" in said.out
    assert said.json["steps"] == 4


def test_a_resumed_run_freezes_what_it_was_to_freeze(batchnorm, small) -> None:
    assert batchnorm("train", "--freeze-norms", "bn1", "--out", "run", "--quiet", *FEW, *small).code == 0
    said = batchnorm("train", "--resume", "run", "--freeze-norms", "bn2")
    assert said.code == 2
    assert "--resume: a resumed run goes on with its own options. Leave out --freeze-norms." in said.err
    assert batchnorm("train", "--resume", "run", "--json").json["frozen"] == ["bn1"]
