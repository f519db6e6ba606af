from __future__ import annotations

import pytest

from metaadapter.files.strict_json import json_text, parse_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ('{"a": 1e999}', "1e999 is not a number"),
        ("1" * 5_000, "digits"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        (r'["\ud800"]', r"'\\ud800' is half a character"),
        (r'{"\udfff": 1}', "half a character"),
        ("", "at character 1"),
        ('{"a": 1,\n "b" 2}', "at line 2, character 6"),
        (b"\xff", "decode"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_parse_json__what_is_none__is_a_value_error(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


@pytest.mark.parametrize("value", ["caf\udce9", "😀", 1e308, -0.0, [None, True], {"a": 10**400}])
def test_parse_json__what_json_text_writes__comes_back(value):
    assert parse_json(json_text(value)) == value
    assert parse_json(json_text(value, indent=2).encode()) == value
