"""Which texts of `moments` and which `refresh` does a config take, and what does it say of the others?"""

import re

import pytest

from batchnorm.errors import InputError
from batchnorm.functional import Ghost
from batchnorm.runs import TrainConfig, read_config, write_config

TAKEN = ["batch", "ghost:32", "renorm", "renorm:3", "renorm:3,5,5000", "population", "population:batch"]


@pytest.mark.parametrize("moments", [*TAKEN, "population:none"])
def test_a_source_of_a_training_goes_through_a_file(tmp_path, moments: str) -> None:
    (tmp_path / "c.toml").write_text(write_config(TrainConfig(moments=moments)))
    assert read_config(tmp_path / "c.toml").moments == moments


@pytest.mark.parametrize("refresh", [None, 1, 469])
def test_a_refresh_goes_through_a_file(tmp_path, refresh: int | None) -> None:
    (tmp_path / "c.toml").write_text(write_config(TrainConfig(moments="population", refresh=refresh)))
    assert read_config(tmp_path / "c.toml").refresh == refresh


def test_a_file_that_is_older_than_the_options_trains_by_the_batch(tmp_path) -> None:
    (tmp_path / "c.toml").write_text("epochs = 3\n")
    config = read_config(tmp_path / "c.toml")
    assert (config.moments, config.refresh) == ("batch", None)


EXPECTED = "expected batch, ghost:32, renorm, renorm:3,5,5000, population or population:none"


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        ("gost:32", f"moments: {EXPECTED}, got 'gost:32'. Did you mean 'ghost'?"),
        ("Population", f"moments: {EXPECTED}, got 'Population'. Did you mean 'population'?"),
        ("ghost", f"moments: {EXPECTED}, got 'ghost'. Write 'ghost:32', for example."),
        ("renorm:1,2,3,4", f"moments: {EXPECTED}, got 'renorm:1,2,3,4'. Write 'renorm:3,5,5000', for example."),
        ("", f"moments: {EXPECTED}, got ''"),
        (
            "ghost:0",
            "moments: 'ghost:0' has a wrong size; expected the number of samples in a slice, an integer of at least 1, "
            "got 0. The usual value is 32.",
        ),
        (
            "renorm:0.5",
            "moments: 'renorm:0.5' has a wrong r_max; expected a number of at least 1, got 0.5. The usual value is 3; "
            "inf is no limit.",
        ),
        (
            "population:nun",
            "moments: 'population:nun' has a wrong gradient; expected 'batch' or 'none', got 'nun'. The usual one is "
            "'batch', by which the moments move with the batch.",
        ),
        (
            "masked",
            "moments: 'masked' takes a mask with every batch, and a training gives none: its images have no padding. "
            "Leave it out, or call a net with layers of moments='masked' in a loop of your own.",
        ),
        (
            "blend:0.1",
            "moments: 'blend:0.1' trains as 'batch' does, for it mixes statistics in evaluation alone. Leave it out, "
            "and call batchnorm.nn.set_moments with it on the trained net.",
        ),
        (
            Ghost(32),
            "moments: expected the text of a source of moments, such as 'ghost:32', got Ghost(size=32) (Ghost)",
        ),
        (None, "moments: expected the text of a source of moments, such as 'ghost:32', got None (NoneType)"),
    ],
)
def test_another_source_is_refused_in_one_message(moments: object, said: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        TrainConfig(moments=moments)


@pytest.mark.parametrize("refresh", [0, -1])
def test_a_refresh_below_one_step_is_refused(refresh: int) -> None:
    with pytest.raises(InputError, match=rf"^refresh: expected an integer of at least 1, got {refresh}$"):
        TrainConfig(moments="population", refresh=refresh)


@pytest.mark.parametrize("refresh", [True, 5.0, "5"])
def test_a_refresh_that_is_no_integer_is_refused(refresh: object) -> None:
    with pytest.raises(InputError, match=r"^refresh: expected an integer of at least 1, got .* \((bool|float|str)\)$"):
        TrainConfig(moments="population", refresh=refresh)


@pytest.mark.parametrize("moments", ["batch", "ghost:32", "renorm"])
def test_a_refresh_without_a_population_is_refused(moments: str) -> None:
    said = (
        rf"^refresh: says how often a population is measured, and the moments are '{moments}'\. Leave it out, or use "
        r"moments='population'\.$"
    )
    with pytest.raises(InputError, match=said):
        TrainConfig(moments=moments, refresh=5)


def test_who_asks_for_synchronized_moments_is_told_the_option_for_them() -> None:
    with pytest.raises(InputError, match=r"^moments: 'sync' is batch norm in one process, .* pass sync_bn=True\.$"):
        TrainConfig(moments="sync")
