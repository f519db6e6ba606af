from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_config__begins_with_purpose_command_time_and_expectation(path):
    head = path.read_text(encoding="utf-8").split("\n\n")[0]

    assert all(line.startswith("# ") for line in head.splitlines())
    assert [word for word in ("Run:", "Time:", "Expect:") if word not in head] == []


def test_tiny_config__is_what_the_shipped_encoder_was_built_from():
    (path,) = [path for path in CONFIGS if path.name == "tiny.toml"]
    shipped = files("metaadapter") / "assets" / "tiny" / "open_clip_config.json"

    settings = tomllib.loads(path.read_text(encoding="utf-8"))

    expected = json.loads(shipped.read_text(encoding="utf-8"))
    assert {key: settings[key] for key in expected} == expected
