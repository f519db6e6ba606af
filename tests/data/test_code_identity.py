from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.data.code_identity import code_identity, modules_run_through
from metaadapter.generator.generator import Generator
from metaadapter.workflow.choose_n_steps import fine_tune

PARTS = {"CLAP": PEERS["CLAP"], "MAML": META_PEERS["MAML"].fit, "generator": Generator}
PARTS["fine-tuning"] = fine_tune

OWN = '''\
"""A method of one's own."""

import json
from os import path
from typing import TYPE_CHECKING

from metaadapter.adapter.divergence import symmetric_divergence

import helper

if TYPE_CHECKING:
    import drawn


def method(support):
    """Say what the texts say."""
    # As they are.
    import later

    return helper.scaled(support.zero_shot(), later.FACTOR)
'''


@pytest.fixture
def own(tmp_path):
    """A file of one's own with helpers beside it, one of which only a type checker reads."""
    for name, text in {
        "own": OWN,
        "helper": "from parts import inner\nFACTOR = 1\n",
        "later": "FACTOR = 1\n",
        "drawn": "FACTOR = 1\n",
        "parts/__init__": "",
        "parts/inner": "from .sibling import FACTOR\nimport top\n",
        "parts/sibling": "from . import cousin\nfrom parts.deep.nested import FACTOR\n",
        "parts/cousin": "",
        "parts/deep/__init__": "",
        "parts/deep/nested": "from ..uncle import FACTOR\n",
        "parts/uncle": "FACTOR = 1\n",
        "top": "",
    }.items():
        (tmp_path / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path / "own.py"


@pytest.mark.parametrize("part", PARTS)
def test_code_identity__line_changed_in_any_module_run_through__changes(part, monkeypatch):
    before = code_identity(PARTS[part])
    read_bytes = Path.read_bytes

    for file in modules_run_through(PARTS[part]):
        edited = read_bytes(file) + b"\nEDITED = True\n"
        with monkeypatch.context() as patch:
            patch.setattr(
                Path, "read_bytes", lambda f, of=file, new=edited: new if f == of else read_bytes(f)
            )
            assert code_identity(PARTS[part]) != before, file
    assert code_identity(PARTS[part]) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Say what the texts say."""', '"""Say what they say."""'),
        ("    # As they are.\n", ""),
        ("import helper\n", "import helper\n\n\n"),
    ],
)
def test_code_identity__docstring_comment_or_layout_changed__stays(own, old, new):
    before = code_identity(own)

    assert old in OWN
    own.write_text(OWN.replace(old, new))

    assert code_identity(own) == before
