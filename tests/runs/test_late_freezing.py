"""Which texts of `freeze_norms` does a config take, and what does it say of the others?"""

import re
from fractions import Fraction

import pytest

from batchnorm.errors import InputError
from batchnorm.runs import TrainConfig, read_config, write_config
from batchnorm.runs._late_freezing import FreezeRule


@pytest.mark.parametrize("text", ["after:0.8", "after:1e-3", "*", "layer1.*", "stem.norm, layer1.*", None])
def test_a_freezing_goes_through_a_file(tmp_path, text: str | None) -> None:
    (tmp_path / "c.toml").write_text(write_config(TrainConfig(freeze_norms=text)))
    assert read_config(tmp_path / "c.toml").freeze_norms == text


@pytest.mark.parametrize("steps", [1, 5, 10, 12_345, 10**9])
@pytest.mark.parametrize("hundredths", [1, 29, 57, 80, 99])
def test_the_first_frozen_step_has_at_least_that_part_of_all_steps_before_it(steps: int, hundredths: int) -> None:
    first = FreezeRule.of(f"after:0.{hundredths:02}").first_step(steps)
    assert Fraction(first, steps) >= Fraction(hundredths, 100) > Fraction(first - 1, steps)


def test_names_freeze_from_the_first_step() -> None:
    assert FreezeRule.of("stem.norm, layer1.*") == FreezeRule(("stem.norm", "layer1.*"), Fraction(0))
    assert FreezeRule.of("*").first_step(100) == 0


@pytest.mark.parametrize("time", ["1.5", "", "1", "0", "-0.1", "nan", "inf", "late", "1e-999999999", "1/2", "0.8:stem"])
def test_a_time_outside_a_training_is_refused(time: str) -> None:
    said = (
        f"freeze_norms: 'after:{time}' is no time of a training; expected a fraction of its steps above 0 and below 1, "
        f"as in 'after:0.8', got '{time}'. Use '*' to freeze all norms from the first step."
    )
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        TrainConfig(freeze_norms=f"after:{time}")


@pytest.mark.parametrize("text", ["", " ", ",", "layer1.*,", "a,,b"])
def test_an_empty_pattern_is_refused(text: str) -> None:
    said = (
        "freeze_norms: expected 'after:0.8', or patterns of modules' names, such as 'layer1.*' or "
        f"'stem.norm,layer1.*', got {text!r}"
    )
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        TrainConfig(freeze_norms=text)


def test_a_freezing_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"^freeze_norms: expected 'after:0\.8', or patterns .*, got 0\.8 \(float\)$"):
        TrainConfig(freeze_norms=0.8)


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ("gradient_accumulation_steps", "accumulate"),
        ("accumulate_grad_batches", "accumulate"),
        ("freeze_bn", "freeze_norms"),
        ("use_buffers", "ema_buffers"),
    ],
)
def test_the_names_of_other_trainers_are_known(other: str, ours: str) -> None:
    with pytest.raises(TypeError, match=rf"Did you mean '{ours}'\?"):
        TrainConfig(**{other: 1})
