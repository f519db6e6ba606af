"""Pascal VOC's XML, one file a picture: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/.

A box has its corners in pixels. The corners are read as LabelImg, CVAT and Roboflow write them; in
the sets of the challenge itself the first pixel has the number 1, so boxes lie one pixel off there.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, tostring

from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import NO_RECTANGLE, Listing, in_pixels, plain
from metaadapter.data.boxes.written_files import write_files
from metaadapter.data.boxes.xml_tree import add, number_of, parse_xml, size_of, text_of
from metaadapter.data.crop import Box
from metaadapter.data.walk import walk
from metaadapter.files.regular_files import regular
from metaadapter.files.url import Url

FOLDER, LISTS = "Annotations", Path("ImageSets", "Main")
SPLITS = ("train", "val", "test", "trainval")
ALL = "default"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def is_voc(content: object) -> bool:
    """Return whether a content is a folder of this format; one of its files is a `ValueError`."""
    if isinstance(content, Element) and content.tag == "annotation":
        raise ValueError("it is one file of Pascal VOC; give the folder of these files")
    return isinstance(content, Path) and content.is_dir() and bool(_files(content))


def _files(folder: Path) -> list[Path]:
    """The files in a folder of this format; none if it has another one.

    They are in its folder `Annotations`, or beside the pictures; in a bucket only the former.
    """
    inner = folder / FOLDER
    beside = () if isinstance(folder, Url) else folder.glob("*.xml")
    listed = walk(inner) if inner.is_dir() else beside
    files = sorted(file for file in listed if file.suffix.lower() == ".xml")
    return files if files and _is_annotation(files[0]) else []


def read_voc(root: Path) -> Listing:
    """Read a folder; other content is a `ValueError` that names the file."""
    splits = _splits(root)
    remarks, frames = defaultdict[str, list[str]](list), list[FrameDetections]()
    for file in _files(root):
        try:
            element = parse_xml(regular(file).read_bytes())
            inner = file.relative_to(root / FOLDER if (root / FOLDER).is_dir() else root)
            frames.append(_frame(element, inner, remarks))
        except ValueError as error:
            raise ValueError(f"{file.relative_to(root)} is wrong: {error}") from error
        frames[-1] = frames[-1]._replace(split=splits.get(inner.with_suffix("").as_posix()))
    return Listing.of_labels("Pascal VOC", frames, remarks)


def _frame(root: Element, file: Path, remarks: defaultdict[str, list[str]]) -> FrameDetections:
    """Read the element `annotation` of a file, whose path stands for a name without folders."""
    if root.tag != "annotation":
        raise ValueError(f"expected the element annotation, got {root.tag}")
    name = text_of(root, "filename").replace("\\", "/") or file.with_suffix("").name
    # Most programs leave out the folder.
    name = name if "/" in name else (file.parent / name).as_posix()
    size = size_of(text_of(root, "size/width"), text_of(root, "size/height"))
    boxes = list[Detection]()
    for item in root.findall("object"):
        if item.find("robndbox") is not None:
            remarks[NO_RECTANGLE].append(name)
            continue
        if item.find("bndbox") is None:
            raise ValueError("an object has no bndbox")
        places = [f"bndbox/{side}" for side in CORNERS]
        box = Box.of_corners(*(number_of(text_of(item, place), place) for place in places))
        score = number_of(text_of(item, "confidence") or "1", "confidence")
        boxes.append(
            Detection(text_of(item, "name"), min(max(score, 0.0), 1.0), box.in_fractions(size))
        )
    return FrameDetections(name, tuple(boxes), size=size)


def write_voc(listing: Listing, folder: Path) -> None:
    """Write one file a picture, whose size must be known, and a list of all pictures."""
    files, names = dict[str, bytes](), list[str]()
    for frame in listing.frames:
        name = PurePosixPath(frame.file).with_suffix("")
        place = f"{FOLDER}/{name}.xml"
        if place in files:
            raise ValueError(f"two pictures named {name} would share a file")
        files[place] = _picture(frame)
        names.append(f"{name}\n")
    files[(LISTS / f"{ALL}.txt").as_posix()] = "".join(names).encode()
    # CVAT and datumaro need it for labels other than those of the challenge.
    labels = "".join(f"{name}:::\n" for name in listing.categories.values())
    write_files(folder, {**files, "labelmap.txt": labels.encode()}, listing)


def _picture(frame: FrameDetections) -> bytes:
    width, height = frame.known_size
    root = Element("annotation")
    add(root, "folder", "JPEGImages")
    add(root, "filename", frame.file)
    size = add(root, "size")
    for name, length in (("width", width), ("height", height), ("depth", 3)):
        add(size, name, length)
    add(root, "segmented", 0)
    for detection in frame.detections:
        item = add(root, "object")
        add(item, "name", detection.category)
        for name, value in (("pose", "Unspecified"), ("truncated", 0), ("difficult", 0)):
            add(item, name, value)
        add(item, "confidence", detection.confidence)
        sides, box = add(item, "bndbox"), in_pixels(detection.box, frame.known_size)
        ends = (plain(box.left + box.width), plain(box.top + box.height))
        for name, side in zip(CORNERS, (box.left, box.top, *ends), strict=True):
            add(sides, name, side)
    content: bytes = tostring(root, encoding="utf-8")
    return content


def _is_annotation(file: Path) -> bool:
    try:
        with regular(file).open("rb") as opened:
            return b"<annotation>" in opened.read(4096)
    except OSError:
        return False


def _splits(root: Path) -> dict[str, str]:
    """Name of a picture without its ending → its split; the files of classes are ignored."""
    splits: dict[str, str] = {}
    for split in SPLITS:
        file = root / LISTS / f"{split}.txt"
        if file.is_file():
            for line in regular(file).read_text(encoding="utf-8-sig").splitlines():
                if line.strip():
                    splits.setdefault(line.split()[0], split)
    return splits
