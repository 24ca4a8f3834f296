# ruff: noqa: A005 - the folder is named after the room that it tests
