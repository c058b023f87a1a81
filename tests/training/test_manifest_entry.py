"""Entries of the manifest: whose place they take, what is refused, and where the crop rule comes from."""

import json
from pathlib import Path

import pytest

from app.manifest import EMOTION, ClassifierCard, CropRule, DetectorCard
from tests.support.manifest import make_manifest
from tests.training.networks import CROP
from training.errors import RunError
from training.manifest_entry import (
    crop_rule,
    kept_from_manifest,
    known_entry,
    measured_rule,
    read_entries,
    read_entry,
    write_entry,
)


def test_an_entry_takes_the_place_of_that_for_the_same_purpose(tmp_path: Path) -> None:
    detector, emotion = make_manifest().detector, make_manifest().emotion
    write_entry(tmp_path, "first", emotion)
    write_entry(tmp_path, "gender", emotion.model_copy(update={"attribute": "gender", "labels": ("a", "b")}))
    write_entry(tmp_path, "finder", detector)
    assert list(read_entries(tmp_path)) == ["finder", "first", "gender"]  # what finds comes first
    write_entry(tmp_path, "second", emotion.model_copy(update={"temperature": 2.0}))
    assert set(read_entries(tmp_path)) == {"finder", "gender", "second"}
    assert read_entry(tmp_path, ClassifierCard, EMOTION)[1].temperature == 2.0
    assert read_entry(tmp_path, ClassifierCard, "gender")[0] == "gender"
    write_entry(tmp_path, "better", detector.model_copy(update={"score_threshold": 0.6}))
    write_entry(tmp_path, "gender", emotion)  # the same name for another purpose, and another name for that purpose
    assert set(read_entries(tmp_path)) == {"better", "gender"}
    assert read_entry(tmp_path, DetectorCard) == ("better", detector.model_copy(update={"score_threshold": 0.6}))
    assert known_entry(tmp_path, "classify", "gender") == {}
    with pytest.raises(RunError, match="run `gender export` first"):
        read_entry(tmp_path, ClassifierCard, "gender")


def test_an_entry_that_is_not_valid_is_named(tmp_path: Path) -> None:
    write_entry(tmp_path, "mine", make_manifest().emotion.model_copy(update={"temperature": -1.0}))
    with pytest.raises(RunError, match="entry 'mine' is not valid"):
        read_entry(tmp_path, ClassifierCard, EMOTION)


def test_the_crop_rule_is_kept_or_given(tmp_path: Path, exported_emotion: Path) -> None:
    with pytest.raises(RunError, match="--margin"):
        crop_rule(tmp_path, 0.1, None, {})
    assert crop_rule(exported_emotion, None, None, {}) == CROP
    assert crop_rule(exported_emotion, 0.3, None, {}) == CropRule(margin=0.3, shift_y=0.02)
    measured = {"margin": 0.2, "shift_y": 0.05}
    assert crop_rule(exported_emotion, None, None, measured) == CropRule(margin=0.2, shift_y=0.05)
    assert crop_rule(exported_emotion, 0.3, None, measured) == CropRule(margin=0.3, shift_y=0.05)
    with pytest.raises(RunError, match="shift_y"):
        crop_rule(exported_emotion, None, 9.0, {})


def test_what_is_kept_from_the_manifest_is_named() -> None:
    measured = {"margin": 0.2, "shift_y": 0.05}
    assert kept_from_manifest(None, None, {}) == ("margin", "shift_y")
    assert kept_from_manifest(0.1, None, {}) == ("shift_y",)
    assert kept_from_manifest(0.1, 0.0, {}) == kept_from_manifest(None, None, measured) == ()


def test_a_damaged_manifest_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="not JSON"):
        read_entries(tmp_path)


@pytest.mark.parametrize("version", [{"schema_version": 1, "detector": {}}, {"schema_version": 2}, {"networks": {}}])
def test_a_manifest_of_another_version_is_refused_and_stays(tmp_path: Path, version: dict[str, object]) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(version))
    with pytest.raises(RunError, match="not a manifest of version 2: export both networks into a new folder"):
        read_entries(tmp_path)
    with pytest.raises(RunError, match="not a manifest of version 2"):
        write_entry(tmp_path, "mine", make_manifest().emotion)
    assert json.loads((tmp_path / "manifest.json").read_text()) == version


def test_a_measured_crop_rule_belongs_to_its_weights(tmp_path: Path) -> None:
    framing, detector = tmp_path / "framing.json", make_manifest().detector
    assert measured_rule(framing, "ours", tmp_path) == {}
    write_entry(tmp_path, "finder", detector)
    rule = {"margin": 0.1, "shift_y": 0.0}
    framing.write_text(json.dumps({"weights_sha256": "ours", "detector_sha256": detector.sha256, "rule": rule}))
    assert measured_rule(framing, "ours", tmp_path) == rule
    with pytest.raises(RunError, match="measured with other weights"):
        measured_rule(framing, "others", tmp_path)
    other = detector.artifacts.state.model_copy(update={"sha256": "1" * 64})
    artifacts = detector.artifacts.model_copy(update={"state": other})
    write_entry(tmp_path, "finder", detector.model_copy(update={"artifacts": artifacts}))
    with pytest.raises(RunError, match="measured with other weights"):
        measured_rule(framing, "ours", tmp_path)
