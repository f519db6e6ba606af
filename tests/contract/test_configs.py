from __future__ import annotations

from pathlib import Path

import pytest

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_config__begins_with_purpose_command_time_and_expectation(path):
    head = path.read_text(encoding="utf-8").split("\n\n")[0]

    assert all(line.startswith("# ") for line in head.splitlines())
    assert [word for word in ("Run:", "Time:", "Expect:") if word not in head] == []
