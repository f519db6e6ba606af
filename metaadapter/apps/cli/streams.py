"""Where a command writes: a result that is cut off is never taken for whole."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lasting_streams() -> Iterator[Callable[[], OSError | None]]:
    """Within the block, writing to stdout and stderr never raises; any text can be printed.

    Yields:
        Why the result on stdout is not whole, or None if all that was written until now is. What
        stderr does not take is lost: there is nobody to tell.
    """
    lasting = {name: _Lasting(getattr(sys, name)) for name in ("stdout", "stderr")}
    for name, stream in lasting.items():
        setattr(sys, name, stream)

    def failure() -> OSError | None:
        lasting["stdout"].flush()
        return lasting["stdout"].failure

    try:
        yield failure
    finally:
        for name, stream in lasting.items():
            stream.end()
            # In another thread a block may have begun within this one, and end after it.
            while isinstance(current := getattr(sys, name), _Lasting) and current.ended:
                setattr(sys, name, current.before)


def reader_left(error: OSError) -> bool:
    """Whether a stream takes no more because its reader has left, as `head` does."""
    # Windows says of a closed pipe that the argument is invalid.
    windows = sys.platform == "win32" and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or windows


class _Lasting:
    """A stream that drops what is written after the first failure, which it remembers.

    Args:
        stream: of the process, or what somebody has put in its place; None if it was closed before
            the program began.
    """

    def __init__(self, stream: Any) -> None:
        self.before = stream
        self.failure: OSError | None = None
        self.ended = False
        self._stream = stream
        if stream is None:
            self._stream = _Closed()
        elif (
            type(stream) is io.TextIOWrapper
            and stream in (sys.__stdout__, sys.__stderr__)
            and "write" not in vars(stream)  # as programs that log what is printed set it
        ):
            self.flush()
            self._stream = _without_its_buffer(stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self.failure is None:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = getattr(self._stream, "encoding", None) or "ascii"
                self.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError as error:
                self.failure = error
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self.failure is None and hasattr(self._stream, "flush"):
            try:
                self._stream.flush()
            except OSError as error:
                self.failure = error

    def end(self) -> None:
        """Leave the stream to those who had it before."""
        self.flush()
        self.ended = True
        if isinstance(self._stream, _Closed):
            self._stream.close()


def _without_its_buffer(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """A writer to what is beneath the buffer, which would try again as the interpreter ends.

    A stream without a buffer, as with PYTHONUNBUFFERED, would drop what is not taken at once.
    """
    sink = getattr(stream.buffer, "raw", stream.buffer)
    return io.TextIOWrapper(
        io.BufferedWriter(_Sink(sink)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )


class _Sink(io.RawIOBase):
    """Bytes on their way to a file of the process, which stays open; none after a failure."""

    def __init__(self, file: Any) -> None:
        self._file, self._failed = file, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def isatty(self) -> bool:
        tty: bool = self._file.isatty()
        return tty

    def write(self, content: Any) -> int:
        if self._failed:
            return len(content)
        try:
            taken: int | None = self._file.write(content)
            if taken is None:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        except OSError:
            self._failed = True
            raise
        return taken


class _Closed(io.TextIOBase):
    """In the place of a stream that was closed before the program began.

    It holds the number of the stream, so that no file of ours gets it, which others may write to.
    """

    def __init__(self) -> None:
        self._number = os.open(os.devnull, os.O_RDWR)

    def write(self, _text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def close(self) -> None:
        if not self.closed:
            os.close(self._number)
        super().close()
