"""States of the page without a server: responses of the server, with drawn pictures of 20 kinds.

Tests of the page and `tools/page_screenshots.py` show the same states.
"""

from __future__ import annotations

import json
import mimetypes
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "metaadapter" / "apps" / "page" / "static"
ORIGIN = "http://127.0.0.1"
STRANGER = 99  # a kind that is none of the classes
NAMES = (
    *("red fox", "grey wolf", "European badger", "mantled howler", "bald uakari"),
    *("white-headed capuchin", "silvery marmoset", "pygmy marmoset", "common squirrel monkey"),
    *("black-headed night monkey", "Chevrolet Silverado 1500 Extended Cab 2012"),
    *("Chevrolet Silverado 1500 Classic Extended Cab 2007", "Chevrolet Camaro Convertible 2012"),
    *("Nilgiri langur", "patas monkey", "ring-tailed lemur", "wild boar", "hat", "shoes", "dress"),
)
SHAPES = (
    "<circle cx='32' cy='32' r='20'/>",
    "<rect x='14' y='14' width='36' height='36'/>",
    "<path d='M32 10 54 52H10z'/>",
    "<path d='M10 24h44v16H10z'/>",
    "<path d='M32 8 56 32 32 56 8 32z'/>",
)
SIDES = (-21, 0, 8)
"""What a picture of 64 by 64 has less at the left and at the right: wide, square and tall."""


def drawing(kind: int, number: int) -> str:
    """An SVG picture of a kind: its shape and colour, a little different for each number."""
    draw = random.Random(f"{kind} {number}")
    hue, turn, size = kind * 137 % 360, draw.randint(-12, 12), draw.uniform(0.75, 1.15)
    left = SIDES[kind % len(SIDES)]
    background = f"hsl({(hue + 150 + draw.randint(-15, 15)) % 360} 25% {draw.randint(74, 90)}%)"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{left} 0 {64 - 2 * left} 64' "
        f"width='{256 - 8 * left}' height='256'>"
        f"<rect x='{left}' width='{64 - 2 * left}' height='64' fill='{background}'/>"
        f"<g fill='hsl({hue} 55% {draw.randint(38, 55)}%)' "
        f"transform='translate(32 32) rotate({turn}) scale({size:.2f}) translate(-32 -32)'>"
        f"{SHAPES[kind % len(SHAPES)]}</g></svg>"
    )


def picture_id(kind: int, number: int) -> str:
    """The id of a drawn picture."""
    return f"{kind:016x}{number:016x}"


def state(n_classes: int = 20, n_shots: int = 4, n_tray: int = 2000, **changes: dict) -> dict:
    """Path → response of a project with classes, labelled pictures and a tray.

    `changes` replaces keys of a response: `work={"busy": True}`.
    """
    draw = random.Random(n_tray)
    classes = [
        {
            "id": f"c{place:x}",
            "name": NAMES[place] if place < len(NAMES) else f"species number {place + 1}",
            "description": "",
            "place": place,
            "pictures": [picture_id(place, number) for number in range(n_shots)],
        }
        for place in range(n_classes)
    ]
    kinds = [draw.randrange(n_classes) if draw.random() < 0.94 else STRANGER for _ in range(n_tray)]
    tray = {picture_id(kind, 1000 + number): kind for number, kind in enumerate(kinds)}
    ready = n_classes > 1 and n_shots > 0
    left_out = {
        picture: answer(classes, place, 0.9)
        for place, entry in enumerate(classes)
        for picture in (entry["pictures"] if ready else [])
    }
    if n_classes > 3 and ready:
        left_out[classes[2]["pictures"][0]] = answer(classes, 3, 0.83)
    pictures = [*(picture for entry in classes for picture in entry["pictures"]), *tray]
    given = {
        "/project": PROJECT
        | {
            "classes": classes,
            "tray": list(tray),
            "names": {picture: f"IMG_{n:04}.jpg" for n, picture in enumerate(pictures)},
            "ready": ready,
        },
        "/answers": {
            "revision": 1,
            "ready": ready,
            "answers": {
                picture: answer(classes, kind, min(0.99, 0.35 + 0.65 * draw.betavariate(4, 1.5)))
                for picture, kind in (tray if ready else {}).items()
            },
            "left_out": left_out,
        },
        "/advice": {"advice": [], "settled": []},
        "/work": WORK,
        "/projects": PROJECTS,
        "/history": HISTORY,
    }
    for path, change in changes.items():
        given[f"/{path}"] = {**given[f"/{path}"], **change}
    return given


