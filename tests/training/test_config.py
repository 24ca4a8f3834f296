import math
import os
import re
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.errors import InputError
from batchnorm.functional import ROUTES
from batchnorm.runs import TrainConfig, differences, read_config, write_config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 1.5),
        ("epochs", True),
        ("batch_size", 0),
        ("accumulate", 0),
        ("accumulate", 1.5),
        ("ema_buffers", "mean"),
        ("freeze_norms", ""),
        ("freeze_norms", "layer1.*,"),
        ("freeze_norms", 3),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", 0.0),
        ("lr", -0.1),
        ("momentum", 1.0),
        ("weight_decay", -1e-9),
        ("label_smoothing", 1.0),
        ("warmup", 1.0),
        ("clip_norm", math.nan),
        ("ema_decay", 1.0),
        ("shift", -1),
        ("crop", 0),
        ("crop", 1.5),
        ("jitter", -0.1),
        ("jitter", 1.5),
        ("val_fraction", 1.0),
        ("seed", -1),
        ("seed", 2**63),
        ("threads", -2),
        ("optimizer", "adam"),
        ("schedule", "step"),
        ("amp", "fp16"),
        ("norm_place", "beside"),
        ("route", 3),
        ("tune_allocator", 1),
        ("threads", 99999999999),
        ("epochs", 10**400),
        ("flip", "no"),
        ("model", 3),
        ("model_args", None),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^{name}: expected .*, got {re.escape(repr(value))}( \(.*\)|\. Did .*)?$"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("route", ["auto", *ROUTES])
def test_every_route_may_be_asked_for(route: str) -> None:
    assert TrainConfig(route=route).route == route


def test_an_unknown_route_is_refused_and_the_near_one_named() -> None:
    with pytest.raises(InputError, match=r"^route: expected a known name, got 'nativ'\. Did you mean 'native'\?"):
        TrainConfig(route="nativ")


def test_all_wrong_values_are_named_together() -> None:
    with pytest.raises(InputError, match=r"(?s)epochs: .*\nbatch_size: .*\nlr: "):
        TrainConfig(epochs=0, batch_size=0, lr=0.0)


def test_every_option_has_a_help_text_in_the_source() -> None:
    from tyro._docstrings import get_field_docstring

    missing = [entry.name for entry in fields(TrainConfig) if not get_field_docstring(TrainConfig, entry.name, ())]
    assert missing == []


@settings(derandomize=True, deadline=None)
@given(
    epochs=st.integers(1, 10**6),
    lr=st.floats(1e-12, 1e6),
    seed=st.integers(0, 2**63 - 1),
    model=st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map("mine:{}".format),
    flip=st.booleans(),
    args=st.dictionaries(st.text("abc_", min_size=1), st.one_of(st.integers(-99, 99), st.booleans(), st.text("xyz"))),
)
def test_what_is_written_as_toml_reads_back_equal(tmp_path_factory, **values: object) -> None:
    values["model_args"] = values.pop("args")
    config = TrainConfig(**values)
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_bytes(write_config(config).encode())
    assert read_config(path) == config


