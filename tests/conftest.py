"""Every test has one thread, no network, no model hub and repeatable draws."""

from __future__ import annotations

import functools
import gc
import os
import signal
import socket
from collections.abc import Generator
from typing import Any

# Read once by huggingface_hub when it is imported. `HF_HUB_OFFLINE=0 pytest -m network` opens it.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import jaxtyping
import numpy as np
import pytest
from hypothesis import settings
from markupsafe import Markup

from tests.shape_checks import check_shapes

# jaxtyping's import hook, which the Makefile asks for, looks the decorator up here.
jaxtyping.jaxtyped = check_shapes

# What imports and thousands of tests take is for good: no walk through it finds what to free. In
# a process that only hands tests out nothing enables it again.
gc.disable()

_REPEATABLE = "CI" in os.environ
settings.register_profile("quick", deadline=None, derandomize=_REPEATABLE, max_examples=20)
settings.register_profile("thorough", deadline=None, derandomize=_REPEATABLE, max_examples=200)
settings.load_profile("quick")  # `--hypothesis-profile` replaces it


def pytest_collection_finish() -> None:
    """Prepare a process that runs tests; one that only hands them out needs no torch."""
    import torch

    # More threads than free cores make small tensor loops ten times slower.
    torch.set_num_threads(1)
    # What tests leave is freed; what was there before the first of them is not walked through.
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep a test, and the fixtures it is the first to ask for, from leaving this machine."""
    if item.get_closest_marker("network"):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _refuse_to_leave(getattr(socket.socket, method)))
        return (yield)


def _refuse_to_leave(connect: Any) -> Any:
    def connect_locally(self: socket.socket, address: Any) -> Any:
        is_local = self.family == getattr(socket, "AF_UNIX", None) or address[0] in _LOOPBACK
        if not is_local:
            raise RuntimeError(
                f"a test tried to reach {address[0]}; tests run without a network. "
                "Use the encoder `tiny` or a local file, or mark the test with pytest.mark.network"
            )
        return connect(self, address)

    return connect_locally


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_ends_programs():
    """Programs that a shell starts in the background ignore Ctrl-C, and so do their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def reseal():
    """Changes entries of a document that proves itself, as its writer would; None removes one."""
    import json

    from metaadapter.files.checksums import unsealed, write_document

    def change(path, **changes):
        values, files = unsealed(json.loads(path.read_bytes()))
        kept = {key: value for key, value in (values | changes).items() if value is not None}
        write_document(path, kept, files=files)

    return change


@pytest.fixture(scope="session")
def kill_at():
    """Calls a function in a process that is killed at one of its calls of these methods."""
    import itertools
    import multiprocessing
    import signal
    from pathlib import Path

    def run(number, function, *arguments, methods=((Path, "replace"),)):
        def die():
            calls = itertools.count()

            def killed(original):
                def call(*given):
                    if next(calls) == number:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return original(*given)

                return call

            for owner, name in methods:
                setattr(owner, name, killed(getattr(owner, name)))
            function(*arguments)

        process = multiprocessing.get_context("fork").Process(target=die)
        process.start()
        process.join()
        return process.exitcode

    return run


@pytest.fixture(scope="session")
def same_support():
    """Whether two supports have the same tensors, to the last bit, and the same blocks."""
    import torch

    def same(one, other):
        ours, theirs = one.tensors(), other.tensors()
        equal = (torch.equal(ours[name], theirs[name]) for name in ours)
        return one.blocks == other.blocks and ours.keys() == theirs.keys() and all(equal)

    return same


@pytest.fixture(scope="session")
def demo_features(tmp_path_factory, worker_id):
    """`tiny`, and its feature of each of the demo's photographs by path: encoded once a run."""
    from importlib.resources import files
    from pathlib import Path

    from filelock import FileLock

    from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

    encoder = FrozenEncoder.load("tiny")
    pictures = Path(str(files("metaadapter"))) / "assets" / "demo" / "pictures"
    paths = sorted(pictures.glob("*/*.jpg"))
    # Each process of pytest-xdist has a folder of its own in that of the run.
    folder = tmp_path_factory.getbasetemp()
    file = (folder if worker_id == "master" else folder.parent) / "demo-features.npy"
    with FileLock(file.with_suffix(".lock")):
        if not file.is_file():
            np.save(file, encoder.encode_images(paths))
    return encoder, dict(zip(paths, np.load(file), strict=True))


