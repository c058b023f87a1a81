import json
from pathlib import Path

import pytest

from app.errors import WeightsError
from app.manifest import load_manifest
from app.weights import default_weights_dir, network_files
from tests.support.manifest import make_manifest
from training.manifest_entry import write_entry
from training.take_along import known_weights, take_along


def test_a_folder_with_one_network_gets_what_it_lacks_to_be_served(tmp_path: Path) -> None:
    ours, told = make_manifest().emotion, list[str]()
    write_entry(tmp_path, "mine", ours)
    take_along(tmp_path, told.append)
    manifest, deployed = load_manifest(tmp_path), load_manifest(default_weights_dir())
    name = deployed.detector_name
    assert (manifest.detector, manifest.emotion) == (deployed.detector, ours)
    files = network_files(manifest, name, tmp_path)
    assert all((files.read_state(), files.read_graph(int8=False), files.read_graph(int8=True)))  # whole, as listed
    assert (tmp_path / f"{name}.md").read_text() == (default_weights_dir() / f"{name}.md").read_text()
    [line] = told
    assert all(word in line for word in (name, str(default_weights_dir()), str(tmp_path)))
    assert "mine" not in line.split(" from ")[0]


def test_a_folder_that_can_be_served_stays_as_it_is(tmp_path: Path) -> None:
    manifest, told = make_manifest(), list[str]()
    write_entry(tmp_path, "finder", manifest.detector)
    write_entry(tmp_path, "mine", manifest.emotion)
    before = (tmp_path / "manifest.json").read_bytes()
    take_along(tmp_path, told.append)
    assert told == []
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"manifest.json": before}


def test_the_weights_of_the_installation_itself_may_be_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.take_along.default_weights_dir", lambda: tmp_path)
    write_entry(tmp_path, "mine", make_manifest().emotion)
    take_along(tmp_path, pytest.fail)
    assert list(json.loads((tmp_path / "manifest.json").read_text())["networks"]) == ["mine"]


def test_altered_weights_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "altered"
    altered.mkdir()
    for file in default_weights_dir().iterdir():
        (altered / file.name).write_bytes(file.read_bytes())
    (altered / "yolov8n-face.xml").write_bytes(b"other")
    monkeypatch.setattr("training.take_along.default_weights_dir", lambda: altered)
    write_entry(tmp_path / "new", "mine", make_manifest().emotion)
    with pytest.raises(WeightsError, match="sha256"):
        take_along(tmp_path / "new", print)
    assert list(json.loads((tmp_path / "new" / "manifest.json").read_text())["networks"]) == ["mine"]


def test_an_export_into_a_new_folder_goes_by_the_deployed_manifest(tmp_path: Path) -> None:
    assert known_weights(tmp_path) == default_weights_dir()
    write_entry(tmp_path, "mine", make_manifest().emotion)
    assert known_weights(tmp_path) == tmp_path
