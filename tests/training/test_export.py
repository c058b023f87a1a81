import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from app.runtimes.torch.my_model import MyModel
from app.weights import LABELS, CropRule, EmotionCard, fill, load_state, sha256_of
from tests.training.conftest import make_split
from training.deployed import from_payload, read_payload, to_payload
from training.emotion.data import VALIDATION_SPLIT
from training.emotion.evaluate import accuracy_interval, evaluate_splits
from training.emotion.export import EmotionCandidate, candidate_of_run, export_emotion
from training.emotion.predict import predict_logits
from training.emotion.results import read_evaluation, write_evaluation
from training.errors import RunError
from training.manifest_entry import crop_rule, kept_from_manifest, measured_rule, read_entries

CROP = CropRule(margin=0.1, shift_y=0.02)
ABOUT = {"recipe": {"name": "tiny", "epochs": 3, "ferplus_weight": 0.2}, "seed": 7, "epoch": 2, "bf16": False}


@pytest.fixture
def candidate(tmp_path: Path) -> EmotionCandidate:
    torch.manual_seed(0)
    weights = MyModel().to(memory_format=torch.channels_last).state_dict()
    run = tmp_path / "run"
    run.mkdir()
    torch.save({"weights": weights, "labels": list(LABELS), **ABOUT}, run / "kept.pt")
    return candidate_of_run(run)


def export(candidate: EmotionCandidate, out_dir: Path, weights_dir: Path) -> EmotionCard:
    split = make_split(10)
    logits = predict_logits(candidate.network(torch.device("cpu")), split, torch.device("cpu"), bf16=False)
    evaluation = evaluate_splits({VALIDATION_SPLIT: logits}, {VALIDATION_SPLIT: split}, candidate.sha256)
    write_evaluation(evaluation, out_dir)
    known = read_evaluation(out_dir, candidate.sha256)
    assert known == json.loads(json.dumps(asdict(evaluation)))
    return export_emotion(candidate, known, CROP, weights_dir)


def test_export_writes_what_the_server_loads(tmp_path: Path, candidate: EmotionCandidate) -> None:
    weights_dir = tmp_path / "weights"
    card = export(candidate, tmp_path, weights_dir)
    path = weights_dir / card.file
    assert card.sha256 == sha256_of(path.read_bytes())
    assert EmotionCard.model_validate(read_entries(weights_dir)["emotion"]) == card
    stored = load_file(path)
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert not any("num_batches" in name for name in stored)
    network = MyModel().eval()
    fill(network, load_state(weights_dir, card), card.file)
    x_BCHW = torch.rand(2, 1, 48, 48)
    with torch.inference_mode():
        assert torch.allclose(network(x_BCHW), candidate.network(torch.device("cpu"))(x_BCHW), atol=1e-5)


def test_the_card_repeats_the_measured_figures(tmp_path: Path, candidate: EmotionCandidate) -> None:
    card = export(candidate, tmp_path, tmp_path / "weights")
    text = (tmp_path / "weights" / "my_model.md").read_text()
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
    tmp_path: Path, candidate: EmotionCandidate, keep: str, epoch: int, told: str
) -> None:
    about = {**ABOUT, "recipe": {"name": "tiny", "epochs": 3, "keep": keep, "ferplus_weight": 0.2}, "epoch": epoch}
    export(replace(candidate, about=about), tmp_path, tmp_path / "weights")
    text = (tmp_path / "weights" / "my_model.md").read_text()
    assert told in text
    assert "it chose the recipe, its FER+ share and the crop rule" in text


def test_the_card_shows_the_robustness_of_each_split(tmp_path: Path, candidate: EmotionCandidate) -> None:
    splits = {"PublicTest": make_split(10), "PrivateTest": make_split(10)}
    logits = {name: torch.eye(5)[split.targets_B] for name, split in splits.items()}
    robustness = {"PublicTest": {"blur": 0.25}, "PrivateTest": {"blur": 0.5}}
    write_evaluation(evaluate_splits(logits, splits, candidate.sha256, None, robustness), tmp_path)
    export_emotion(candidate, read_evaluation(tmp_path, candidate.sha256) or {}, CROP, tmp_path)
    table = (tmp_path / "my_model.md").read_text().partition("### Robustness")[2]
    assert "| pictures | PrivateTest | PublicTest |" in table
    assert "| as they are | 100.00% | 100.00% |" in table
    assert "| blur | 50.00% | 25.00% |" in table


