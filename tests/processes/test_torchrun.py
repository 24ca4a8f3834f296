"""`torchrun -m batchnorm ...`: one command in several processes, one voice."""

import json
import os
import socket
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from batchnorm.cli import main
from tests.processes.launching import SMALL, torchrun

NODES = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
NODES += ["--master-addr", "localhost"]


def test_two_processes_train_one_run_and_print_it_once(tmp_path) -> None:
    with torchrun(2, "train", "--epochs", "2", *SMALL, "--out", str(tmp_path / "run"), "--json") as launched:
        out, said = launched.end()
    assert launched.agent.returncode == 0, launched.errors
    assert said == []
    assert out.count("epoch 1/2") == out.count("the run is in") == 1
    assert json.loads(out.splitlines()[-1])["steps"] == 32
    files = {"config.toml", "metrics.csv", "metrics.jsonl", "model.safetensors", "last.ckpt", "result.json"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == files


@pytest.mark.slow
def test_evaluate_comes_to_the_numbers_of_one_process(tmp_path, capsys) -> None:
    run = str(tmp_path / "run")
    assert main(["train", "--epochs", "1", *SMALL, "--out", run, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["evaluate", run, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    with torchrun(3, "evaluate", run, "--json") as launched:
        out, _ = launched.end()
    assert json.loads(out) == alone


@pytest.mark.slow
@pytest.mark.parametrize("method", ["average", "exact"])
def test_recalibrate_writes_the_statistics_of_one_process(tmp_path, method: str) -> None:
    run = str(tmp_path / "run")
    assert main(["train", "--epochs", "1", *SMALL, "--out", run, "--quiet"]) == 0
    options = ["recalibrate", run, "--method", method, "--batch-size", "50"]
    assert main([*options, "-o", str(tmp_path / "alone.safetensors")]) == 0
    with torchrun(3, *options, "-o", str(tmp_path / "together.safetensors")) as launched:
        launched.end()
    alone, together = (load_file(tmp_path / f"{name}.safetensors") for name in ("alone", "together"))
    assert alone.keys() == together.keys()
    for name, tensor in alone.items():
        assert (tensor - together[name]).abs().max() <= 1e-6 * tensor.abs().max(), name


@pytest.mark.slow
def test_what_one_process_can_do_is_done_by_the_first_alone() -> None:
    with torchrun(3, "--version") as launched:
        out, said = launched.end()
    assert (launched.agent.returncode, len(out.splitlines()), said) == (0, 1, [])


@pytest.mark.slow
def test_machines_need_no_folder_in_common(tmp_path) -> None:
    """Two agents in two folders, each with one process, and a path that means another place for each."""
    with socket.create_server(("", 0)) as server:
        port = str(server.getsockname()[1])

    def on_both(*arguments: str) -> None:
        agents = [
            subprocess.Popen(
                [*NODES, "--master-port", port, "--node-rank", str(rank), "-m", "batchnorm", *arguments],
                cwd=tmp_path / f"machine-{rank}",
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            for rank in range(2)
        ]
        assert [agent.wait(timeout=300) for agent in agents] == [0, 0]

    for rank in range(2):
        (tmp_path / f"machine-{rank}").mkdir()
    on_both("train", "--epochs", "1", *SMALL, "--out", "run")
    on_both("train", "--resume", "run")
    on_both("recalibrate", "run")
    on_both("evaluate", "run")
    assert (tmp_path / "machine-0/run/recalibration.json").exists()
    assert list((tmp_path / "machine-1").iterdir()) == []
