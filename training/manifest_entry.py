"""One entry of weights/manifest.json, written without needing the others.

The server reads the whole manifest through `app.manifest.Manifest`; while only one network has been exported, the file
has one entry and the server refuses it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from app.manifest import EMOTION, MANIFEST, ClassifierCard, CropRule, DetectorCard
from training.errors import RunError
from training.files import read_json, write_json

SCHEMA_VERSION = 2
Card = TypeVar("Card", DetectorCard, ClassifierCard)

FIND, CLASSIFY = "find", "classify"


def read_entries(weights_dir: Path) -> dict[str, Any]:
    """Return the manifest's networks as plain dicts by name; none if there is no manifest yet.

    Raises:
        RunError: If the file exists and is not a manifest of this version.
    """
    path = weights_dir / MANIFEST
    if not path.is_file():
        return {}
    manifest = read_json(path)
    if manifest.get("schema_version") != SCHEMA_VERSION or not isinstance(manifest.get("networks"), dict):
        raise RunError(f"{path} is not a manifest of version {SCHEMA_VERSION}: export both networks into a new folder.")
    networks: dict[str, Any] = manifest["networks"]
    return networks


def read_entry(weights_dir: Path, kind: type[Card], attribute: str | None = None) -> tuple[str, Card]:
    """Return one network's name and entry, even while the manifest has no other.

    Args:
        weights_dir: Folder of manifest.json.
        kind: The detector's or a classifier's.
        attribute: Of the classifier.

    Raises:
        RunError: If it is missing or invalid.
    """
    what = (FIND, None) if issubclass(kind, DetectorCard) else (CLASSIFY, attribute)
    name, entry = next((pair for pair in read_entries(weights_dir).items() if _does(pair[1]) == what), (None, None))
    if name is None:
        command = attribute or "detector"
        raise RunError(f"{weights_dir / MANIFEST} has no network for this yet: run `{command} export` first.")
    try:
        return name, kind.model_validate(entry)
    except ValidationError as error:
        raise RunError(f"{weights_dir / MANIFEST}: the entry {name!r} is not valid ({error}).") from error


def write_entry(weights_dir: Path, name: str, card: DetectorCard | ClassifierCard) -> None:
    """Put a network into the manifest in the place of the one with the same name or for the same purpose.

    Args:
        weights_dir: Folder of manifest.json; the files that the card names should already be there.
        name: The network's name.
        card: A validated entry.
    """
    entry = card.model_dump(mode="json", by_alias=True)
    others = {
        other: value
        for other, value in read_entries(weights_dir).items()
        if other != name and _does(value) != _does(entry)
    }
    ordered = dict(sorted({**others, name: entry}.items(), key=lambda pair: pair[1].get("task") != FIND))
    write_json({"schema_version": SCHEMA_VERSION, "networks": ordered}, weights_dir / MANIFEST)


def _does(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return a network's task and, of a classifier, its attribute."""
    return entry.get("task"), entry.get("attribute")


def known_entry(weights_dir: Path, task: str, attribute: str | None = None) -> dict[str, Any]:
    """Return what the manifest says of a network; empty if it is not in it."""
    return next((each for each in read_entries(weights_dir).values() if _does(each) == (task, attribute)), {})


def state_sha256(entry: Mapping[str, Any]) -> str | None:
    """Return the hash that names a network; None if there is no entry."""
    sha256: str | None = entry.get("artifacts", {}).get("state", {}).get("sha256")
    return sha256


def crop_rule(
    weights_dir: Path, margin: float | None, shift_y: float | None, measured: Mapping[str, float]
) -> CropRule:
    """Return the crop rule to export: each value as given, else as measured, else as in the manifest.

    Raises:
        RunError: If a value is neither given, measured nor in the manifest, or is out of range.
    """
    known = {**known_entry(weights_dir, CLASSIFY, EMOTION).get("crop", {}), **measured}
    values = {
        "margin": known.get("margin") if margin is None else margin,
        "shift_y": known.get("shift_y") if shift_y is None else shift_y,
    }
    if None in values.values():
        raise RunError(f"{weights_dir / MANIFEST} holds no crop rule yet: give --margin and --shift-y.")
    try:
        return CropRule.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise RunError(f"The crop rule is not valid: {first['loc'][0]}: {first['msg']}.") from error


def kept_from_manifest(margin: float | None, shift_y: float | None, measured: Mapping[str, float]) -> tuple[str, ...]:
    """Return which values `crop_rule` takes from the manifest, which does not say for which weights they were measured.

    Args:
        margin: As given to `crop_rule`; None: not given.
        shift_y: The same.
        measured: The same.
    """
    given = {"margin": margin, "shift_y": shift_y}
    return tuple(name for name, value in given.items() if value is None and name not in measured)


def measured_rule(framing: Path, weights_sha256: str, weights_dir: Path) -> dict[str, float]:
    """Return the rule in framing.json; empty if there is no such file.

    Args:
        framing: The file.
        weights_sha256: Hash of the My_model weights to be exported.
        weights_dir: Folder of the manifest with the detector's entry that the rule must fit.

    Raises:
        RunError: If it was measured with another My_model or another detector, or is not JSON.
    """
    if not framing.is_file():
        return {}
    measured = read_json(framing)
    detector_sha256 = state_sha256(known_entry(weights_dir, FIND))
    if (measured.get("weights_sha256"), measured.get("detector_sha256")) != (weights_sha256, detector_sha256):
        raise RunError(f"{framing} was measured with other weights: run `emotion framing` again, or remove the file.")
    rule: dict[str, float] = measured["rule"]
    return rule
