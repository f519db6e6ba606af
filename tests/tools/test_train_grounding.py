"""Training and measuring of cross-modal adapters, on scenes of drawn shapes."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch.nn.utils import clip_grad_norm_

from metaadapter.errors import IncompatibleArtifact
from metaadapter.labs.grounding.maps import GroundingMaps
from metaadapter.labs.grounding.tokens import EXAMPLE, PictureTokens, dense_size
from tests.random_networks import VIT, random_encoder
from tools import train_grounding
from tools.grounding import scene_set
from tools.grounding.measure import (
    detection,
    draw_questions,
    measure,
    of_adapter,
    of_frozen_map,
    of_middle,
    of_relevance,
)
from tools.grounding.objective import grounding_losses, overlap
from tools.grounding.scene_set import SceneSet, coverage
from tools.grounding.tasks import (
    Asked,
    PhraseReader,
    draw_absent,
    draw_asked,
    examples_of,
    mirrored,
    named_object,
)
from tools.measure_grounding import WholePictures, table
from tools.scenes.make import make_split
from tools.scenes.sources import ObjectClass, Source
from tools.train_grounding import learn, new_adapter, read_weights

CONFIG = {
    "seed": 0,
    "steps": 4,
    "scenes_per_step": 3,
    "phrases_per_scene": 2,
    "shots": [0, 1],
    "lr": 5e-3,
    "weight_decay": 0.02,
    "validate_every": 2,
    "validation_phrases": 4,
}


@pytest.fixture(scope="module")
def encoder():
    return random_encoder(VIT, "vit", zoom=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight scenes of a square, a disc and a cross in plain colours."""
    data, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    classes = []
    for name in ("square", "disc", "cross"):
        shape = Image.new("RGBA", (64, 64))
        draw = ImageDraw.Draw(shape)
        draw.ellipse((4, 4, 60, 60), fill=(*rng.integers(0, 255, 3).tolist(), 255))
        shape.save(data / f"{name}.png")
        classes.append(ObjectClass(name, Source("drawn", "alpha"), (data / f"{name}.png",)))
    ground = data / "ground.png"
    Image.new("RGB", (64, 64), (120, 140, 150)).save(ground)
    make_split("train", classes, [ground], 8, 0.0, 0, data / "scenes")
    return data / "scenes"


@pytest.fixture(scope="module")
def scenes(folder, encoder):
    return SceneSet.of(folder, "train", encoder, dense_size(encoder), folder / "tokens")


def test_tokens_are_computed_once(folder, scenes, encoder, monkeypatch):
    seen = []
    own = scene_set.picture_tokens
    monkeypatch.setattr(
        scene_set, "picture_tokens", lambda *given: seen.append(given) or own(*given)
    )

    again = SceneSet.of(folder, "train", encoder, dense_size(encoder), folder / "tokens")

    assert len(seen) == 1  # one picture, to know the shapes
    assert torch.equal(again.tokens([2]).joint_NHWD, scenes.tokens([2]).joint_NHWD)


def test_kept_tokens_are_those_of_the_picture(folder, scenes, encoder):
    with Image.open(folder / scenes.scenes[3]["picture"]) as picture:
        own = scene_set.picture_tokens(encoder, [picture.convert("RGB")], dense_size(encoder))

    for kept, exact in zip(scenes.tokens([3]), own, strict=True):
        torch.testing.assert_close(kept, exact, rtol=2e-3, atol=2e-3)


def test_coverage_is_the_share_of_each_place():
    box = (0.1, 0.3, 0.55, 0.8)
    fine = np.zeros((100, 100))
    fine[30:80, 10:55] = 1

    np.testing.assert_allclose(
        coverage(box, 5, 4), fine.reshape(5, 20, 4, 25).mean((1, 3)), atol=1e-5
    )


