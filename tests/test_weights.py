import json

import pytest

from app.errors import WeightsError
from app.manifest import Manifest, load_manifest
from app.weights import NetworkFiles, network_files, sha256_of
from tests.support.manifest import make_manifest


def files_with(folder, payload):
    card = make_manifest().emotion
    state = card.artifacts.state.model_copy(update={"sha256": sha256_of(payload)})
    artifacts = card.artifacts.model_copy(update={"state": state})
    return NetworkFiles("emotion", card.model_copy(update={"artifacts": artifacts}), folder)


def written(folder, change=lambda manifest: None):
    manifest = json.loads(make_manifest().model_dump_json(by_alias=True))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_round_trip(tmp_path):
    assert load_manifest(written(tmp_path)) == make_manifest()


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"state")
    assert files_with(tmp_path, b"state").read_state() == b"state"


def test_wrong_hash_is_refused(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"state ")
    with pytest.raises(WeightsError, match="sha256"):
        files_with(tmp_path, b"state").read_state()


def test_missing_files(tmp_path):
    with pytest.raises(WeightsError, match=r"manifest.json cannot be read"):
        load_manifest(tmp_path)
    with pytest.raises(WeightsError, match="cannot be read"):
        network_files(make_manifest(), "emotion", tmp_path).read_state()


def test_malformed_manifest_names_the_field(tmp_path):
    def harm(manifest):
        manifest["networks"]["emotion"]["temperature"] = -1

    with pytest.raises(WeightsError, match=r"networks\.emotion\..*temperature"):
        load_manifest(written(tmp_path, harm))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "..", ".hidden", ""])
def test_file_name_cannot_leave_the_folder(tmp_path, name):
    def harm(manifest):
        manifest["networks"]["emotion"]["artifacts"]["state"]["file"] = name

    with pytest.raises(WeightsError, match=r"state\.file"):
        load_manifest(written(tmp_path, harm))


def test_networks_find_once_and_classify_each_attribute_once(tmp_path):
    networks = make_manifest().networks
    for wrong in (
        {"emotion": networks["emotion"]},
        {"detector": networks["detector"]},
        {**networks, "second": networks["detector"]},
        {**networks, "second": networks["emotion"]},
    ):
        with pytest.raises(ValueError, match="exactly one"):
            Manifest(networks=wrong)


def test_the_labels_of_emotion_are_a_contract(tmp_path):
    def harm(manifest):
        manifest["networks"]["emotion"]["labels"].reverse()

    with pytest.raises(WeightsError, match="angry, happy, sad, surprise, neutral"):
        load_manifest(written(tmp_path, harm))


def test_an_old_manifest_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": 1, "detector": {}, "emotion": {}}))
    with pytest.raises(WeightsError, match=r"schema_version|networks"):
        load_manifest(tmp_path)


def test_a_second_classifier_is_data(tmp_path):
    emotion = make_manifest().emotion
    other = emotion.model_copy(update={"attribute": "gender", "labels": ("female", "male")})
    manifest = Manifest(networks={**make_manifest().networks, "other": other})
    assert set(manifest.classifiers) == {"emotion", "gender"}


def test_only_networks_that_are_asked_for_are_kept():
    manifest = make_manifest({"gender": ("female", "male"), "glasses": ("none", "worn")})
    assert manifest.further == {"gender": ("female", "male"), "glasses": ("none", "worn")}
    assert manifest.with_further(()) == make_manifest()
    assert set(manifest.with_further(("gender", "emotion")).networks) == {"detector", "emotion", "gender"}


def test_an_attribute_without_a_network_names_those_that_have_one():
    with pytest.raises(WeightsError, match="no network for 'age'; besides emotion: gender"):
        make_manifest({"gender": ("female", "male")}).with_further(("age",))
    with pytest.raises(WeightsError, match="besides emotion: none"):
        make_manifest().with_further(("gender",))