def test_a_toml_file_may_leave_options_out(tmp_path) -> None:
    (tmp_path / "c.toml").write_text("epochs = 3\n")
    assert read_config(tmp_path / "c.toml") == TrainConfig(epochs=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", r"c\.toml: expected a TOML file"),
        ("epoch = 3", r"c\.toml: unknown key 'epoch'\. Did you mean 'epochs'\?"),
        ("zzzzzzz = 3", r"c\.toml: unknown key 'zzzzzzz'\. The keys are the fields of TrainConfig"),
        ('epochs = "three"', r"c\.toml: epochs: expected an integer of at least 1, got 'three' \(str\)"),
        ("epochs = true", r"c\.toml: epochs: expected an integer of at least 1, got True \(bool\)"),
        ("flip = 1", r"c\.toml: flip: expected bool, got 1 \(int\)"),
        ("epochs = 1.0", r"c\.toml: epochs: expected an integer of at least 1, got 1\.0 \(float\)"),
        ("lr = nan", r"c\.toml: lr: expected a finite number above 0, or 'auto', got nan"),
        ('optimizer = "adam"', r"c\.toml: optimizer: expected one of sgd, adamw, got 'adam'"),
        ('route = "fusd"', r"c\.toml: route: expected a known name, got 'fusd'.* Known: auto, composed, native"),
        ("optimizer = 3", r"c\.toml: optimizer: expected str, got 3 \(int\)"),
        ("[model_args]\nwidth = [1]", r"c\.toml: model_args: expected dict"),
    ],
)
def test_a_config_file_with_a_mistake_is_refused_with_the_place(tmp_path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_config(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr = 1e999", r"lr: expected a finite number above 0, or 'auto', got inf"),
        ("lr = 1" + "0" * 400, r"lr: expected a finite number above 0, or 'auto', got 10+"),
        ("seed = 0x" + "f" * 9000, r"seed: expected an integer from 0 to 2\*\*63 - 1, got a very large int"),
        ("model_args.width = 1e999", r"model_args: expected a finite number of at most 64 bits for width, got inf"),
        ("[model_args]\nwidth = 4\ndepth = [1]", r"model_args: expected dict"),
        ("x = " + "[" * 5000, r"expected a TOML file .* \(it is nested too deeply\)\. Correct it"),
        ("epochs = " + "9" * 9000, r"expected a TOML file"),
        ("model_args." + "a." * 3000 + "b = 1", r"model_args: expected dict.*, got a very large dict"),
        ("model_args." + "a." * 9000 + "b = 1", r"the config cannot be read \(it has 18,\d+ bytes, expected 16,384"),
        ('route = "' + "x" * 5000 + '"', r"route: expected at most 1000 characters, got 5000"),
        ('model_args.shortcut = "' + "x" * 1001 + '"', r"model_args: expected words of at most 1000 characters"),
    ],
)
def test_values_that_no_option_has_are_refused_in_a_few_lines(tmp_path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match=rf"c\.toml: {message}") as refused:
        read_config(tmp_path / "c.toml")
    assert len(str(refused.value)) < 1000


def test_a_pipe_for_a_config_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "c.toml")
    with pytest.raises(InputError, match=r"the config cannot be read \(it is a pipe, not a file\)\. Check the path"):
        read_config(tmp_path / "c.toml")


def test_a_config_file_of_bytes_is_refused(tmp_path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\x80\x02\xff")
    with pytest.raises(InputError, match="expected a TOML file"):
        read_config(tmp_path / "c.toml")


def test_a_missing_config_file_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: the config cannot be read \(No such file"):
        read_config(tmp_path / "none.toml")


def test_an_integer_is_taken_where_a_float_is_wanted(tmp_path) -> None:
    (tmp_path / "c.toml").write_text("lr = 1")
    assert read_config(tmp_path / "c.toml").lr == 1


def test_differences_names_what_differs() -> None:
    assert differences(TrainConfig(), TrainConfig(lr=0.3, epochs=5)) == ["epochs", "lr"]


@pytest.mark.parametrize(
    "name", ["name", "num_classes", "in_channels", "image_size", "norm", "activation", "norm_place"]
)
def test_model_args_cannot_overrule_the_data_or_an_option(name: str) -> None:
    with pytest.raises(InputError, match=f"^model_args: {name} (is|follows) "):
        TrainConfig(model_args={name: 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sync_bn": True, "moments": "ghost:4"},
            "sync_bn: it normalizes by the moments of all processes, and the moments",
        ),
        (
            {"sync_bn": True, "bn_buffers": "mean"},
            "bn_buffers: 'mean' merges the statistics of norms that are not sync",
        ),
        ({"bn_buffers": "rank1"}, "bn_buffers: expected one of rank0, mean, got 'rank1'"),
    ],
)
def test_options_of_several_processes_that_contradict_each_other_are_refused(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainConfig(**options)
