"""Exports of all kinds of adapters agree with `predict` in every field."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.known import FRACTIONS
from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.weights import KnownHead
from metaadapter.apps.export.checks import TOLERANCE, largest_difference, squashed
from metaadapter.apps.export.exporting import (
    ExportModel,
    export_frigate,
    export_int8,
    export_onnx,
    export_tflite,
    frigate_labels,
)
from metaadapter.apps.export.program import onnx_run, tflite_run
from metaadapter.data.reader import read_images
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.prediction.predictions import PredictionOptions, predict_pictures
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier

NONE = "none of these"
COVERAGE, SURE = FRACTIONS[2], 0.8
BEASTS = ("fox", "lynx", "owl", "pike")


def rows_of(labels, width, seed):
    """A unit row near the direction of each label."""
    towards = np.random.default_rng(7).standard_normal((1000, width))
    rows = towards[[sum(map(ord, str(label))) % 1000 for label in labels]]
    rows = rows + np.random.default_rng(seed).standard_normal(rows.shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fitted(classes=BEASTS, *, shots=3, width=24, names=True, unlabelled=None, **options):
    texts = {label: rows_of([label], width, 1)[0] for label in classes if label != NONE}
    classifier = MetaAdapterClassifier(texts if names else None, logit_scale=50.0, **options)
    labels = np.repeat(classes, shots)
    return classifier.fit(rows_of(labels, width, 2), labels, unlabelled=unlabelled).stored_


def with_weights(stored, **changes):
    return replace(stored, weights=replace(stored.weights, **changes))


def with_bottleneck(stored):
    draw, width = torch.Generator().manual_seed(3), stored.config.width
    shapes = {"centre": (width,), "down": (4, width), "bias": (4,), "up": (width, 4)}
    parts = {k: torch.randn(*v, generator=draw).double() for k, v in shapes.items()}
    return with_weights(stored, **parts, visual_ratio=torch.tensor(0.2).double())


def several():
    y = np.random.default_rng(0).integers(0, 2, (30, len(BEASTS)))
    texts = {label: rows_of([label], 24, 1)[0] for label in BEASTS}
    rows = rows_of([BEASTS[int(row.argmax())] for row in y], 24, 2)
    return SeveralLabelsClassifier(texts).fit(rows, y).stored_


HALF = torch.tensor(0.5).double()
NONE_AND_BEASTS = ("fox", "lynx", NONE, "owl", "pike")
TREE = {"fox": "mammal", "lynx": "mammal", "owl": "bird", "mammal": "beast", "bird": "beast"}
KINDS = {
    "names and pictures": fitted,
    "one picture of each class": lambda: fitted(shots=1),
    "pictures alone": lambda: fitted(names=False),
    "none of these": lambda: fitted(NONE_AND_BEASTS),
    "none of these, pictures alone": lambda: fitted(NONE_AND_BEASTS, names=False),
    "none of these with a pool": lambda: fitted(
        NONE_AND_BEASTS, unlabelled=rows_of(NONE_AND_BEASTS * 8, 24, 5)
    ),
    "none of these with a bottleneck": lambda: with_bottleneck(fitted(NONE_AND_BEASTS)),
    "one class and none of these": lambda: fitted(("fox", NONE), shots=4),
    "sixty classes": lambda: fitted([f"class {number}" for number in range(60)], width=96),
    "classes that are numbers": lambda: fitted((3, 7, 11)),
    "a width of 9": lambda: fitted(width=9),
    "blocks": lambda: fitted(NONE_AND_BEASTS, blocks=(16, 8)),
    "a pool": lambda: fitted(unlabelled=rows_of(BEASTS * 8, 24, 5)),
    "the closed form": lambda: fitted(NONE_AND_BEASTS, generator="closed-form"),
    "gradient steps": lambda: fitted(mode="finetune", fine_tuning=FineTune(n_steps=3)),
    "a bottleneck": lambda: with_bottleneck(fitted()),
    "no known head": lambda: with_weights(fitted(), **dict.fromkeys(KnownHead._fields)),
    "another threshold": lambda: with_weights(fitted(NONE_AND_BEASTS), reject_threshold=HALF),
    "a label tree": lambda: fitted(tree=TREE),
    "several labels": several,
}


def predicted(stored, rows):
    """The answers of `predict` for rows, with all that the adapter can tell."""
    weights = stored.weights
    sets = weights.known_head is not None and weights.label_thresholds is None
    options = PredictionOptions(
        coverage=COVERAGE if sets else None, sure=SURE if stored.config.tree else None
    )
    pictures = tuple(PictureFacts(f"{number}", "", "", "", "") for number in range(len(rows)))
    return predict_pictures(stored, EncodedPictures(pictures, rows), options)


def fields_of(outputs, facts):
    """The fields of predictions, as another program makes them from the outputs of a file."""
    given = dict(zip(facts["outputs"], outputs, strict=False))
    classes = [str(label) for label in facts["classes"]]
    for number, p in enumerate(given["probabilities"].tolist()):
        order = sorted(range(len(p)), key=lambda place: -p[place])
        best = [classes[place] for place in order]
        fields = {"probabilities": dict(zip(classes, p, strict=True))}
        if "shown" in given:
            shown = [place for place in order if given["shown"][number][place]]
            yield fields | {"labels": tuple(classes[place] for place in shown)}
            continue
        fields |= {"label": best[0], "probability": p[order[0]]}
        fields |= {"runner_up": best[1], "runner_up_probability": p[order[1]]}
        if "known" in given:
            least = facts["set_thresholds"][str(COVERAGE)]
            is_in = {place for place in order if p[place] >= least or place == order[0]}
            fields["set"] = tuple(classes[place] for place in order if place in is_in)
            fields["known"] = float(given["known"][number])
            fields["unfamiliar"] = bool(given["unfamiliar"][number])
        if facts["tree"]:
            tree = ClassTree.of(LabelTree(facts["tree"]), classes)
            (sure,) = tree.sure_answers(np.array([p]), SURE)
            fields |= {"sure": sure.path, "sure_probabilities": sure.probabilities}
        yield fields


def answers_alike(stored, run, facts):
    """The 60 answers of `predict`, with which a file that takes features agrees in every field."""
    labels = [str(label) for label in stored.config.classes] * 60
    rows = rows_of(labels[:40] + ["stranger", "other"] * 10, stored.config.width, 6)
    rows = rows.astype(np.float32)
    return assert_agree(stored, rows, run(rows), facts)


def assert_agree(stored, rows, outputs, facts, most=1e-4):
    answers = predicted(stored, rows)
    for fields, answer in zip(fields_of(outputs, facts), answers, strict=True):
        wanted = answer._asdict()
        if answer.sure is not None:
            wanted |= {"sure": answer.sure.path, "sure_probabilities": answer.sure.probabilities}
        for name, value in fields.items():
            assert value == pytest.approx(wanted[name], abs=most), name
    return answers


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind__its_module_agrees_with_predict_in_every_field(kind):
    stored = KINDS[kind]()
    model = ExportModel.alone(stored)

    def run(rows):
        return [output.numpy() for output in model.module(torch.from_numpy(rows))]

    answers = answers_alike(stored, run, model.facts(0.0))

    if NONE in stored.config.classes and stored.weights.known_head is not None:
        assert {answer.unfamiliar for answer in answers} == {True, False}


def test_check__module_that_forgets_none_of_these__differs():
    stored = KINDS["none of these"]()
    model = ExportModel.alone(stored)
    model.module.none = None

    def run(rows):
        return [output.numpy() for output in model.module(torch.from_numpy(rows))]

    assert largest_difference(run, model.cases()) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind__its_file_agrees_with_predict_in_every_field(kind):
    pytest.importorskip("onnxruntime")
    stored = KINDS[kind]()
    model = ExportModel.alone(stored)

    exported = export_onnx(model, id, owner=kind)

    answers_alike(stored, onnx_run(exported.content), exported.facts)


@pytest.fixture(scope="module")
def through_pixels(make_encoder, tmp_path_factory):
    """An encoder, pictures of three classes of which one is "none of these", and their adapter."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for label in ("fox", NONE, "owl"):
        (folder / label).mkdir()
        ground = draw.integers(0, 256, (5, 5, 3))
        for number in range(8):
            pixels = (ground + draw.integers(-60, 61, (5, 5, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((61, 47)).save(folder / label / f"{number}.png")
    encoder = make_encoder()
    rows = read_images(folder, labelled=True).rows
    pictures = encode_rows(rows, encoder, views=1, seed=0)
    classifier = MetaAdapterClassifier(logit_scale=50.0)
    shown = [place for place in range(len(pictures)) if place % 8 < 4]
    classifier.fit(pictures.features[shown], np.array(pictures.labels)[shown])
    hashes = tuple(pictures.sha256[place] for place in shown)
    return encoder, pictures, replace(classifier.stored_, picture_hashes=hashes)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["onnx", "int8", "tflite"])
def test_files_with_the_encoder__agree_with_predict_in_every_field(through_pixels, form):
    package = "litert_torch" if form == "tflite" else "onnxruntime"
    pytest.importorskip(package, exc_type=ImportError)
    encoder, pictures, stored = through_pixels
    model = ExportModel.with_encoder(stored, encoder, lambda: pictures)
    runs = {"onnx": onnx_run, "int8": onnx_run, "tflite": tflite_run}
    makes = {"onnx": export_onnx, "tflite": export_tflite}
    makes["int8"] = partial(export_int8, adapter=Path("ad"))
    model = model.of_squares() if form == "tflite" else model

    exported = makes[form](model, id, owner=form)

    run = runs[form](exported.content)
    batches = [case.batch for case in model.cases() if len(case) == 1]
    outputs = [np.concatenate(parts) for parts in zip(*map(run, batches), strict=True)]
    rows = np.concatenate([*map(encoder.encode_images, batches)])
    if form == "int8":  # of its own features, since those of 8 bits are others
        rows = outputs[-1]
    answers = assert_agree(
        stored, rows, outputs, exported.facts, TOLERANCE if form == "tflite" else 1e-4
    )
    assert {answer.label for answer in answers} == {"fox", NONE, "owl"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_frigate__squashed_pictures__get_the_shares_of_their_encoder(through_pixels):
    pytest.importorskip("litert_torch", exc_type=ImportError)
    encoder, pictures, stored = through_pixels
    model = ExportModel.with_encoder(stored, encoder, lambda: pictures).of_squares(frigate=True)

    exported = export_frigate(model, id, owner="frigate")

    assert exported.same.n == len(pictures)
    run = tflite_run(exported.content)
    for row in pictures.rows:
        batch = squashed(np.array(Image.open(row.file)), 224)[None]
        (levels,) = run(batch)
        (wanted,) = predicted(stored, encoder.encode_images(batch))
        assert levels.dtype == np.uint8
        assert levels.shape == (1, 3)
        shares = dict(zip(stored.config.classes, levels[0] / levels[0].sum(), strict=True))
        assert shares == pytest.approx(wanted.probabilities, abs=0.01)


def test_frigate__module__takes_224_pixels_and_gives_bytes_of_the_same_shares(through_pixels):
    encoder, pictures, stored = through_pixels
    model = ExportModel.with_encoder(stored, encoder, lambda: pictures).of_squares(frigate=True)

    def run(batch):
        assert batch.shape == (1, 224, 224, 3)
        (levels,) = model.module(torch.from_numpy(batch))
        assert levels.dtype == torch.uint8
        return [levels.numpy() / 255]

    assert 0 < largest_difference(run, model.cases()) < TOLERANCE


def test_frigate__several_labels__is_refused(through_pixels):
    encoder, pictures, stored = through_pixels
    several = with_weights(stored, label_thresholds=torch.full((3,), 0.5))
    model = ExportModel.with_encoder(several, encoder, lambda: pictures)

    with pytest.raises(UsageError, match=r"one class.*several labels"):
        model.of_squares(frigate=True)


def test_frigate__none_of_these__is_the_class_that_it_does_not_show():
    assert frigate_labels(["fox", NONE, "owl"]) == "fox\nnone\nowl\n"
