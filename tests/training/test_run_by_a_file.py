"""Is a run found by one of the files that lie in its folder?"""

import pytest

from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, TrainConfig


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    folder = RunFolder.plan(tmp_path / "run")
    with folder.created(TrainConfig()):
        pass
    for path in (folder.model, folder.checkpoint, folder.former_model, folder.result):
        path.touch()
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "last.ckpt", "config.toml"])
def test_a_file_that_a_run_goes_on_from_stands_for_its_folder(folder, name: str, monkeypatch) -> None:
    assert RunFolder.open(folder.path / name).path == folder.path
    monkeypatch.chdir(folder.path)
    assert RunFolder.open(name).read_config() == TrainConfig()


@pytest.mark.parametrize("name", ["model.before-recalibration.safetensors", "result.json"])
def test_another_file_of_it_is_refused_and_the_folder_named(folder, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: expected the folder of a run, got a file; give the folder, .*run$"):
        RunFolder.open(folder.path / name)


def test_a_model_file_in_a_folder_that_is_no_run_is_refused(tmp_path) -> None:
    (tmp_path / "net.safetensors").touch()
    with pytest.raises(InputError, match=r"got a file; give the folder that a training made$"):
        RunFolder.open(tmp_path / "net.safetensors")