PROJECT = {
    "name": "Camera 4, July",
    "encoder": "tiny",
    "revision": 1,
    "none": [],
    "unreadable": {},
    "can_undo": True,
    "can_redo": False,
    "saved": True,
    "folder": "/home/ana/metaadapter projects/camera-4-july",
}
PROJECTS = {
    "current": "camera-4-july",
    "projects": [
        {"name": name, "n_pictures": n_pictures, "n_classes": n_classes, "folder": folder}
        for name, folder, n_pictures, n_classes in (
            (PROJECT["name"], "camera-4-july", 2080, 20),
            ("Clothes", "clothes", 160, 10),
        )
    ],
}
HISTORY = {
    "steps": [
        {
            "what": what,
            "edit": edit,
            "kind": "",
            "values": {},
            "by": by,
            "at": f"2026-07-0{day}T09:30Z",
        }
        for day, what, edit, by in (
            (4, "undo", "sorted 3 pictures", "Ana"),
            (4, "edit", "sorted 3 pictures", "Ana"),
            (3, "edit", "added 2,000 pictures", "Ben"),
            (2, "edit", "added the class red fox", ""),
        )
    ]
}
WORK = {
    "revision": 1,
    "busy": False,
    "what": "",
    "done": 0,
    "total": 0,
    "per_second": None,
    "seconds_left": None,
    "error": None,
}


def answer(classes: list[dict], kind: int, probability: float) -> dict:
    """The answer for a picture of a kind; a stranger looks a little like the last class."""
    place = kind % len(classes)
    return {
        "class": classes[place]["id"],
        "probability": probability,
        "runner_up": classes[place - 1]["id"],
        "runner_up_probability": min(0.8 * (1 - probability), 0.9 * probability),
        "known": 0.02 if kind == STRANGER else 0.97,
        "unfamiliar": kind == STRANGER,
    }


def with_advice(given: dict) -> dict:
    """The same state with two pieces of advice."""
    classes = given["/project"]["classes"]
    pieces = [
        {
            "kind": "label",
            "sentence": f"{classes[2]['name']}: one picture looks like {classes[3]['name']}.",
            "classes": [classes[2]["id"], classes[3]["id"]],
            "pictures": classes[2]["pictures"][:1],
            "id": "1" * 32,
            "actions": ["move", "none", "keep"],
        },
        {
            "kind": "near_duplicate",
            "sentence": f"{classes[0]['name']}: two pictures are almost the same.",
            "classes": [classes[0]["id"]],
            "pictures": classes[0]["pictures"][:2],
            "id": "2" * 32,
            "actions": ["dismiss"],
        },
    ]
    settled = pieces[0] | {"id": "3" * 32, "action": "keep"}
    return given | {"/advice": {"advice": pieces, "settled": [settled]}}


