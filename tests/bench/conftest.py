from __future__ import annotations

from html.parser import HTMLParser

import pytest

VOID = {"meta", "img", "line", "rect", "path", "br", "use"}


class Reader(HTMLParser):
    """The elements of a page in order, its text, and whether every element is closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._open = [], [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def read_page():
    """Takes a page to pieces."""
    return Reader
