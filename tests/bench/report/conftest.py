from __future__ import annotations

import pytest

from metaadapter.apps.cli.demo_experiment import DemoResult, LabelledPicture, MethodResult

TRUTH = ("fox", "fox", "lynx", "lynx")


def answers(n_shot, labels):
    return MethodResult(
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
            "methods": (
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
    from metaadapter.bench.evaluation.config import EvaluationConfig
    from metaadapter.bench.run import evaluate

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
def result(finished):
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.findings import find

    return find(EvaluationRun.read(finished))


@pytest.fixture(scope="session")
def report_of(store_in, tmp_path_factory):
    """The result of a small evaluation on a store of its own, with changes."""
    from metaadapter.bench.evaluation.config import EvaluationConfig
    from metaadapter.bench.report.evaluation_run import EvaluationRun
    from metaadapter.bench.report.findings import find
    from metaadapter.bench.run import evaluate

    def make(labels, n_pictures=6, *, spread=0.5, **changes):
        folder = tmp_path_factory.mktemp("report")
        store = store_in(folder, "pets", dict.fromkeys(labels, n_pictures), spread=spread)
        settings = {"methods": ("prototypes", "zero-shot"), "shots": (1, 2), "seeds": 2}
        evaluate(
            EvaluationConfig(stores=(str(store.folder),), **settings | changes), folder / "run"
        )
        return find(EvaluationRun.read(folder / "run"))

    return make
