"""What goes to another project: it is added there, and removed from the open one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from metaadapter.apps.page.changes import (
    Labels,
    add_classes,
    add_pictures,
    remove_class,
    remove_pictures,
    require_one_label,
)
from metaadapter.apps.page.contents import Change, Contents, Edit, n_pictures
from metaadapter.apps.page.entries import PictureEntry
from metaadapter.apps.page.history import History
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.routes.dependencies import Editor
from metaadapter.apps.page.routes.forms import Reply
from metaadapter.data.class_names import same_label_spelling


def move(
    editor: Editor, projects: Projects, to: str, leave: Callable[[Contents], tuple[Change, ...]]
) -> Reply:
    """Add to the project in the folder `to` what the changes of `leave` remove from the open one.

    Each project gets an edit of its own, to be undone there; a refusal changes neither.
    """
    own = editor.session.project
    with projects.other(to) as other, ExitStack() as refused:
        there, name, to_name = other.history, own.facts.name, other.facts.name

        def make(history: History) -> list[str]:
            """Make both edits once all pictures are copied; return the ids of the others."""
            changes = leave(history.contents)
            arriving = _arriving(there.contents, history.contents, changes)
            missing = [  # a picture in a box has no file of its own
                key
                for _, key, _, after in arriving
                if getattr(after, "crop", after) is None and not other.pictures.path(key).exists()
            ]
            if not missing:
                n = len({change.id for change in changes if change.kind == "picture"})
                edit = Edit(
                    f"Moved {n_pictures(n)} from {name} to {to_name}",
                    changes,
                    "moved-pictures",
                    {"n": n, "name": name, "other": to_name},
                    editor.origin,
                )
                there.make(replace(edit, changes=arriving))
                refused.pop_all()  # a redo there needs the files
                if arriving:
                    refused.callback(there.undo, editor.origin)
                history.make(edit)
                refused.pop_all()
            return missing

        while (reply := editor.change(make))[1]:  # requests need not wait while they are copied
            for picture in reply[1]:
                refused.callback(other.pictures.path(picture).unlink, missing_ok=True)
                other.pictures.keep(own.pictures.read(picture))
        return {"revision": reply[0]}


def leave_with(contents: Contents, label: str) -> tuple[Change, ...]:
    """The changes that remove a class, and its pictures unless they show another one, too."""
    changes = remove_class(contents, label)
    own = [key for key in contents.piles()[label] if contents.pictures[key].labels == (label,)]
    return (*changes, *remove_pictures(contents, own))


def _arriving(there: Contents, here: Contents, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes that add what leaves another project, to the classes of the same names."""
    known = {same_label_spelling(name): key for key, name in there.class_names.items()}
    names, pictures, labels = here.class_names, dict[str, PictureEntry](), dict[str, Labels]()
    ids = {key: known.get(same_label_spelling(name), key) for key, name in names.items()}
    left = {change.id for change in changes}
    for _, key, before, after in changes:
        if isinstance(before, PictureEntry):
            if before.crop is not None:
                require_one_label(there, "A project with boxes")
                pictures.setdefault(before.crop.frame, here.pictures[before.crop.frame])
            gone = [one for one in before.labels if one not in getattr(after, "labels", ())]
            pictures[key], labels[key] = before, tuple(ids.get(one, one) for one in gone)
            left.update(gone)
    new = [key for key in names if key in left and ids[key] not in there.classes]
    described = {key: here.classes[key].description for key in new}
    classes = add_classes(there, {key: names[key] for key in new}, described)
    return (*classes, *add_pictures(there, pictures, labels))
