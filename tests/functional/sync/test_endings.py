"""A process that dies or does not come ends the others; compiled code, trainings and groups give what they must."""

import pytest
import torch

from . import endings
from .conduct import X
from .processes import ask

pytestmark = pytest.mark.slow
TOLD = "RankError: batch_norm: a process with which this one normalizes a batch cannot be reached"


@pytest.mark.parametrize(("size", "when"), [(2, "forward"), (3, "forward"), (3, "backward")])
def test_a_process_that_dies_ends_the_others_within_a_minute(size, when, tmp_path):
    *others, gone = ask(size, tmp_path, [("left", endings.left, when)])
    assert gone is None
    for said, seconds, again in (one["left"] for one in others):
        assert said.startswith(TOLD)
        assert "The process group cannot be used any more" in said
        assert not any(word in said for word in (".cc:", "GLHF"))
        assert seconds < 60  # a promise, not a speed: nobody waits for a process that is gone
        assert again.startswith(TOLD)


def test_a_process_that_comes_late_ends_the_others_by_the_timeout_of_the_group(tmp_path):
    first, *_ = ask(2, tmp_path, [("left", endings.left, "late")], timeout=3)
    said, seconds, _ = first["left"]
    assert said.startswith(TOLD)
    assert "How long they wait is the timeout" in said
    assert 2 < seconds < endings.LATE


@pytest.mark.parametrize(
    ("shards", "compiled"), [((5, 2), False), ((3, 0, 4), False), ((1, 1, 2, 3), False), ((5, 2), True)], ids=str
)
def test_a_training_in_ddp_is_that_of_one_process(shards, compiled, tmp_path):
    size = len(shards)
    found = [one["ddp"] for one in ask(size, tmp_path, [("ddp", endings.in_ddp, shards, compiled)])]
    model = endings.one_process_net()
    losses = endings.trained(model, endings.batches(), 1)
    together = torch.tensor([losses for losses, _ in found], dtype=torch.float64).sum(0) / size
    torch.testing.assert_close(together, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=0)
    expected = {name.replace("1.0.", "1."): values for name, values in model.state_dict().items()}
    for _, state in found:
        torch.testing.assert_close(dict(state), expected, rtol=1e-9, atol=1e-12)


COMPILED = [("aot_eager", "auto", None), ("aot_eager", "fused", True), ("inductor", "auto", None)]


@pytest.fixture(scope="module")
def of_compilers(tmp_path_factory):
    questions = [(case, endings.compiled, *case) for case in COMPILED]
    return ask(2, tmp_path_factory.mktemp("sync"), [*questions, ("many", endings.many_compiled)], timeout=200)


@pytest.mark.parametrize("case", COMPILED, ids=str)
def test_torch_compile_takes_it_as_one_graph(of_compilers, case):
    for one in of_compilers:
        assert one[case] < 1e-10


def test_each_of_many_layers_may_be_compiled_by_itself(of_compilers):
    first, second = (one["many"] for one in of_compilers)
    assert first == pytest.approx([-value for value in second])  # together they are a normalized batch
    assert len({round(value, 9) for value in first}) == 1


def test_a_group_normalizes_by_itself_and_refuses_others(tmp_path):
    *members, outsider = (one["group"] for one in ask(3, tmp_path, [("group", endings.in_a_group)]))
    for sign, (y, stays, text, pickled) in zip((-1, 1), members, strict=True):
        torch.testing.assert_close(y, torch.full((2, 1), float(sign)), rtol=1e-4, atol=0)
        assert stays
        assert "moments='Sync(group of ranks 0, 1)'" in text
        assert "another process does not have that group" in pickled
    assert outsider.startswith(
        "InputError: Sync: group: expected a process group of torch.distributed that this process"
    )


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    questions = [
        ("policies", endings.policies),
        ("by oneself", endings.by_oneself),
        ("recalibrated", endings.recalibrated),
    ]
    return ask(2, tmp_path_factory.mktemp("sync"), questions)


def test_what_one_process_does_with_a_model_by_itself_waits_for_nobody(of_two):
    (found, first), (_, second) = (one["by oneself"] for one in of_two)
    assert found["trace"].startswith("Sequential: input 7x4x3x3")
    assert found["same"]
    torch.testing.assert_close(torch.cat([first, second]), found["batch"])


def test_recalibration_over_processes_is_that_of_plain_norms(of_two):
    for one in of_two:
        torch.testing.assert_close(one["recalibrated"], endings.recalibrated_whole())


def test_policies_on_statistics_see_the_whole_batch(of_two):
    rows = torch.cat([X, X * 3]).movedim(1, -1).flatten(0, 2)
    for kept, state in (one["policies"] for one in of_two):
        assert not kept["running_mean"].any()
        torch.testing.assert_close(state["running_mean"], 0.1 * rows.mean(0))
        torch.testing.assert_close(state["running_var"], 0.9 + 0.1 * rows.var(0))
        assert state["num_batches_tracked"] == 1