def test_overlap_is_that_of_painted_boxes():
    first, second = (0.1, 0.2, 0.6, 0.7), (0.3, 0.4, 0.9, 0.8)
    painted = np.zeros((2, 100, 100), dtype=bool)
    painted[0, 20:70, 10:60] = painted[1, 40:80, 30:90] = True
    ratio = (painted[0] & painted[1]).sum() / (painted[0] | painted[1]).sum()

    shared, generalised = overlap(torch.tensor(first), torch.tensor(second))

    assert float(shared) == pytest.approx(ratio, abs=1e-4)
    hull = 0.8 * 0.6  # of both together
    union = (painted[0] | painted[1]).mean()
    assert float(generalised) == pytest.approx(ratio - (hull - union) / hull, abs=1e-4)


def test_losses_vanish_where_everything_is_right():
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    inside = coverage(box[0].tolist(), 4, 4)[None]
    present = torch.tensor([True])
    heat, sure = torch.where(inside > 0, 30.0, -30.0), torch.tensor([30.0])
    right = GroundingMaps(heat, box.expand(1, 4, 4, 4), sure)
    wrong = GroundingMaps(-heat, 1 - box.flip(1).expand(1, 4, 4, 4) + 0.3, -sure)

    good, bad = (grounding_losses(maps, box, inside, present) for maps in (right, wrong))

    assert float(good.place) == pytest.approx(0, abs=1e-4)
    assert float(good.box) == pytest.approx(0, abs=1e-4)
    assert float(good.spread) == pytest.approx(np.log(4), abs=1e-4)  # even over four places
    assert float(good.result) == pytest.approx(0, abs=1e-4)
    assert float(good.presence) == pytest.approx(0, abs=1e-4)
    assert bad.place > 10
    assert bad.box > 0.3
    assert bad.presence > 10


def test_places_and_boxes_of_absent_things_do_not_count():
    draw = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[0.1, 0.2, 0.6, 0.9], [0.0, 0.0, 1.0, 1.0]])
    inside = torch.stack([coverage(box, 4, 4) for box in boxes.tolist()])
    heat, sides = torch.randn(2, 4, 4, generator=draw), torch.rand(2, 4, 4, 4, generator=draw)
    maps = GroundingMaps(
        heat, torch.cat([sides[..., :2] / 2, 1 - sides[..., 2:] / 2], -1), heat[:, 0, 0]
    )
    first = GroundingMaps(*(part[:1] for part in maps))

    both = grounding_losses(maps, boxes, inside, torch.tensor([True, False]))
    alone = grounding_losses(first, boxes[:1], inside[:1], torch.tensor([True]))

    for name in ("place", "spread", "box", "result"):
        torch.testing.assert_close(getattr(both, name), getattr(alone, name))


def test_an_absent_name_is_of_no_object_of_the_scene(scenes):
    rng = random.Random(0)
    lacking = [number for number in range(8) if len({*names_of(scenes, number)}) < 3]

    assert lacking
    for number in lacking:
        question = draw_absent(scenes, number, 2, rng)
        assert not question.is_present
        assert question.phrase["name"] not in names_of(scenes, number)
        for scene, place in question.examples:
            shown = scenes.scenes[scene]["objects"][place]["name"]
            assert shown == question.phrase["name"]
        assert named_object(scenes, question)["name"] == question.phrase["name"]


def names_of(scenes, number):
    return [thing["name"] for thing in scenes.scenes[number]["objects"]]


def test_a_mirrored_task_is_the_same_after_two_mirrors(scenes):
    tokens, boxes = scenes.tokens([0, 1]), torch.tensor([[0.1, 0.2, 0.4, 0.5]])
    texts = ["the mug left of the lamp"]

    once = mirrored(tokens, texts, boxes)
    twice = mirrored(*once)

    assert once[1] == ["the mug right of the lamp"]
    torch.testing.assert_close(once[2], torch.tensor([[0.6, 0.2, 0.9, 0.5]]))
    assert torch.equal(once[0].joint_NHWD[:, :, 0], tokens.joint_NHWD[:, :, -1])
    assert all(map(torch.equal, twice[0], tokens))
    assert twice[1] == texts
    torch.testing.assert_close(twice[2], boxes)