@pytest.fixture
def without_drawings(monkeypatch):
    """Pages with empty figures: they take most of a page's time, and its words are the same."""
    svg = Markup("<svg></svg>")
    monkeypatch.setattr("metaadapter.bench.report.panel.Panel.to_svg", lambda _self: svg)


@pytest.fixture
def make_store(store_in, tmp_path):
    """Makes tmp_path/NAME, as `store_in` does."""
    return functools.partial(store_in, tmp_path)


@pytest.fixture(scope="session")
def store_in():
    """Makes FOLDER/NAME, a feature store of random features; `counts` tells its classes.

    With a `spread`, pictures lie around the text of their class, closely if it is small. `facts`
    has a column of the table for each picture: `split`, `group` or `sha256`. Pictures with the same
    hash have the same features.
    """
    from metaadapter.features.fingerprint import Fingerprint
    from metaadapter.features.origin import Recipe
    from metaadapter.features.store.feature_store import FeatureStore
    from metaadapter.features.store.header import StoreHeader
    from metaadapter.features.store.picture_facts import PictureFacts
    from metaadapter.features.store.picture_table import label_counts, table_of
    from metaadapter.features.store.writer import write_store
    from metaadapter.features.views import unit_rows

    def make(
        folder, name, counts, *, width=8, n_views=1, seed=0, encoder="dots", spread=None, **facts
    ):
        rng = np.random.default_rng(seed)
        labels = [label for label, count in counts.items() for _ in range(count)]
        pictures = tuple(
            PictureFacts(f"{number}.png", label, "", "", f"{name}-{number}")._replace(
                **{column: values[number] for column, values in facts.items()}
            )
            for number, label in enumerate(labels)
        )
        classes = tuple(sorted(set(counts) - {""}))
        fingerprint = Fingerprint(encoder, "none", width, False, encoder, (0.0,) * 32)
        made = {"precision": "fp32", "logit_scale": 20.0, "n_views": n_views}
        recipe = Recipe(encoder=encoder, fingerprint=fingerprint, **made)
        features = rng.standard_normal((len(labels) * n_views, width))
        texts = unit_rows(rng.standard_normal((len(classes), width)).astype(np.float32))
        if spread is not None:
            own = texts[np.searchsorted(classes, labels)].repeat(n_views, axis=0)
            features = own + spread * features / width**0.5
        features = unit_rows(features).reshape(-1, n_views, width).astype(np.float16)
        first_with = {picture.sha256: n for n, picture in reversed([*enumerate(pictures)])}
        features = features[[first_with[picture.sha256] for picture in pictures]]
        (folder / name).mkdir()
        table = table_of(pictures)
        write_store(
            folder / name,
            StoreHeader(recipe, len(table), label_counts(table), classes, ("{}",)),
            table,
            [features],
            dict(zip(classes, texts, strict=True)),
        )
        return FeatureStore.open(folder / name)

    return make


@pytest.fixture
def make_adapter():
    """Adapters of T random tasks with a visual bottleneck, in float64, and supports for them."""
    import torch
    from torch.nn.functional import normalize

    from metaadapter.adapter.weights import AdapterWeights

    def make(n_tasks=2, n_way=3, n_shot=4, width=6, seed=0):
        draw = torch.Generator().manual_seed(seed)

        def randn(*shape):
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        weights = AdapterWeights(
            classes=randn(n_tasks, n_way, width),
            class_bias=0.1 * randn(n_tasks, n_way),
            logit_scale=2 + randn(n_tasks).abs(),
            centre=0.1 * randn(n_tasks, width),
            down=randn(n_tasks, 2, width),
            bias=0.1 * randn(n_tasks, 2),
            up=randn(n_tasks, width, 2),
            visual_ratio=torch.full((n_tasks,), 0.2, dtype=torch.float64),
        )
        support = normalize(randn(n_tasks, n_way, n_shot, width), dim=-1)
        query = normalize(randn(n_tasks, 2 * n_way, width), dim=-1)
        return weights, support, torch.ones(n_tasks, n_way, n_shot, dtype=torch.bool), query

    return make
