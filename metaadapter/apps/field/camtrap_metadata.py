"""The columns of Camtrap DP tables, and the metadata: project, species, places.

Source: camtrap-dp-profile.json 1.0.2 (https://github.com/tdwg/camtrap-dp) and the profile of
Frictionless data packages (https://specs.frictionlessdata.io/schemas/data-package.json).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError
from metaadapter.files.regular_files import is_regular, regular
from metaadapter.files.strict_json import parse_json

VERSION = "1.0.2"
STANDARD = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"
# The columns of the tables; all are required, in this order.
COLUMNS = {
    "deployments": (
        *("deploymentID", "locationID", "locationName", "latitude", "longitude"),
        *("coordinateUncertainty", "deploymentStart", "deploymentEnd", "setupBy", "cameraID"),
        *("cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt"),
        *("cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType"),
        *("habitat", "deploymentGroups", "deploymentTags", "deploymentComments"),
    ),
    "media": (
        *("mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic"),
        *("fileName", "fileMediatype", "exifData", "favorite", "mediaComments"),
    ),
    "observations": (
        *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd"),
        *("observationLevel", "observationType", "cameraSetupType", "scientificName", "count"),
        *("lifeStage", "sex", "behavior", "individualID", "individualPositionRadius"),
        *("individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth"),
        *("bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp"),
        *("classificationProbability", "observationTags", "observationComments"),
    ),
}
METADATA_FILE, DEPLOYMENTS_FILE = "datapackage.json", "deployments.csv"


@dataclass(frozen=True, slots=True)
class PackageMetadata:
    """The content of datapackage.json, which the user may have edited."""

    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Label → scientific name, for labels that the content does not name."""

    def scientific_name(self, label: str) -> str:
        """The scientific name of the taxon with `label` as vernacular name, if there is one."""
        for taxon in self._taxa():
            names = taxon.get("vernacularNames")
            vernacular = names.values() if isinstance(names, dict) else ()
            if label.casefold() in {str(name).casefold() for name in vernacular}:
                return str(taxon["scientificName"])
        return self.names.get(label, label)

    def completed(
        self,
        title: str,
        species: Sequence[str],
        times: tuple[datetime, datetime] | None,
        places: Iterable[tuple[float, float]],
        levels: Sequence[str],
    ) -> dict[str, Any]:
        """The user's values, with all missing ones filled in; a place is (latitude, longitude)."""
        known = {self.scientific_name(label) for label in species}
        kept = [taxon for taxon in self._taxa() if taxon["scientificName"] in known]
        named = {taxon["scientificName"] for taxon in kept}
        added = [
            {"scientificName": self.scientific_name(label), "vernacularNames": {"eng": label}}
            for label in species
            if self.scientific_name(label) not in named
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
            "resources": [_resource(name) for name in COLUMNS],
        }

    def _taxa(self) -> list[dict[str, Any]]:
        taxa = self.values.get("taxonomic", [])
        return [taxon for taxon in taxa if isinstance(taxon, dict) and "scientificName" in taxon]


def read_metadata(folder: Path, names: Mapping[str, str] | None = None) -> PackageMetadata:
    """Read the metadata of the package in a folder; it is empty if there is no package yet.

    `names` gives the scientific names of labels that it does not name.
    """
    if not is_regular(file := folder / METADATA_FILE):
        return PackageMetadata({}, names or {})
    try:
        values = parse_json(regular(file).read_bytes())
        if not isinstance(values, dict) or not isinstance(values.get("project", {}), dict):
            raise ValueError("it is not a JSON object, or its `project` is not an object")
        if not isinstance(values.get("taxonomic", []), list):
            raise ValueError("its `taxonomic` is not a list")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"expected the metadata of a Camtrap DP in {file}, but {error}; correct it, or give "
            "another folder"
        ) from error
    return PackageMetadata(values, names or {})


def read_deployments(folder: Path) -> dict[str, dict[str, str]]:
    """Read deployments.csv as deploymentID → row; empty if there is no package yet."""
    if not is_regular(file := folder / DEPLOYMENTS_FILE):
        return {}
    try:
        with regular(file).open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened, strict=True))
        for row in rows:
            _require_place(row)
        return {row["deploymentID"]: row for row in rows}
    except (OSError, ValueError, csv.Error, KeyError) as error:
        raise DataError(
            f"expected the cameras of a Camtrap DP in {file}, a table in UTF-8 with a column "
            f"deploymentID, but it cannot be read: {error}; correct it, or give another folder"
        ) from error


def _require_place(row: Mapping[str | None, Any]) -> None:
    camera = row["deploymentID"]
    if None in row:
        raise ValueError(f"the row of {camera!r} has more cells than the table has columns")
    for column, most in (("latitude", 90), ("longitude", 180)):
        if not -most <= float(row.get(column) or 0) <= most:
            raise ValueError(f"the {column} of {camera!r} is not from -{most} to {most}")


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