def test_examples_are_of_the_class_and_from_other_scenes(scenes, encoder):
    adapter = new_adapter(encoder, scenes, seed=0)
    rng = random.Random(0)
    for number in range(8):
        for question in draw_asked(scenes, number, 3, [2], rng):
            name = scenes.scenes[number]["objects"][question.phrase["object"]]["name"]
            assert question.examples
            for scene, place in question.examples:
                assert scene != number
                assert scenes.scenes[scene]["objects"][place]["name"] == name
            words = PhraseReader(encoder)(["x"], [examples_of(scenes, question, adapter)])
            assert (words.kinds_TL == EXAMPLE).sum() == len(question.examples)


def test_a_new_adapter_points_as_the_frozen_map_does(scenes, encoder):
    questions, read = draw_questions(scenes, 10, 0, seed=0), PhraseReader(encoder)
    adapter = new_adapter(encoder, scenes, seed=0).eval()

    new = measure(of_adapter(adapter), scenes, questions, read)
    frozen = measure(of_frozen_map(encoder.logit_scale), scenes, questions, read)

    assert {group: score.pointing for group, score in new.items()} == {
        group: score.pointing for group, score in frozen.items()
    }
    assert "| all |" in table({"frozen map": frozen, "new": new})


def test_relevance_is_the_gradient_of_the_cosine_times_each_place(scenes, encoder):
    words = PhraseReader(encoder)(["the disc", "the cross"])
    tokens = scenes.tokens([0, 1])
    joint = tokens.joint_NHWD.clone().requires_grad_()
    cosine = torch.cosine_similarity(joint.mean((1, 2)), words.vectors_TLD[:, 0])
    (gradient,) = torch.autograd.grad(cosine.sum(), joint)
    # GradCAM weighs by the mean gradient of the places, which is that of the pooled vector.
    weight = gradient.sum((1, 2))
    expected = torch.einsum("thwd,td->thw", tokens.joint_NHWD, weight).clamp(min=0)
    same_grid = PictureTokens(tokens.joint_NHWD, tokens.joint_NHWD, tokens.colour_Nhw6)

    heat, _ = of_relevance()(same_grid, words)

    torch.testing.assert_close(heat, expected, rtol=1e-3, atol=1e-6)


def test_training_that_was_stopped_goes_on_to_the_same_weights(
    scenes, encoder, tmp_path, monkeypatch
):
    read = PhraseReader(encoder)
    whole = new_adapter(encoder, scenes, seed=0)
    learn(whole, scenes, scenes, read, CONFIG, tmp_path)

    stopped = new_adapter(encoder, scenes, seed=0)
    (tmp_path / "stopped").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(train_grounding, "clip_grad_norm_", _interrupting(after=3))
        with pytest.raises(KeyboardInterrupt):
            learn(stopped, scenes, scenes, read, CONFIG, tmp_path / "stopped")
    gone_on = new_adapter(encoder, scenes, seed=0)
    learn(gone_on, scenes, scenes, read, CONFIG, tmp_path / "stopped")

    assert all(map(torch.equal, whole.parameters(), gone_on.parameters()))


@pytest.mark.slow
def test_training_learns_to_point(scenes, encoder, tmp_path):
    read, questions = PhraseReader(encoder), draw_questions(scenes, 10, 0, seed=0)
    adapter = new_adapter(encoder, scenes, seed=0)
    before = measure(of_adapter(adapter.eval()), scenes, questions, read)["all"]

    learn(adapter, scenes, scenes, read, CONFIG | {"steps": 40, "validate_every": 40}, tmp_path)

    after = measure(of_adapter(adapter.eval()), scenes, questions, read)["all"]
    assert after.pointing > before.pointing + 0.2
    assert after.any_object > 0.5


