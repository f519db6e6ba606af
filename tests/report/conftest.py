from __future__ import annotations

from html.parser import HTMLParser

import pytest

from metaadapter.task.demo import Answers, DemoResult, LabelledPicture

TRUTH = ("fox", "fox", "lynx", "lynx")


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


def answers(n_shot, labels):
    return Answers(
        method="zero-shot" if n_shot == 0 else f"{n_shot} shots",
        n_shot=n_shot,
        labels=labels,
        probabilities=(0.51, 0.62, 0.73, 0.84),
        correct=tuple(label == true for label, true in zip(labels, TRUTH, strict=True)),
        adapter_seconds=0.25 if n_shot else None,
    )


@pytest.fixture
def make_result():
    """A result on four held-out pictures, one for each effect an adapter can have."""

    def make(**changes):
        facts = {
            "classes": ("fox", "lynx"),
            "support": (
                LabelledPicture("s1.jpg", "fox", b"first fox"),
                LabelledPicture("s2.jpg", "lynx", b"first lynx"),
            ),
            "held_out": tuple(
                LabelledPicture(f"q{i}.jpg", label, b"picture %d" % i)
                for i, label in enumerate(TRUTH)
            ),
            "answers": (
                answers(0, ("lynx", "fox", "lynx", "fox")),
                answers(2, ("fox", "lynx", "lynx", "fox")),
            ),
            "encoder": "some-encoder",
            "fingerprint": "feedbeef",
            "generator": "closed-form (0123456789ab)",
            "seed": 17,
            "encode_seconds": 1.5,
            "versions": {"metaadapter": "9.8.7"},
        }
        return DemoResult(**(facts | changes))

    return make


@pytest.fixture(scope="session")
def finished(store_in, tmp_path_factory):
    """Two sets, three methods, three shots and three seeds, measured once."""
    from metaadapter.evaluation import EvaluationConfig, evaluate

    folder = tmp_path_factory.mktemp("finished")
    counts = {"n01440764 ant": 9, "bee": 9, "<cow> & calf": 9, "dog": 9}
    stores = [
        store_in(folder, name, counts, spread=1.2, seed=seed)
        for seed, name in enumerate(("pets", "farm"))
    ]
    config = EvaluationConfig(
        stores=tuple(str(store.folder) for store in stores),
        methods=("closed-form", "zero-shot", "prototypes", "text + mean", "GDA", "SS-Text", "APE"),
        shots=(1, 2, 4),
        seeds=3,
    )
    evaluate(config, folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def found(finished):
    from metaadapter.report.evaluation_run import EvaluationRun
    from metaadapter.report.findings import find

    return find(EvaluationRun.read(finished))
