"""What a Camtrap DP says of itself: the project, its species, its places. People complete it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import DataError

VERSION = "1.0.2"
STANDARD = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"
TABLES = ("deployments", "media", "observations")
METADATA_FILE, DEPLOYMENTS_FILE = "datapackage.json", "deployments.csv"


@dataclass(frozen=True, slots=True)
class PackageMetadata:
    """The content of datapackage.json, as people left it."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def scientific_name(self, label: str) -> str:
        """The scientific name of a class; the label itself where nobody has given one.

        It is that of the entry of `taxonomic` that has the label among its vernacular names.
        """
        for taxon in self._taxa():
            names = taxon.get("vernacularNames")
            known = names.values() if isinstance(names, dict) else ()
            if label.casefold() in {str(name).casefold() for name in known}:
                return str(taxon["scientificName"])
        return label

    def completed(
        self,
        title: str,
        species: Sequence[str],
        times: tuple[datetime, datetime] | None,
        places: Iterable[tuple[float, float]],
        levels: Sequence[str],
    ) -> dict[str, Any]:
        """All that the standard asks for: what people wrote, and placeholders where they did not.

        Args:
            title: The name of the study.
            species: Labels of the animals that were seen.
            times: When the first and the last frame were taken.
            places: Latitude and longitude of cameras.
            levels: Of the observations: "media", "event".
        """
        known = {self.scientific_name(label) for label in species}
        kept = [taxon for taxon in self._taxa() if taxon["scientificName"] in known]
        listed = {taxon["scientificName"] for taxon in kept}
        added = [
            {"scientificName": label, "vernacularNames": {"eng": label}}
            for label in species
            if self.scientific_name(label) not in listed
        ]
        project = {
            "title": title,
            "samplingDesign": "opportunistic",
            "captureMethod": ["activityDetection"],
            "individualAnimals": False,
            **self.values.get("project", {}),
            "observationLevel": [*levels],
        }
        points = [[longitude, latitude] for latitude, longitude in sorted(set(places))]
        now = datetime.now(UTC)
        start, end = times or (now, now)
        return {
            "name": "camera-trap-observations",
            "contributors": [{"title": "unknown", "role": "contact"}],
            **self.values,
            "profile": f"{STANDARD}camtrap-dp-profile.json",
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "project": project,
            "spatial": {"type": "MultiPoint", "coordinates": points},
            "temporal": {"start": start.date().isoformat(), "end": end.date().isoformat()},
            "taxonomic": [*kept, *added],
            "resources": [_resource(name) for name in TABLES],
        }

    def _taxa(self) -> list[dict[str, Any]]:
        taxa = self.values.get("taxonomic", [])
        return [each for each in taxa if isinstance(each, dict) and "scientificName" in each]


def read_metadata(folder: Path) -> PackageMetadata:
    """What people left in a package; nothing where there is none yet.

    Raises:
        DataError: It is not such a file.
    """
    if not is_regular(file := folder / METADATA_FILE):
        return PackageMetadata()
    try:
        values = parse_json(regular(file).read_bytes())
        if not isinstance(values, dict) or not isinstance(values.get("project", {}), dict):
            raise ValueError("it is no object with an object `project`")
        if not isinstance(values.get("taxonomic", []), list):
            raise ValueError("its `taxonomic` is no list")
    except (OSError, ValueError) as error:
        raise DataError(
            f"expected the metadata of a Camtrap DP in {file}, but {error}; correct it, or name "
            "another folder"
        ) from error
    return PackageMetadata(values)


def read_deployments(folder: Path) -> dict[str, dict[str, str]]:
    """Deployment → its row in deployments.csv, as people left it; nothing where there is none yet.

    Raises:
        DataError: It is no table with a column deploymentID.
    """
    if not is_regular(file := folder / DEPLOYMENTS_FILE):
        return {}
    try:
        with regular(file).open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened, strict=True))
        return {row["deploymentID"]: row for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise DataError(
            f"expected the cameras of a Camtrap DP in {file}, a table in UTF-8 with a column "
            f"deploymentID, but it cannot be read: {error}; correct it, or name another folder"
        ) from error


def _resource(name: str) -> dict[str, str]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{STANDARD}{name}-table-schema.json",
    }
