"""Forms in pieces of any size, and bodies that are not forms."""

from __future__ import annotations

import asyncio

import pytest

from metaadapter.apps.page.multipart import Limits, receive_form
from metaadapter.apps.page.refusal import Refusal

TYPE = "multipart/form-data; boundary=xyz"
FORM = (
    '--xyz\r\nContent-Disposition: form-data; name="class"\r\n\r\nabc\r\n'
    '--xyz\r\nContent-Disposition: form-data; name="pictures"; filename="ä/1.png"\r\n'
    "Content-Type: image/png\r\n\r\nfirst\r\n--xy\r\n\r\n"
    '--xyz\r\nContent-Disposition: form-data; name="pictures"; filename="2.png"\r\n\r\n'
    "\r\n--xyz--\r\n"
).encode()


def receive(pieces, folder, content_type=TYPE, **limits):
    async def stream():
        for piece in pieces:
            yield piece

    return asyncio.run(receive_form(content_type, stream(), folder, Limits(**limits)))


def test_form__in_pieces_cut_anywhere__is_the_same(tmp_path):
    for at in range(0, len(FORM), 3):
        form = receive([FORM[:at], FORM[at:]], tmp_path)

        assert form.texts == {"class": "abc"}
        assert [file.name for file in form.files] == ["ä/1.png", "2.png"]
        assert [file.path.read_bytes() for file in form.files] == [b"first\r\n--xy\r\n", b""]


def test_form__cut_off__is_refused_wherever_it_ends(tmp_path):
    for end in range(0, len(FORM) - len("--\r\n") + 1, 2):
        with pytest.raises(Refusal, match=r"^The form (is cut off|cannot be read)"):
            receive([FORM[:end]], tmp_path)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        *(
            ([f"--xyz\r\n{head}\r\nx\r\n--xyz--\r\n".encode()], r"^The form cannot be read")
            for head in ("", "Content-Disposition: attachment\r\n", "X: y\r\n" * 500)
        ),
        ([FORM.replace(b"abc", b"a" * 70_000)], r"'class' is too long"),
        (
            [b"--xyz\r\n", *(b"X-%d: %s\r\n" % (n, b"y" * 4000) for n in range(40))],
            r"too long|cannot be read",
        ),
    ],
    ids=["no head", "no name", "a long head", "a long text", "a head without an end"],
)
def test_part__that_cannot_be_read__is_refused(tmp_path, pieces, message):
    with pytest.raises(Refusal, match=message):
        receive(pieces, tmp_path)
