"""Where a command writes: a result that is cut off is never taken for whole."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["lasting_streams"]


@contextmanager
def lasting_streams() -> Iterator[Callable[[], OSError | None]]:
    """Within the block, writing to stdout and stderr never raises; any text can be printed.

    Yields:
        Why the result on stdout is not whole, or None if all that was written until now is. What
        stderr does not take is lost: there is nobody to tell.
    """
    before = sys.stdout, sys.stderr
    lasting = {name: _Lasting(getattr(sys, name)) for name in ("stdout", "stderr")}
    for name, stream in lasting.items():
        setattr(sys, name, stream.text)

    def failure() -> OSError | None:
        lasting["stdout"].text.flush()
        return lasting["stdout"].failure

    try:
        yield failure
    finally:
        for stream in lasting.values():
            stream.text.flush()
        sys.stdout, sys.stderr = before


class _Lasting(io.RawIOBase):
    """Bytes on their way to a stream, until that takes no more of them.

    Args:
        stream: of the process; None if it was closed before the program began.
    """

    def __init__(self, stream: Any) -> None:
        self.failure: OSError | None = None
        self._sink: Any = None
        if stream is None:
            # So that no file of ours gets the number of the stream, which others may write to.
            os.open(os.devnull, os.O_RDWR)
        elif hasattr(stream, "buffer"):
            stream.flush()
            # Beneath the buffer of the stream, which would try again as the interpreter ends.
            self._sink = getattr(stream.buffer, "raw", stream.buffer)
        else:  # a text in memory, which takes everything
            self.text = stream
            return
        # A stream without a buffer, as with PYTHONUNBUFFERED, drops what is not taken at once.
        self.text = io.TextIOWrapper(
            io.BufferedWriter(self),
            encoding=getattr(stream, "encoding", "utf-8"),
            errors="backslashreplace",
            line_buffering=getattr(stream, "line_buffering", False)
            or getattr(stream, "write_through", False),
        )

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._sink.fileno()
        return number

    def isatty(self) -> bool:
        return self._sink is not None and self._sink.isatty()

    def write(self, content: Any) -> int:
        if self.failure is None:
            try:
                if self._sink is None:
                    raise OSError(errno.EBADF, "it is closed")
                taken: int | None = self._sink.write(content)
                if taken is None:
                    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                return taken
            except OSError as error:
                self.failure = error
        return len(content)
