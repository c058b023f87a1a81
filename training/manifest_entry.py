"""One entry of weights/manifest.json, written without needing the other one.

The server reads the whole manifest through `app.weights.Manifest`; while only one model has been exported, the
file has one entry and the server refuses it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from app.weights import MANIFEST, CropRule, DetectorCard, EmotionCard
from training.errors import RunError
from training.files import read_json, write_json

SCHEMA_VERSION = 1
Card = TypeVar("Card", DetectorCard, EmotionCard)


def read_entries(weights_dir: Path) -> dict[str, Any]:
    """Return the manifest as a plain dict; empty if there is none yet.

    Raises:
        RunError: If the file exists and is not a JSON object.
    """
    path = weights_dir / MANIFEST
    return read_json(path) if path.is_file() else {}


def read_card(weights_dir: Path, kind: type[Card]) -> Card:
    """Return one model's entry, even while the manifest has no other.

    Raises:
        RunError: If it is missing or invalid.
    """
    name = _name(kind)
    entry = read_entries(weights_dir).get(name)
    if entry is None:
        raise RunError(f"{weights_dir / MANIFEST} has no entry {name!r} yet: run `{name} export` first.")
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        raise RunError(f"{weights_dir / MANIFEST}: the entry {name!r} is not valid ({error}).") from error


def write_entry(weights_dir: Path, card: DetectorCard | EmotionCard) -> None:
    """Replace the card's entry in the manifest and keep the other one.

    Args:
        weights_dir: Folder of manifest.json; the file that the card names should already be there.
        card: A validated entry.
    """
    entries = read_entries(weights_dir)
    entries[_name(type(card))] = card.model_dump(mode="json")
    ordered = {each: entries[each] for each in ("detector", "emotion") if each in entries}
    write_json({"schema_version": SCHEMA_VERSION, **ordered}, weights_dir / MANIFEST)


def crop_rule(
    weights_dir: Path, margin: float | None, shift_y: float | None, measured: Mapping[str, float]
) -> CropRule:
    """Return the crop rule to export: each value as given, else as measured, else as in the manifest.

    Raises:
        RunError: If a value is neither given, measured nor in the manifest, or is out of range.
    """
    known = {**read_entries(weights_dir).get("emotion", {}).get("crop", {}), **measured}
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
    detector_sha256 = read_entries(weights_dir).get("detector", {}).get("sha256")
    if (measured.get("weights_sha256"), measured.get("detector_sha256")) != (weights_sha256, detector_sha256):
        raise RunError(f"{framing} was measured with other weights: run `emotion framing` again, or remove the file.")
    rule: dict[str, float] = measured["rule"]
    return rule


def _name(kind: type[DetectorCard] | type[EmotionCard]) -> str:
    return "detector" if issubclass(kind, DetectorCard) else "emotion"
