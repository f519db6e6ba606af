"""The part of a picture that stands out, and the encoder that looks at it and at the whole."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from metaadapter.data.crop import Box, cut_out
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.encoders.salient_encoder import (
    LEAST,
    WHOLE_WEIGHT,
    SalientEncoder,
    salient_box,
)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("salient:tiny", device="cpu")


def frame(left, top, size=(640, 480)):
    """A noisy meadow with a small animal-like figure whose corner is at `left` and `top`."""
    noise = np.random.default_rng(3).normal(0, 8, (size[1], size[0], 1))
    pixels = np.array([96, 128, 80]) + noise
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((left, top + 20, left + 90, top + 60), fill=(120, 70, 30))
    draw.ellipse((left + 75, top, left + 110, top + 35), fill=(120, 70, 30))
    for x in (15, 30, 65, 80):
        draw.line((left + x, top + 50, left + x, top + 95), fill=(60, 35, 15), width=7)
    return picture


def connected(is_out, start):
    """The places that are connected with `start`, by a slow walk."""
    rows, columns = is_out.shape
    seen, waiting = {start}, [start]
    while waiting:
        row, column = waiting.pop()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= near[0] < rows and 0 <= near[1] < columns
            if inside and is_out[near] and near not in seen:
                seen.add(near)
                waiting.append(near)
    return seen


def blurred(values):
    """A Gaussian of deviation 1, place by place, with the edge repeated."""
    reach = np.arange(-4, 5)
    kernel = np.exp(-(reach**2) / 2)
    kernel /= kernel.sum()
    padded = np.pad(values, 4, mode="edge")
    by_row = np.apply_along_axis(lambda line: np.convolve(line, kernel, "valid"), 1, padded)
    return np.apply_along_axis(lambda line: np.convolve(line, kernel, "valid"), 0, by_row)


@pytest.mark.parametrize("seed", range(8))
def test_salient_box__of_one_map__is_that_of_a_slow_walk(seed):
    values = np.random.default_rng(seed).random((9, 13)) ** 4
    smooth = blurred(values)
    smooth /= smooth.mean()
    middle = np.median(smooth)
    start = tuple(map(int, np.unravel_index(smooth.argmax(), smooth.shape)))
    places = connected(smooth >= middle + LEAST * (smooth.max() - middle), start)
    rows, columns = ([place[axis] for place in places] for axis in (0, 1))
    box = salient_box([values])
    expected = Box.of_corners(
        min(columns) / 13, min(rows) / 9, (max(columns) + 1) / 13, (max(rows) + 1) / 9
    )
    assert box == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_salient_box__of_mirrored_maps__is_mirrored(seed):
    rng = np.random.default_rng(seed)
    maps = [rng.random((5, 7)), rng.random((10, 14))]
    box = salient_box(maps)
    mirrored = salient_box([values[:, ::-1] for values in maps])
    assert mirrored == pytest.approx(box._replace(left=1 - box.left - box.width))
    scaled = salient_box([3 * values for values in maps])
    assert scaled == pytest.approx(box)


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_salient_box__of_a_flat_map__is_the_whole_picture(value):
    assert salient_box([np.full((5, 7), value), np.full((10, 14), value)]) == (0, 0, 1, 1)


@pytest.mark.parametrize(("left", "top"), [(60, 300), (480, 60), (300, 200)])
def test_look__at_a_frame_with_a_small_figure__cuts_it_out(encoder, left, top):
    picture = frame(left, top)
    cut = encoder.salient_part(picture)
    middle = (cut[0] + cut[2] / 2) * 640, (cut[1] + cut[3] / 2) * 480
    assert abs(middle[0] - left - 55) < 60
    assert abs(middle[1] - top - 48) < 60
    assert cut[2] * cut[3] < 0.25


def test_encode_images__is_the_part_and_half_of_the_whole(encoder):
    picture = frame(480, 60)
    tiny = load_encoder("tiny", device="cpu", blocks=["joint"])
    part, whole = tiny.encode_images([cut_out(picture, encoder.salient_part(picture)), picture])
    expected = part + WHOLE_WEIGHT * whole
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(encoder.encode_images([picture])[0], expected, atol=2e-3)


@pytest.mark.parametrize("size", [(1, 1), (300, 4), (40, 900)])
def test_encode_images__of_any_shape__is_a_unit_row(encoder, size):
    rows = encoder.encode_images([Image.new("RGB", size, (10, 200, 30))] * 2, views=2)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=2e-3)


def test_names__are_encoded_as_by_the_inner_encoder(encoder):
    tiny = load_encoder("tiny", device="cpu", blocks=["joint"])
    names = ["red fox", "empty"]
    np.testing.assert_array_equal(encoder.encode_texts(names), tiny.encode_texts(names))
    facts = ("dim", "blocks", "logit_scale", "reads_texts", "templates", "zoom", "precision")
    assert [getattr(encoder, fact) for fact in facts] == [getattr(tiny, fact) for fact in facts]


def test_fingerprint__differs_from_that_of_the_inner_encoder(encoder):
    tiny = load_encoder("tiny", device="cpu", blocks=["joint"])
    again = SalientEncoder(tiny)
    assert encoder.name == again.name == "salient:tiny"
    assert encoder.fingerprint.matches(again.fingerprint)
    with pytest.raises(IncompatibleArtifact, match="salient:tiny"):
        encoder.fingerprint.require_match(tiny.fingerprint, owner="the adapter")


def test_image_network__cannot_be_exported(encoder):
    with pytest.raises(UsageError, match="--encoder tiny"):
        encoder.image_network()


@pytest.mark.parametrize("name", ["salient:no-such-model", "salient:"])
def test_load_encoder__of_an_unknown_inner_encoder__is_refused(name):
    with pytest.raises(UsageError):
        load_encoder(name)


def test_load_encoder__of_code_that_only_an_adapter_names__never_runs(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("raise SystemExit('it ran')")
    with pytest.raises(UsageError, match="program code"):
        load_encoder(f"salient:{file}:factory", remembered_by="the adapter birds/")
