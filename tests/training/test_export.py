import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.faces.classify import Classifier
from app.manifest import EMOTION, ClassifierCard
from app.runtimes.openvino import OpenVinoRuntime
from app.runtimes.precision import Precision
from app.runtimes.torch.runtime import TorchRuntime
from app.weights import sha256_of
from tests.support.manifest import make_manifest
from tests.training.conftest import mostly
from tests.training.networks import (
    ABOUT,
    CPU,
    CROP,
    artifacts_of,
    candidate_of,
    export,
    files_of,
    my_model,
    read_model,
    without_graphs,
)
from tests.training.splits import make_split
from training.deployed import from_payload, read_payload, to_payload
from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT
from training.emotion.evaluate import accuracy_interval, evaluate_splits
from training.emotion.export import EmotionCandidate, candidate_of_run, export_emotion
from training.emotion.predict import predict_logits
from training.emotion.results import read_evaluation, write_evaluation
from training.errors import RunError, TooCoarse
from training.manifest_entry import (
    read_entries,
    read_entry,
    write_entry,
)


def test_export_writes_what_the_server_loads(exported_emotion: Path, candidate: EmotionCandidate) -> None:
    files = files_of(exported_emotion, ClassifierCard, EMOTION)
    listed, text = artifacts_of(files.card), (exported_emotion / "my_model.md").read_text()
    assert {each.name for each in exported_emotion.iterdir()} == {
        "manifest.json", "my_model.md", *(each.file for each in listed)
    }  # fmt: skip
    assert len(listed) == 5  # the state, and two files for each graph
    for each in listed:
        assert each.sha256 == sha256_of((exported_emotion / each.file).read_bytes())
        assert f"`{each.file}`" in text
        assert f"`{each.sha256}`" in text
    assert files.card.sha256 == candidate.sha256
    stored = load_file(exported_emotion / files.card.artifacts.state.file)
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert not any("num_batches" in name for name in stored)


def test_all_forms_answer_like_the_network(exported_emotion: Path, candidate: EmotionCandidate) -> None:
    files, split = files_of(exported_emotion, ClassifierCard, EMOTION), make_split(6)
    logits_NK = predict_logits(candidate.network(CPU), split, CPU, bf16=False)
    expected_NK = (logits_NK / files.card.temperature).softmax(1).numpy()
    crops = split.images_BCHW.numpy().astype(np.float32)
    runtimes = {
        "state": (TorchRuntime(CPU, bf16=False), 1e-5),
        "float": (OpenVinoRuntime(Precision("fp32", "fp32", "fp32"), 1), 0.01),
        "int8": (OpenVinoRuntime(Precision("int8", "int8", "fp32"), 1), 0.02),
    }
    answers = {}
    for form, (runtime, tolerance) in runtimes.items():
        answers[form] = Classifier(runtime.open(files), files.card).probabilities(crops)
        np.testing.assert_allclose(answers[form], expected_NK, atol=tolerance)
    assert (answers["int8"] != answers["float"]).any()


def test_the_entry_tells_what_the_graphs_were_compared_on(exported_emotion: Path) -> None:
    _, card = read_entry(exported_emotion, ClassifierCard, EMOTION)
    floats, integers = card.artifacts.openvino, card.artifacts.openvino_int8
    assert floats is not None
    assert integers is not None
    assert (floats.metrics["inputs"], floats.metrics["compared"], floats.metrics["largest_box_px"]) == (10, 10, 0)
    assert floats.metrics["largest_probability"] <= 0.01
    assert (integers.metrics["split"], integers.metrics["pictures"]) == (VALIDATION_SPLIT, 10)
    assert integers.metrics["fp32"]["accuracy"] == card.metrics[VALIDATION_SPLIT]["accuracy"] == 0.7
    assert set(integers.metrics["int8"]) == {"accuracy", "ECE"}


