from __future__ import annotations

import builtins
import xml.etree.ElementTree as ElementTree

import pytest

from metaadapter.bench.report.panel import colour, panel
from metaadapter.errors import MissingPackage


def drawing(name="one"):
    with panel(name, 'a < b & "c"') as figure:
        figure.axes.plot([1, 2], [3, 4], color=colour("method-3"), marker="o")
        figure.axes.set_title("$5 & <b> or $6")
        return figure.to_svg()


def test_panel__drawing__is_well_formed():
    svg = drawing()

    root = ElementTree.fromstring(str(svg).replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    assert root.attrib["viewBox"] == "0 0 380 300"
    assert root[0].text == 'a < b & "c"'
    assert "$5 & <b> or $6" in "".join(root.itertext())


def test_panel__without_matplotlib__says_what_to_install(monkeypatch):
    ordinary = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return ordinary(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MissingPackage, match=r"pip install 'metaadapter\[report\]'"):
        drawing()
