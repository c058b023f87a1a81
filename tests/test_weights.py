import json

import pytest
import torch
from safetensors.torch import save

from app.errors import WeightsError
from app.runtimes.torch.my_model import MyModel
from app.weights import fill, load_int8, load_manifest, load_state, sha256_of
from tests.conftest import make_manifest


def card_with(payload):
    return make_manifest().emotion.model_copy(update={"sha256": sha256_of(payload)})


def test_round_trip(tmp_path):
    (tmp_path / "manifest.json").write_text(make_manifest().model_dump_json())
    assert load_manifest(tmp_path) == make_manifest()


def test_half_precision_file_loads_as_float32(tmp_path):
    payload = save({"a": torch.tensor([0.5, 1.0]).half()})
    (tmp_path / "emotion.safetensors").write_bytes(payload)
    state = load_state(tmp_path, card_with(payload))
    assert state["a"].dtype == torch.float32
    assert state["a"].tolist() == [0.5, 1.0]


def test_wrong_hash_is_refused(tmp_path):
    payload = save({"a": torch.zeros(2)})
    (tmp_path / "emotion.safetensors").write_bytes(payload + b" ")
    with pytest.raises(WeightsError, match="sha256"):
        load_state(tmp_path, card_with(payload))


def test_not_safetensors(tmp_path):
    (tmp_path / "emotion.safetensors").write_bytes(b"rubbish")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_state(tmp_path, card_with(b"rubbish"))


def test_missing_files(tmp_path):
    with pytest.raises(WeightsError, match=r"manifest.json cannot be read"):
        load_manifest(tmp_path)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_state(tmp_path, make_manifest().emotion)


def test_malformed_manifest_names_the_field(tmp_path):
    broken = json.loads(make_manifest().model_dump_json())
    broken["emotion"]["temperature"] = -1
    (tmp_path / "manifest.json").write_text(json.dumps(broken))
    with pytest.raises(WeightsError, match=r"emotion\.temperature"):
        load_manifest(tmp_path)


def test_file_name_cannot_leave_the_folder(tmp_path):
    broken = json.loads(make_manifest().model_dump_json())
    broken["emotion"]["file"] = "../secret.safetensors"
    (tmp_path / "manifest.json").write_text(json.dumps(broken))
    with pytest.raises(WeightsError, match=r"emotion\.file"):
        load_manifest(tmp_path)


def test_state_must_fit_the_network():
    state = MyModel().state_dict()
    fill(MyModel(), state, "whole")
    fill(MyModel(), {k: v for k, v in state.items() if "num_batches" not in k}, "without counters")
    with pytest.raises(WeightsError, match="1 tensors missing"):
        fill(MyModel(), {k: v for k, v in state.items() if k != "classifier.bias"}, "partial")
    with pytest.raises(WeightsError, match="another shape"):
        fill(MyModel(num_classes=7), state, "other")


def test_weights_without_a_form_in_int8_say_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match="quantize detector"):
        load_int8(tmp_path, make_manifest().detector)
