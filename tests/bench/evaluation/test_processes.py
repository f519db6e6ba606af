"""Processes that cannot be started are explained."""

from __future__ import annotations

import errno
import os

import pytest

from metaadapter.bench.evaluation import processes
from metaadapter.errors import DataError


def test_pool__no_room_for_what_processes_share__names_the_folder(monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(processes, "ProcessPoolExecutor", no_room)

    with pytest.raises(DataError, match=r"No space left.*/dev/shm.*--jobs 1"):
        processes.open_pool(2)
