"""A small encoder, a project served to a test client, and pictures of plain colours."""

from __future__ import annotations

import io
import itertools
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from metaadapter.apps.page.entries import PictureEntry
from metaadapter.apps.page.refusal import Limits
from metaadapter.features.image_encoder import ModelEncoder

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 220)}
NUMBERS = itertools.count()
PORT = 8000
# Small enough for tests to exceed.
LIMITS = Limits(
    request_bytes=2_000_000,
    json_bytes=50_000,
    picture_bytes=200_000,
)


def small_encoder(name="colours", seed=0, **_options):
    """Pictures and names of colours in one space of eight numbers."""
    draw = torch.Generator().manual_seed(seed)
    spread = torch.randn(3, 8, generator=draw)

    def preprocess(picture):
        pixels = torch.from_numpy(np.array(picture.resize((4, 4)), np.float32))
        return pixels.permute(2, 0, 1) / 255 - 0.5

    def texts(names):
        rows = [COLOURS.get(name, (len(name), 90, 130)) for name in names]
        return (torch.tensor(rows, dtype=torch.float32) / 255 - 0.5) @ spread

    class Colours(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.spread = torch.nn.Parameter(spread)

        def forward(self, batch):
            return batch.mean((2, 3)) @ self.spread

    return ModelEncoder(
        name, Colours(), preprocess, texts=texts, logit_scale=20.0, zoom=False, device="cpu"
    )


def entries_of(names):
    """The entries of new pictures, given as id → name."""
    return {key: PictureEntry(name=name, place=0) for key, name in names.items()}


def picture_bytes(colour, kind="PNG"):
    """A picture of about one colour, given by name or numbers; no two are equal."""
    number = next(NUMBERS)
    rng = np.random.default_rng(number)
    pixels = np.array(COLOURS.get(colour, colour)) + rng.integers(-25, 26, (16, 20, 3))
    pixels[0, 0] = number % 256, number // 256 % 256, 7
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="session")
def colour_encoder():
    return small_encoder()


@pytest.fixture(scope="session")
def picture():
    return picture_bytes


@pytest.fixture(scope="session")
def limits():
    return LIMITS


@pytest.fixture(scope="session")
def serve():
    """Puts a project behind its whole application, with a client that has the token."""
    starlette = pytest.importorskip("starlette.testclient", reason="needs the extra serve")
    from metaadapter.apps.page.access import Access
    from metaadapter.apps.page.app import make_app
    from metaadapter.apps.page.guard import Guard
    from metaadapter.apps.page.projects import Projects

    @contextmanager
    def serve(folder, name, load, limits=None, **options):
        access = Access("a-token", PORT)
        with Projects(folder, name, load, **options).opened() as projects:
            app = Guard(make_app(projects, limits), access, limits)
            with starlette.TestClient(app, base_url=f"http://127.0.0.1:{PORT}") as client:
                client.headers["Authorization"] = f"Bearer {access.token}"
                yield SimpleNamespace(client=client, projects=projects, app=app)

    return serve


@pytest.fixture(scope="module")
def served(tmp_path_factory, serve, colour_encoder):
    folder = tmp_path_factory.mktemp("projects") / "colours"
    with serve(folder, "colours", lambda *_, **__: colour_encoder, LIMITS) as served:
        yield served


@pytest.fixture
def project(served):
    """A new project, open in `served`, with methods to fill it."""
    name = f"project {next(NUMBERS)}"
    assert served.client.post("/projects", json={"name": name}).status_code == 201
    return Filled(served.client, served.projects)


class Filled:
    """A project with short methods for tests."""

    def __init__(self, client, projects):
        self.client, self.projects = client, projects

    @property
    def session(self):
        return self.projects.session

    @property
    def state(self):
        return self.client.get("/project").json()

    def upload(self, *files, into=""):
        """Upload pairs of name and content; return the response."""
        parts = [("pictures", (name, content)) for name, content in files]
        response = self.client.post("/pictures", files=parts, data={"class": into})
        assert response.status_code == 202, response.text
        return response.json()

    def fill(self, n_shots=2, n_tray=3, colours=("red", "green", "blue")):
        """Upload classes of colours and a tray of reds; return the predictions."""
        shots = [
            (f"{colour}/{number}.png", picture_bytes(colour))
            for colour in colours
            for number in range(n_shots)
        ]
        self.upload(*shots, into="folders")
        if n_tray:
            self.upload(*((f"{number}.png", picture_bytes("red")) for number in range(n_tray)))
        return self.answers()

    def answers(self):
        """The predictions after the latest edit, once every picture is encoded."""
        self.session.wait_for_results()
        return self.client.get("/answers").json()

    def class_of(self, name):
        (entry,) = [entry for entry in self.state["classes"] if entry["name"] == name]
        return entry["id"]
