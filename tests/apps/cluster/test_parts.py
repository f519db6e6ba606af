from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from metaadapter.apps.cluster.parts import hold_parts
from metaadapter.errors import DataError


@pytest.fixture
def result(tmp_path):
    return tmp_path / "result"


def test_parts__finished_ones__are_not_missing_and_keep_their_number(result):
    with hold_parts(result, "request", 3) as parts:
        assert parts.missing() == [1, 2, 3]
        parts.path(2).mkdir()
        parts.finish(2)

    with hold_parts(result, "request", 8) as parts:
        assert (parts.n, parts.missing()) == (3, [1, 3])
        assert [path.name for path in parts.paths] == ["1", "2", "3"]


def test_parts__of_another_request__are_missing(result):
    with hold_parts(result, "request", 2) as parts:
        parts.path(1).touch()
        parts.finish(1)

    with hold_parts(result, "another", 2) as parts:
        assert parts.missing() == [1, 2]
        parts.finish(2)

    with hold_parts(result, "request", 2) as parts:
        assert parts.missing() == [2]


def test_parts__are_held_by_one_command(result):
    with (
        hold_parts(result, "request", 1),
        pytest.raises(DataError, match=r"another run is writing to .*result"),
        hold_parts(result, "request", 1),
    ):
        pass


def test_parts__a_changed_plan__is_refused(result, tmp_path):
    with hold_parts(result, "request", 2):
        pass
    with closing(sqlite3.connect(tmp_path / "result.parts" / "parts.db")) as plan:
        plan.execute("UPDATE records SET value = 3 WHERE kind = 'plan'")
        plan.commit()

    with pytest.raises(DataError, match="begins anew"), hold_parts(result, "request", 1):
        pass