def with_frames(given: dict) -> dict:
    """The same state with the pictures of the tray as boxes in frames of two cameras, in series."""
    project, tray = given["/project"], given["/project"]["tray"]
    frames = [picture_id(int(one[:16], 16), 50_000 + n) for n, one in enumerate(tray[::2])]
    of = {picture: frames[n // 2] for n, picture in enumerate(tray)}
    listed = [
        {
            "id": frame,
            "name": f"reserve/{'brook' if n % 2 else 'meadow'}/IMG_{n:04}.JPG",
            "time": f"2026-05-04T{n // 60 % 24:02}:{n % 60:02}:00",
            "series": None,
            "boxes": [
                {
                    "sides": [0.08 + 0.4 * place, 0.3, 0.35, 0.5],
                    "category": "animal",
                    "confidence": 0.91,
                    "picture": picture,
                }
                for place, picture in enumerate(tray[2 * n : 2 * n + 2])
            ]
            + [
                {"sides": sides, "category": category, "confidence": sure, "picture": None}
                for sides, category, sure in (
                    ([0.82, 0.05, 0.15, 0.3], "person", 0.66),
                    ([0.02, 0.02, 0.2, 0.12], "animal", 0.08),
                )
            ],
        }
        for n, frame in enumerate(frames)
    ]
    counts = [
        {"label": entry["name"], "camera": camera, "individuals": 3 + n, "pictures": 2 * n + 5}
        for n, entry in enumerate(project["classes"])
        for camera in ("brook", "meadow")
    ]
    changed = {
        "frames": of,
        "series": {picture: of[tray[n // 6 * 6]] for n, picture in enumerate(tray)},
        "names": project["names"] | {one["id"]: one["name"] for one in listed},
        "camera_traps": {"n_frames": len(frames), "burst": 10.0, "allowed": None},
    }
    return given | {
        "/project": project | changed,
        "/frames": {"revision": 1, "frames": listed},
        "/counts": {"counts": counts},
    }


def with_several(given: dict) -> dict:
    """The same state in a project in which a picture can show several classes."""
    project, answers = given["/project"], given["/answers"]
    thresholds = {entry["id"]: 0.4 for entry in project["classes"]}

    def labels_of(one: dict) -> dict:
        first, second = one["class"], one["runner_up"]
        p = {first: one["probability"], second: 1.6 * one["runner_up_probability"]}
        p = {label: min(share, 0.97) for label, share in p.items() if share >= 0.2}
        p = {label: share / 3 if one["unfamiliar"] else share for label, share in p.items()}
        shown = [label for label, share in p.items() if share >= thresholds[label]]
        return one | {"labels": shown, "unfamiliar": not shown, "probabilities": p}

    parts = {
        part: {key: labels_of(one) for key, one in answers[part].items()}
        for part in ("answers", "left_out")
    }
    first, second = project["classes"][:2]
    classes = [first, second | {"pictures": [*second["pictures"], *first["pictures"][:2]]}]
    return given | {
        "/project": project | {"several": True, "classes": [*classes, *project["classes"][2:]]},
        "/answers": answers | parts | {"thresholds": thresholds},
    }


PREDICTION = {
    "label": NAMES[3],
    "probability": 0.71,
    "probabilities": {name: 0.71 if n == 3 else 0.29 / 19 for n, name in enumerate(NAMES)},
    "unfamiliar": False,
}
ASKED = {"POST /predict": {"predictions": [PREDICTION], "shift": None, "refused": []}}
CLASSES = {"names": {f"c{n}": name for n, name in enumerate(NAMES)}, "ready": True}
PHONE = {"start": "phone.html", "/classes": CLASSES}
REFUSED = {
    "revision": 1,
    "added": [],
    "known_already": [],
    "refused": [
        {"name": f"IMG_{n}.jpg", "reason": "it is damaged (the file ends too early)"}
        for n in range(14)
    ],
}


OPENING = {"kind": "opening", "error": "The encoder tiny is being loaded.", "values": {}}

NOT_OPENED = {
    "kind": "not-opened",
    "error": "Line 2 of /home/ann/metaadapter projects/My pictures/history.jsonl is damaged (the "
    "record does not match its hash); restore both files from a copy of the project, or remove "
    "history.json: then the lines before the damage count, and the rest goes to the folder "
    "leftovers.",
    "values": {"repairs": True},
}


def route(given: dict) -> Callable[[Any], None]:
    """A handler for a browser's requests that answers with a state."""

    def give(asked: Any) -> None:
        path, method = asked.request.url.removeprefix(ORIGIN).split("?")[0], asked.request.method
        start = given.get("start", "index.html")
        file = PAGE / (start if path == "/" else path.removeprefix("/page/"))
        if method != "GET":
            changed = {"revision": 2, "id": "c0", "edit": "", "kind": "", "pictures": []}
            body = json.dumps(given.get(f"{method} {path}", changed))
            asked.fulfill(body=body, content_type="application/json")
        elif path in given:
            asked.fulfill(body=json.dumps(given[path]), content_type="application/json")
        elif path.startswith("/pictures/"):
            name = path.removeprefix("/pictures/")
            body = drawing(int(name[:16], 16), int(name[16:], 16))
            asked.fulfill(body=body, content_type="image/svg+xml")
        elif file.is_file():
            kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file)[0]
            asked.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            asked.fulfill(status=404, body="{}", content_type="application/json")

    return give
