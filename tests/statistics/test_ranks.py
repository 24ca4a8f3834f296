"""Several processes, each with its part of the data: the same statistics, and the same end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from batchnorm import recalibrate

from . import processes
from .oracle import NETS, images, make, norms


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Start processes on a job, and give what each of them saved; None from one that died."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # where the new processes find this module

    def start(size, job, *args):
        context = mp.get_context("spawn")
        started = [
            context.Process(target=processes.work, args=(rank, size, str(tmp_path), job, args)) for rank in range(size)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join(120)
        assert not any(process.is_alive() for process in started)
        paths = [tmp_path / f"{rank}.pt" for rank in range(size)]
        return [torch.load(path, weights_only=False) if path.exists() else None for path in paths]

    return start


def alone(net):
    model = make(net)
    return model, recalibrate(model, images().split(5), method="exact")


def assert_same_statistics(states, model, tolerance):
    for state in states:
        for name, norm in norms(model).items():
            mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
            shift = (mean.double() - norm.running_mean.double()).abs() / norm.running_var.double().sqrt()
            assert shift.max() <= tolerance
            assert (var.double() / norm.running_var.double()).log().abs().max() <= tolerance


@pytest.mark.slow
@pytest.mark.parametrize("kind", processes.SHARDS)
@pytest.mark.parametrize("size", [2, 4])
def test_ranks_agree_with_one_process_and_end_with_the_same_bits(run, size, kind):
    everything = run(size, "share_out", tuple(NETS), kind, False)
    for net in NETS:
        model, record = alone(net)
        results = [of[net] for of in everything]
        assert_same_statistics([result["state"] for result in results], model, 1e-6)
        for result in results:
            assert result["numbers"][0] == 30
            assert result["numbers"][2:] == (size, record.fingerprint, len(norms(model)))
            assert result["old"] == results[0]["old"]
            assert any("the ranks had different statistics" in note for note in result["notes"])
            for name, value in result["state"].items():
                assert "tracked" in name or torch.equal(value, results[0]["state"][name])


def test_two_ranks_with_uneven_parts_in_distributed_data_parallel(run):
    model, _ = alone("mlp")
    results = [of["mlp"] for of in run(2, "share_out", ("mlp",), "uneven", True)]
    assert_same_statistics([result["state"] for result in results], model, 1e-6)
    assert "DistributedDataParallel: the module inside is meant" in results[0]["notes"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
def test_the_script_of_the_docs_runs_under_torchrun(tmp_path, size):
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    script = text.partition("```python\n# torchrun")[2].partition("```")[0]
    (tmp_path / "recalibrate.py").write_text("#" + script)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(size), "recalibrate.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    said = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (said.returncode, said.stdout) == (0, f"1001 samples on {size} ranks, 2 norms settled\n"), said.stderr
    assert torch.load(tmp_path / "model.pt")["4.running_var"].isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("read", [1, 2, 5])
def test_one_rank_whose_loader_raises_ends_all_of_them(run, read):
    first, second = run(2, "raise", "mlp", read)
    assert second["raised"] == "LoaderError: disk of rank 1"
    assert first["raised"].startswith("RankError: recalibrate: another process failed")
    assert "rank 1: LoaderError: disk of rank 1" in first["raised"]
    assert first["same"]
    assert second["same"]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "read"), [(2, 2), (4, 1), (4, 4)])
def test_a_rank_that_is_killed_ends_the_others_within_a_minute(run, size, read):
    results = run(size, "die", "mlp", read)
    assert results[1] is None
    for result in results[:1] + results[2:]:
        assert "another process" in result["raised"]
        assert result["same"]
        assert result["seconds"] < 60  # a promise, not a speed: nobody waits for a process that is gone


@pytest.mark.slow
def test_ranks_that_read_the_same_samples_are_told(run):
    for notes in run(2, "same shards"):
        assert notes == ("ranks 0 and 1 read the same samples: give each rank its own share",)


@pytest.mark.slow
def test_other_arguments_on_each_rank_are_refused_on_all(run):
    for raised in run(2, "other things"):
        assert "the same model and the same arguments on every rank" in raised


@pytest.mark.slow
def test_an_argument_that_one_rank_gets_wrong_ends_the_others(run):
    first, second = run(2, "refused by one")
    assert first.startswith("InputError: recalibrate: method: expected 'average' or 'exact'")
    assert "rank 0: InputError: " in second
    assert "method: expected 'average' or 'exact'" in second
