from __future__ import annotations

import errno
import os

import pytest

from metaadapter.data.inputs import UnreadableImage, open_readable
from metaadapter.files.machine_errors import machine_error


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        ("ENOSPC", "free some space"),
        ("EDQUOT", "larger quota"),
        ("EFBIG", "ulimit -f"),
        ("EROFS", "not read-only"),
        ("EACCES", "correct the permissions"),
        ("EPERM", "correct the permissions"),
        ("EMFILE", "ulimit -n"),
        ("EIO", "check the drive"),
        ("ENOMEM", "ulimit -v"),
        ("ENAMETOOLONG", "a shorter name"),
        ("ELOOP", "correct the links"),
    ],
)
def test_refusal__of_the_system__names_the_file_and_a_remedy(number, remedy):
    code = getattr(errno, number)

    message = str(machine_error(OSError(code, os.strerror(code), "birds/store.json")))

    assert message.startswith(f"birds/store.json: {os.strerror(code)}; ")
    assert remedy in message


@pytest.mark.parametrize(
    "text",
    [
        "CUDA out of memory. Tried to allocate 20.00 GiB.\nSee the documentation.",
        "CUDA error: out of memory\nCUDA kernel errors might be reported later.",
        "MPS backend out of memory (MPS allocated: 8.00 GB).",
    ],
)
def test_refusal__of_memory_of_a_gpu__keeps_the_first_line_of_pytorch(text):
    message = str(machine_error(RuntimeError(text)))

    assert message == (
        f"{text.partition(chr(10))[0].rstrip('.')}; choose smaller batches, or compute on the CPU"
    )
    assert "ulimit" not in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_file__with_such_a_name__is_one_unreadable_picture(tmp_path):
    folder = tmp_path / "out of memory"
    folder.mkdir()
    os.mkfifo(folder / "not enough memory.jpg")

    with (
        pytest.raises(UnreadableImage, match="a pipe"),
        open_readable(folder / "not enough memory.jpg"),
    ):
        pass
