"""Is every record read back as it was written, and nothing else taken for one?"""

import json
import math
import sys
import types
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchnorm.errors import InputError, InputTypeError
from batchnorm.records import (
    RECORDS,
    Benchmark,
    Evaluation,
    Recalibration,
    RunFold,
    StudyRun,
    WiringRecord,
    from_json,
    make_record,
    read_record,
    to_dict,
    to_json,
)
from batchnorm.records._plain import DEEPEST, Plain

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def values(annotation: Any, name: str = "") -> st.SearchStrategy[Any]:
    """All that a field of that annotation and name may hold."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation == Plain:
        finite = st.floats(allow_nan=False, allow_infinity=False)
        leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), finite, st.text(max_size=3))
        return st.recursive(leaves, lambda inner: st.lists(inner, max_size=2).map(tuple), max_leaves=4)
    if origin is Annotated:
        return st.floats(allow_nan=False, allow_infinity=False)
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(one, name) for one in arguments))
    if origin is tuple:
        if arguments[1:] != (...,):
            return st.tuples(*(values(one, name) for one in arguments))
        return st.lists(values(arguments[0], name), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=3), values(arguments[1], name), max_size=2)
    if origin is Literal:
        return st.sampled_from(arguments)
    if is_dataclass(annotation):
        return records(annotation)
    share = name.endswith("accuracy") or name == "probabilities"
    return {
        str: st.text(st.characters(), max_size=5),
        bool: st.booleans(),
        int: st.integers(0, 2**63),
        float: st.floats(0, 1 if share else sys.float_info.max),
        types.NoneType: st.none(),
    }[annotation]


def records(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{one.name: values(hints[one.name], one.name) for one in fields(kind)})


@pytest.mark.parametrize("kind", RECORDS.values(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("lines", [False, True])
def test_what_is_written_is_read_back_equal(kind, lines) -> None:
    @settings(derandomize=True, max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(records(kind))
    def check(record) -> None:
        text = to_json(record, lines=lines)
        assert from_json(text) == record
        assert from_json(text, kind) == record
        assert text.replace("\n ", "").startswith(f'{{"record": "{kind.__name__}"')
        assert list(json.loads(text))[:2] == ["record", "version"]
        text.encode()  # a file in UTF-8 can hold it

    check()


def test_the_name_of_a_file_that_is_not_utf_8_is_read_back() -> None:
    record = replace(simplest(Evaluation), run="caf\udce9")
    text = to_json(record)
    text.encode()
    assert from_json(text) == record


def simplest(kind: type) -> Any:
    """A record with a value in every list, as plain as can be."""
    return from_json(to_json(_filled(kind)))


def _filled(annotation: Any, name: str = "") -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return -0.5
    if origin in (Union, types.UnionType):
        return _filled(arguments[0], name)
    if origin is tuple:
        return tuple(_filled(one, name) for one in arguments if one is not ...)
    if origin is dict:
        return {"key": _filled(arguments[1], name)}
    if origin is Literal:
        return arguments[0]
    if is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return annotation(**{one.name: _filled(hints[one.name], one.name) for one in fields(annotation)})
    return {str: "text", bool: True, int: 1, float: 0.5}[annotation]


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside plain data, the lists and objects included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, one in inner for place in places(one, (*way, key)))]


def replaced(data: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    copy = data.copy()
    copy[way[0]] = replaced(data[way[0]], way[1:], value)
    return copy


STRANGE = ("text", -1, -0.5, 1e400, True, [], {}, [[]], {"a": 1}, 2**64, None, "\0", 0, 1.5)


@pytest.mark.parametrize("kind", RECORDS.values(), ids=lambda kind: kind.__name__)
def test_another_value_anywhere_is_read_as_it_is_or_refused(kind) -> None:
    """Whatever stands in whichever place: the record holds just that, in the types that its annotations name."""
    data = json.loads(to_json(simplest(kind)))
    for way in places(data)[1:]:
        for value in STRANGE:
            text = json.dumps(replaced(data, way, value))
            try:
                record = from_json(text)
            except InputError:
                continue
            assert json.loads(to_json(record)) == json.loads(text), (way, value)


@pytest.mark.parametrize("kind", RECORDS.values(), ids=lambda kind: kind.__name__)
def test_a_field_too_many_in_any_part_is_refused(kind) -> None:
    data = json.loads(to_json(simplest(kind)))
    hints = get_type_hints(kind, include_extras=True)
    parts = [way for way in places(data) if way == () or (is_dataclass(_at(hints, way)))]
    for way in parts:
        part = data
        for key in way:
            part = part[key]
        with pytest.raises(InputError, match=r"has the fields \[.*\], got \[.*'strange'.*\]"):
            from_json(json.dumps(replaced(data, way, {**part, "strange": 1})))


def _at(hints: dict[str, Any], way: tuple[Any, ...]) -> Any:
    """The annotation of a place."""
    annotation: Any = hints.get(way[0])
    for _ in way[1:]:
        while get_origin(annotation) in (Union, types.UnionType):
            annotation = get_args(annotation)[0]
        if is_dataclass(annotation):
            annotation = get_type_hints(annotation, include_extras=True).get(_)
        else:
            annotation = get_args(annotation)[-1 if get_origin(annotation) is dict else 0]
    while get_origin(annotation) in (Union, types.UnionType):
        annotation = get_args(annotation)[0]
    return annotation


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (Recalibration, (("norms", 0, "old_mean", 0), "x"), r"other types in norms\[0\]\.old_mean\[0\]$"),
        (Recalibration, (("norms", 0, "count"), -1), r"cannot be in norms\[0\]\.count: -1"),
        (Evaluation, (("running", "accuracy"), 1.5), r"cannot be in running\.accuracy: 1\.5"),
        (Evaluation, (("split",), 3), "other types in split"),
        (RunFold, (("judged_on",), "train"), "other types in judged_on"),
        (WiringRecord, (("rows", 0, "read_by"), "abc"), r"other types in rows\[0\]\.read_by"),
        (
            Benchmark,
            (("layers", 0, "timings", "key", "key", "median"), -1),
            r"in layers\[0\]\.timings\['key'\]\['key'\]",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(kind, change, message) -> None:
    way, value = change
    data = json.loads(to_json(simplest(kind)))
    with pytest.raises(InputError, match=rf"^an? {kind.__name__} has .*{message}"):
        from_json(json.dumps(replaced(data, way, value)))


def test_a_mean_may_be_negative_and_a_count_may_not() -> None:
    record = simplest(Recalibration)
    assert record.norms[0].old_mean == (-0.5,)
    with pytest.raises(InputError, match="cannot be in samples: -1"):
        from_json(to_json(record).replace('"samples": 1', '"samples": -1'))


def test_a_whole_number_that_stands_for_a_float_is_read_as_one() -> None:
    read = from_json(to_json(simplest(Recalibration)).replace('"seconds": 0.5', '"seconds": 2'), Recalibration)
    assert (type(read.seconds), read.seconds) == (float, 2.0)


@dataclass(frozen=True)
class Pair:
    """Of a fixed length, and each part of a type of its own."""

    both: tuple[int, float | None]


def test_a_tuple_of_a_fixed_length_is_read_part_by_part() -> None:
    assert make_record(Pair, {"both": [1, None]}) == Pair((1, None))
    with pytest.raises(InputError, match=r"^a Pair has other types in both\[0\]$"):
        make_record(Pair, {"both": [None, 1.0]})
    with pytest.raises(InputError, match=r"^a Pair has 3 values, expected 2, in both$"):
        make_record(Pair, {"both": [1, 1.0, 1.0]})


def test_another_kind_than_the_expected_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected an Evaluation, got"):
        from_json(to_json(simplest(RunFold)), Evaluation)


def test_a_number_that_is_not_finite_cannot_be_written() -> None:
    data = to_dict(simplest(Evaluation))
    record = Evaluation(**{**{one.name: data[one.name] for one in fields(Evaluation)}, "batch": math.nan})
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(record)


@pytest.mark.parametrize(
    "text", ["[" * 10**5, '{"record": "Benchmark", "version": 1, "layers": ' + "[" * 60 + "]" * 60 + "}"]
)
def test_a_file_that_is_nested_too_deeply_is_refused(text, tmp_path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"record\.json: expected the JSON of a record: it is nested too deeply"):
        read_record(path)


def test_lists_that_lie_in_too_many_others_are_refused() -> None:
    lists = json.loads("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    deep = {**json.loads(to_json(simplest(StudyRun))), "series": {"loss": lists}}
    with pytest.raises(InputError, match=r"^a StudyRun is nested too deeply in series\['loss'\]"):
        from_json(json.dumps(deep))


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"no\.json: cannot be read \(No such file or directory\)"):
        read_record(tmp_path / "no.json")


def test_the_committed_benchmark_is_read_and_written_as_it_is() -> None:
    text = (RESULTS / "bench.json").read_text(encoding="utf-8")
    assert to_json(read_record(RESULTS / "bench.json", Benchmark), lines=True) == text


def test_a_record_of_before_is_read_with_the_defaults_of_younger_fields() -> None:
    data = json.loads(to_json(simplest(Evaluation)))
    del data["folded"]
    assert from_json(json.dumps(data), Evaluation).folded is False


@pytest.mark.parametrize("write", [to_dict, to_json])
def test_what_is_no_record_is_not_written(write) -> None:
    with pytest.raises(InputTypeError, match=r"record: expected a record of batchnorm\.records, .* got a list"):
        write([1])


def test_what_holds_a_record_is_not_written_and_the_record_is_named() -> None:
    with pytest.raises(InputTypeError, match=r"got a SimpleNamespace\. Pass its result: trained\.result"):
        to_json(types.SimpleNamespace(result=simplest(Evaluation)))


def test_what_is_no_text_is_not_read() -> None:
    with pytest.raises(InputTypeError, match="text: expected the JSON of a record, got an int"):
        from_json(3)
