"""A wiring as plain data: what it counts, and that it is written whole."""

import json

from batchnorm.records import RECORDS, WiringRecord, WiringRow, to_dict, to_json

ROWS = (
    WiringRow("conv", "Conv2d", 1, (2, 4, 8, 8), 1, ("bn", "(kept)")),
    WiringRow("bn", "BatchNorm2d", 1, (2, 4, 8, 8), 1, ("fc",), "folded", None, ("conv",)),
    WiringRow("fc", "Linear", 2, (2, 3), 1, ("(returned)",)),
    WiringRow("last", "BatchNorm1d", 0, None, None, (), "left", "it was never called"),
)
RECORD = WiringRecord("runs/é", "mine:net", None, (2, 3, 8, 8), ("conv",), ROWS, 1, ("a note",))


def test_norms_are_the_rows_with_an_outcome() -> None:
    assert [row.module for row in RECORD.norms] == ["bn", "last"]


def test_norms_are_counted_by_their_outcome() -> None:
    assert {outcome: RECORD.count(outcome) for outcome in ("folded", "shift", "scale-shifted", "left")} == {
        "folded": 1,
        "shift": 0,
        "scale-shifted": 0,
        "left": 1,
    }


def test_it_is_known_by_its_name() -> None:
    assert RECORDS["WiringRecord"] is WiringRecord


def test_its_json_begins_with_name_and_version_and_holds_every_field_of_every_row() -> None:
    text = to_json(RECORD)
    assert text.startswith('{"record": "WiringRecord", "version": 1, "run": "runs/é", "model": "mine:net", ')
    data = json.loads(text)
    assert data["rows"][1] == {
        "module": "bn",
        "kind": "BatchNorm2d",
        "calls": 1,
        "output": [2, 4, 8, 8],
        "axis": 1,
        "read_by": ["fc"],
        "outcome": "folded",
        "reason": None,
        "into": ["conv"],
    }
    assert (data["input_read_by"], data["ways"], data["notes"], data["data"]) == (["conv"], 1, ["a note"], None)


def test_the_dictionary_gives_the_record_back() -> None:
    data = to_dict(RECORD)
    assert (data.pop("record"), data.pop("version")) == ("WiringRecord", WiringRecord.VERSION)
    rows = tuple(WiringRow(**row) for row in data.pop("rows"))
    assert WiringRecord(**data, rows=rows) == RECORD
