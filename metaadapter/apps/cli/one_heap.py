"""One heap for all threads of a command, so that memory stays flat over many pictures."""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8  # of glibc's malloc.h


def share_one_heap() -> None:
    """Let the threads that are started from now on share the heap of the first.

    By default glibc gives threads heaps of their own, up to eight for each core. Those that decode
    and encode free one heap's blocks while another grows, so that what the process holds creeps up
    with the number of pictures although no more is in use. `MALLOC_ARENA_MAX`, where it is set, has
    the last word; other C libraries have one heap anyway, or none that can be told.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # no glibc; on Windows there is no CDLL(None)
        return