@pytest.mark.parametrize(("weight", "sets"), [(0.0, 1), (0.2, 2)])
def test_the_card_names_the_sets_that_were_used(
    tmp_path: Path, candidate: EmotionCandidate, weight: float, sets: int
) -> None:
    about = {**ABOUT, "recipe": {"name": "tiny", "ferplus_weight": weight}}
    assert len(export(replace(candidate, about=about), tmp_path, tmp_path / "weights").data) == sets


def test_export_keeps_the_other_entry(tmp_path: Path, candidate: EmotionCandidate) -> None:
    weights_dir = tmp_path / "weights"
    weights_dir.mkdir()
    (weights_dir / "manifest.json").write_text('{"detector": {"file": "other.safetensors"}}')
    export(candidate, tmp_path, weights_dir)
    manifest = json.loads((weights_dir / "manifest.json").read_text())
    assert list(manifest) == ["schema_version", "detector", "emotion"]
    assert manifest["detector"] == {"file": "other.safetensors"}


def test_an_evaluation_of_other_weights_or_of_a_rehearsal_is_not_taken(
    tmp_path: Path, candidate: EmotionCandidate
) -> None:
    export(candidate, tmp_path, tmp_path / "weights")
    assert read_evaluation(tmp_path, "0" * 64) is None
    assert read_evaluation(tmp_path, candidate.sha256, limit=10) is None
    assert read_evaluation(tmp_path / "nowhere", candidate.sha256) is None


def test_the_crop_rule_is_kept_or_given(tmp_path: Path, candidate: EmotionCandidate) -> None:
    weights_dir = tmp_path / "weights"
    with pytest.raises(RunError, match="--margin"):
        crop_rule(weights_dir, 0.1, None, {})
    export(candidate, tmp_path, weights_dir)
    assert crop_rule(weights_dir, None, None, {}) == CROP
    assert crop_rule(weights_dir, 0.3, None, {}) == CropRule(margin=0.3, shift_y=0.02)
    measured = {"margin": 0.2, "shift_y": 0.05}
    assert crop_rule(weights_dir, None, None, measured) == CropRule(margin=0.2, shift_y=0.05)
    assert crop_rule(weights_dir, 0.3, None, measured) == CropRule(margin=0.3, shift_y=0.05)
    with pytest.raises(RunError, match="shift_y"):
        crop_rule(weights_dir, None, 9.0, {})


def test_what_is_kept_from_the_manifest_is_named() -> None:
    measured = {"margin": 0.2, "shift_y": 0.05}
    assert kept_from_manifest(None, None, {}) == ("margin", "shift_y")
    assert kept_from_manifest(0.1, None, {}) == ("shift_y",)
    assert kept_from_manifest(0.1, 0.0, {}) == kept_from_manifest(None, None, measured) == ()


def test_a_damaged_manifest_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="not JSON"):
        read_entries(tmp_path)


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


def test_a_measured_crop_rule_belongs_to_its_weights(tmp_path: Path) -> None:
    framing = tmp_path / "framing.json"
    assert measured_rule(framing, "ours", tmp_path) == {}
    (tmp_path / "manifest.json").write_text(json.dumps({"detector": {"sha256": "detector"}}))
    rule = {"margin": 0.1, "shift_y": 0.0}
    framing.write_text(json.dumps({"weights_sha256": "ours", "detector_sha256": "detector", "rule": rule}))
    assert measured_rule(framing, "ours", tmp_path) == rule
    with pytest.raises(RunError, match="measured with other weights"):
        measured_rule(framing, "others", tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"detector": {"sha256": "another"}}))
    with pytest.raises(RunError, match="measured with other weights"):
        measured_rule(framing, "ours", tmp_path)
