from __future__ import annotations

import errno
import os

import pytest
import torch

from metaadapter.refusals import refusal


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
    ],
)
def test_refusal__of_the_system__names_the_file_and_a_remedy(number, remedy):
    code = getattr(errno, number)

    told = str(refusal(OSError(code, os.strerror(code), "birds/store.json")))

    assert told.startswith(f"birds/store.json: {os.strerror(code)}; ")
    assert remedy in told


def test_refusal__of_memory__is_recognised_in_the_words_of_pytorch():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)

    for error in (caught.value, MemoryError(), RuntimeError("can't start new thread")):
        assert "there is not enough memory" in str(refusal(error))


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.ENOENT, "none"), OSError("x")])
def test_refusal__of_another_error__is_none(error):
    assert refusal(error) is None
