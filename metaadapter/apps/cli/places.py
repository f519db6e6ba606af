"""`metaadapter doctor --places`: where adapters can stand in the towers of an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaadapter.apps.cli.console import Console, print_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.features.towers.places import Place

TITLES = ("tower", "place", "output", "ends a stage")


def list_places(name: str, console: Console, *, json_output: bool) -> None:
    """Print the places in both towers of an encoder, in the order in which they are computed.

    Raises:
        UsageError: There is no such encoder, or it is no model of open_clip.
    """
    from metaadapter.features.encoder import FrozenEncoder
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.towers.places import find_places

    encoder = load_encoder(name)
    if not isinstance(encoder, FrozenEncoder):
        raise UsageError(
            f"the encoder {name} is of your own: places are found in the models of open_clip, "
            "such as tiny, ViT-B-32/laion2b_s34b_b79k, or a folder with one"
        )
    places = find_places(encoder.copied_network())
    if json_output:
        document = {
            "encoder": encoder.name,
            "places": [
                {
                    "tower": place.tower,
                    "name": place.name,
                    "shape": place.shape,
                    "width": place.width,
                    "is_map": place.is_map,
                    "ends_stage": place.ends_stage,
                }
                for place in places
            ],
        }
        print_document("places", document)
        return
    console.table(TITLES, [_row(place) for place in places])
    counts = [f"{tower} {sum(it.tower == tower for it in places)}" for tower in ("image", "text")]
    console.note(f"{encoder.name}: {len(places)} places ({', '.join(counts)})")


def _row(place: Place) -> tuple[str, str, str, str]:
    what = "map" if place.is_map else "tokens" if len(place.shape) == 2 else "map, channels last"
    shape = " × ".join(map(str, place.shape))
    return place.tower, place.name, f"{shape} ({what})", "yes" if place.ends_stage else ""