def test_a_graph_of_other_weights_is_refused_and_nothing_is_written(
    tmp_path: Path, exported_emotion: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = read_model(files_of(exported_emotion, ClassifierCard, EMOTION))
    monkeypatch.setattr("training.artifacts.convert", lambda *_: theirs)
    with pytest.raises(RunError, match=r"answers otherwise .* at most 0\.5 px and 0\.01"):
        export(candidate_of(my_model("happy")), mostly("happy"), tmp_path, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_the_card_repeats_the_measured_figures(exported_emotion: Path) -> None:
    _, card = read_entry(exported_emotion, ClassifierCard, EMOTION)
    text = (exported_emotion / "my_model.md").read_text()
    split = card.metrics[VALIDATION_SPLIT]
    assert isinstance(split, dict)
    low, high = accuracy_interval(split["accuracy"], split["pictures"])
    for figure in (
        f"| {split['accuracy']:.2%} | {100 * low:.2f} to {high:.2%} |",
        f"{card.parameters:,}",
        card.sha256,
        f"{card.temperature:.4f}",
        "FER+",
    ):
        assert figure in text
    assert "AGPL-3.0-or-later" in text
    assert all(word in text for word in ("Intended use", "Limits", "research use"))


@pytest.mark.parametrize(
    ("keep", "epoch", "told"),
    [
        ("best", 2, "Epoch 2 of 3 was kept, the best on PublicTest."),
        ("last", 2, "Epoch 2 of 3, where the run was stopped, was kept."),
        ("last", 3, "Epoch 3 of 3, the last one, was kept."),
    ],
)
def test_the_card_says_which_epoch_was_kept_and_what_public_test_chose(
    tmp_path: Path,
    candidate: EmotionCandidate,
    monkeypatch: pytest.MonkeyPatch,
    keep: str,
    epoch: int,
    told: str,
) -> None:
    without_graphs(monkeypatch)
    about = {**ABOUT, "recipe": {"name": "tiny", "epochs": 3, "keep": keep, "ferplus_weight": 0.2}, "epoch": epoch}
    export(replace(candidate, about=about), make_split(10), tmp_path, tmp_path / "weights")
    text = (tmp_path / "weights" / "my_model.md").read_text()
    assert told in text
    assert "it chose the recipe, its FER+ share and the crop rule" in text


def test_the_card_shows_the_robustness_of_each_split(
    tmp_path: Path, candidate: EmotionCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_graphs(monkeypatch)
    splits = {"PublicTest": make_split(10), "PrivateTest": make_split(10)}
    logits = {name: torch.eye(5)[split.targets_B] for name, split in splits.items()}
    robustness = {"PublicTest": {"blur": 0.25}, "PrivateTest": {"blur": 0.5}}
    write_evaluation(evaluate_splits(logits, splits, candidate.sha256, None, robustness), tmp_path)
    checked_on = {TRAINING_SPLIT: make_split(10), VALIDATION_SPLIT: splits["PublicTest"]}
    export_emotion(candidate, read_evaluation(tmp_path, candidate.sha256) or {}, CROP, checked_on, tmp_path)
    table = (tmp_path / "my_model.md").read_text().partition("### Robustness")[2]
    assert "| pictures | PrivateTest | PublicTest |" in table
    assert "| as they are | 100.00% | 100.00% |" in table
    assert "| blur | 50.00% | 25.00% |" in table


@pytest.mark.parametrize(("weight", "sets"), [(0.0, 1), (0.2, 2)])
def test_the_card_names_the_sets_that_were_used(
    tmp_path: Path, candidate: EmotionCandidate, monkeypatch: pytest.MonkeyPatch, weight: float, sets: int
) -> None:
    without_graphs(monkeypatch)
    about = {**ABOUT, "recipe": {"name": "tiny", "ferplus_weight": weight}}
    assert len(export(replace(candidate, about=about), make_split(10), tmp_path, tmp_path / "weights").data) == sets


def test_export_keeps_the_other_entry(
    tmp_path: Path, candidate: EmotionCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_graphs(monkeypatch)
    write_entry(tmp_path, "other", make_manifest().detector)
    before = read_entries(tmp_path)
    export(candidate, make_split(10), tmp_path, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["schema_version"] == 2
    assert list(manifest["networks"]) == ["other", "my_model"]
    assert manifest["networks"]["other"] == before["other"]


def test_an_evaluation_of_other_weights_or_of_a_rehearsal_is_not_taken(
    tmp_path: Path, candidate: EmotionCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_graphs(monkeypatch)
    export(candidate, make_split(10), tmp_path, tmp_path / "weights")
    assert read_evaluation(tmp_path, "0" * 64) is None
    assert read_evaluation(tmp_path, candidate.sha256, limit=10) is None
    assert read_evaluation(tmp_path / "nowhere", candidate.sha256) is None


def test_payloads_are_the_same_for_the_same_state(candidate: EmotionCandidate) -> None:
    assert to_payload(from_payload(candidate.payload)) == candidate.payload


def test_wrong_weights_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="train first"):
        candidate_of_run(tmp_path)
    with pytest.raises(RunError, match="cannot be read"):
        read_payload(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError, match="not a safetensors file"):
        read_payload(tmp_path / "bad.safetensors")
    with pytest.raises(RunError, match="does not fit"):
        EmotionCandidate(to_payload({"a": torch.zeros(1)}), {}).network(torch.device("cpu"))


def test_an_int8_graph_that_is_too_coarse_is_left_out(candidate, tmp_path, monkeypatch):
    """The others are written: a short first training must end in something that can be served."""

    def refuse(*_):
        raise TooCoarse("In int8 the accuracy falls.")

    monkeypatch.setattr("training.emotion.export.with_emotion_int8", refuse)
    export(candidate, mostly("neutral"), tmp_path, tmp_path / "weights")
    card = files_of(tmp_path / "weights", ClassifierCard, EMOTION).card
    assert card.artifacts.openvino_int8 is None
    assert {path.name for path in (tmp_path / "weights").iterdir()} == {
        "manifest.json", "my_model.md", "my_model.safetensors", "my_model.xml", "my_model.bin",
    }  # fmt: skip