def test_a_run_that_begins_with_another_gives_what_the_other_gives(scenes, encoder, tmp_path):
    trained = new_adapter(encoder, scenes, seed=0)
    with torch.no_grad():
        trained.up.weight.normal_(generator=torch.Generator().manual_seed(0))
        for block in trained.rounds:
            block.among_patches.out.weight.zero_()
            block.among_patches.out.bias.zero_()
    # An earlier version has no attention among places.
    earlier = {
        name: weights
        for name, weights in trained.state_dict().items()
        if "among_patches" not in name and "presence" not in name
    }
    save_file(earlier, tmp_path / "model.safetensors")
    begun = new_adapter(encoder, scenes, seed=1)

    read_weights(begun, tmp_path / "model.safetensors")

    words, which = PhraseReader(encoder)(["the disc"]), torch.tensor([0])
    first, second = (one(scenes.tokens([2]), words, which) for one in (trained, begun))
    torch.testing.assert_close(first.heat_Thw, second.heat_Thw)
    torch.testing.assert_close(first.boxes_Thw4, second.boxes_Thw4)
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(IncompatibleArtifact, match="got other"):
        read_weights(begun, tmp_path / "other.safetensors")


def test_detection_is_the_share_of_pairs_in_order(scenes, encoder):
    adapter = new_adapter(encoder, scenes, seed=0).eval().requires_grad_(False)
    rng = random.Random(0)
    read, present = PhraseReader(encoder), draw_questions(scenes, 10, 0, seed=0)
    drawn = [draw_absent(scenes, number, 0, rng) for number in range(8)]
    absent = [question for question in drawn if question is not None]

    def logit(question):
        words = read([question.phrase["text"]])
        return float(adapter(scenes.tokens([question.scene]), words, torch.tensor([0])).presence_T)

    def show(question):
        return examples_of(scenes, question, adapter)

    high, low = (np.array([logit(one) for one in some]) for some in (present, absent))
    pairs = np.sign(high[:, None] - low[None]).mean() / 2 + 0.5
    area = detection(adapter, scenes, present, absent, read, show)
    assert area == pytest.approx(pairs, abs=1e-6)


def test_the_box_in_the_middle_looks_at_nothing(scenes, encoder):
    words = PhraseReader(encoder)(["the disc", "the cross"])

    maps, boxes = of_middle()(scenes.tokens([0, 1]), words)

    assert boxes == [(0.125, 0.125, 0.875, 0.875)] * 2
    height, width = maps.shape[1:]
    assert maps.flatten(1).argmax(1).tolist() == [height // 2 * width + width // 2] * 2


def test_a_measured_photograph_is_no_example_of_itself_where_its_folder_is_a_link(
    scenes, encoder, tmp_path
):
    (tmp_path / "own" / "disc").mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (8, 8)).save(tmp_path / "own" / "disc" / f"{number}.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "source").symlink_to(tmp_path / "own")
    adapter, read = new_adapter(encoder, scenes, seed=0), []

    def encode_images(paths):
        read.extend(path.name for path in paths)
        return np.ones((len(paths), adapter.config.dim), np.float32)

    measured = {
        "picture": str(tmp_path / "data" / "source" / "disc" / "0.png"),
        "objects": [{"name": "disc", "source": "source"}],
    }
    show = WholePictures(
        tmp_path / "data",
        SimpleNamespace(scenes=[measured]),
        SimpleNamespace(encode_images=encode_images),
        adapter,
    )

    assert len(show(Asked(0, {"object": 0}))) == 4
    assert read == ["1.png", "2.png", "3.png", "4.png"]


def _interrupting(after):
    calls = []

    def clip(*given):
        calls.append(given)
        if len(calls) == after:
            raise KeyboardInterrupt
        return clip_grad_norm_(*given)

    return clip
