"""Sorting a large tray of the page by keys alone, for tests in a browser.

The pictures are drawn: twenty kinds of shapes in colours, and striped ones that are none of them.
The name of a file ends with its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw

KINDS = tuple(
    f"{colour} {shape}"
    for shape in ("circle", "square", "triangle", "bar")
    for colour in ("red", "green", "blue", "yellow", "purple")
)
STRANGER = "striped"
SIDE = 96  # pixels
PATIENCE = 5000  # milliseconds until a key is pressed again


def draw_tray(folder: Path, n: int, strangers: float = 0.05, seed: int = 0) -> list[Path]:
    """Draw `n` pictures of the kinds in turn, some of them strangers; return their files."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(n):
        kind = STRANGER if rng.random() < strangers else KINDS[number % len(KINDS)]
        path = folder / f"{number:05}-{kind}.jpg"
        draw_picture(kind, rng).save(path, quality=85)
        files.append(path)
    return files


def draw_picture(kind: str, rng: np.random.Generator) -> Image.Image:
    """Draw one picture of a kind: its place, size and background differ."""
    grey = rng.integers(150, 240, 3)
    pixels = (grey + rng.normal(0, 6, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    x, y = rng.integers(SIDE // 3, 2 * SIDE // 3, 2).tolist()
    half = int(rng.integers(SIDE // 5, SIDE // 3))
    if kind == STRANGER:
        for left in range(0, SIDE, 12):
            pen.line((left, 0, left + int(rng.integers(-20, 20)), SIDE), fill="black", width=5)
        return picture
    colour, shape = kind.split()
    fill = tuple(int(part * rng.uniform(0.75, 1)) for part in ImageColor.getrgb(colour))
    box = (x - half, y - half, x + half, y + half)
    if shape == "circle":
        pen.ellipse(box, fill=fill)
    elif shape == "square":
        pen.rectangle(box, fill=fill)
    elif shape == "triangle":
        pen.polygon([(x, y - half), (x + half, y + half), (x - half, y + half)], fill=fill)
    else:
        pen.rectangle((0, y - half // 3, SIDE, y + half // 3), fill=fill)
    return picture


def kind_of(file: str) -> str:
    """The kind in the name of a file."""
    return Path(file).stem.split("-", 1)[1]


def begin(page: Any) -> None:
    """Make the first two classes on the first screen of a project."""
    page.locator("#first-class-1").focus()
    page.keyboard.type(KINDS[0])
    page.keyboard.press("Tab")
    page.keyboard.type(KINDS[1])
    page.keyboard.press("Enter")
    page.wait_for_selector(".class >> nth=1")


def sort_by_keys(page: Any, n: int) -> Iterator[tuple[str, str]]:
    """Sort the next `n` pictures by keys: Enter for a right answer, else the class or 0.

    Yields the file and the key after each picture, so that a test can do something in between.
    """
    page.focus("#order")
    page.keyboard.press("End")  # as added
    page.focus("#tray")
    n_left = n
    while n_left:
        page.wait_for_function(IS_CURRENT)
        file, shown, numbers = page.evaluate(CURRENT)
        kind = kind_of(file)
        if shown == (kind if kind != STRANGER else "None of these"):
            key = "Enter"
        elif kind == STRANGER:
            key = "0"
        else:
            key = str(numbers[kind]) if numbers.get(kind, 10) < 10 else "c"
        until = page.evaluate("performance.now()") + PATIENCE
        page.keyboard.press(key)
        if key == "c":  # any class is found by its name, or made
            page.wait_for_selector("dialog input:focus")
            page.keyboard.type(kind)
            page.keyboard.press("Enter")
            page.wait_for_selector("dialog", state="detached")
        page.wait_for_function(HAS_MOVED_OR_CHANGED, arg=[file, shown, until])
        if page.evaluate(CURRENT)[0] == file:
            continue  # the answer changed before Enter, which the page does not take then
        n_left -= 1
        yield file, key


def labels_of(project: dict) -> dict[str, str]:
    """File name → name of its class, for every labelled picture that the server has."""
    names = project["names"]
    labels = {names[picture]: STRANGER for picture in project["none"]}
    for entry in project["classes"]:
        labels |= {names[picture]: entry["name"] for picture in entry["pictures"]}
    return labels


IS_CURRENT = """() => document.activeElement === document.querySelector("#tray")
    && document.querySelector(".card.current")"""
CURRENT = """() => {
    const card = document.querySelector(".card.current");
    const rows = [...document.querySelectorAll(".class")].map((row) => [
        row.querySelector(".class-title").textContent,
        Number(row.querySelector(".class-key").textContent)]);
    return [card.title, card.querySelector(".answer-name").textContent, Object.fromEntries(rows)];
}"""
# The page does not take Enter for an answer that has just changed, so nothing may happen.
HAS_MOVED_OR_CHANGED = """([file, shown, until]) => {
    const card = document.querySelector(".card.current");
    const answer = card?.querySelector(".answer-name").textContent;
    return card && (card.title !== file || answer !== shown || performance.now() > until);
}"""
