"""One heap for all threads of a command, so that memory stays flat over many pictures."""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8  # from glibc's malloc.h


def share_one_heap() -> None:
    """Let all threads that start later share the heap of the first.

    By default glibc gives threads their own heaps, up to eight for each core. The threads that
    decode and encode free blocks of one heap while another grows, so that the memory of the process
    grows with the number of pictures although no more is in use. The environment variable
    `MALLOC_ARENA_MAX` takes precedence. Other C libraries have one heap, or no such setting.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):  # no glibc; on Windows there is no CDLL(None)
        return
