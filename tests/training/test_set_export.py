import json
from pathlib import Path

import pytest
import torch

from app.manifest import ClassifierCard, CropRule, load_manifest
from app.runtimes.torch.my_model import MyModel
from app.weights import sha256_of
from tests.training.commands import assert_one_error_line, run, succeed
from tests.training.test_sets import noise, save
from training.deployed import from_payload, read_payload, to_payload
from training.manifest_entry import read_entry
from training.sets.export import about_run
from training.sets.plan import read_plan

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gender(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny UTKFace, its description, and a run of one step, measured."""
    folder = tmp_path_factory.mktemp("gender")
    for part in ("train", "val"):
        for number in range(8):
            save(folder / "utkface" / part / f"{20 + number}_{number % 2}_0_{number}.png", noise(number))
    described = {
        "attribute": "gender", "labels": ["female", "male"], "network": "mine", "card": "card.md",
        "sets": [{"name": "utk", "form": "utkface", "path": "utkface", "share": 1, "terms": "UTKFace: for research"}],
    }  # fmt: skip
    (folder / "sets.json").write_text(json.dumps(described))
    (folder / "card.md").write_text("# Mine\n\n## Limits\n\n- Made of noise.\n")
    torch.manual_seed(0)
    (folder / "start.safetensors").write_bytes(to_payload(MyModel().state_dict()))
    data = ("--data", folder, "--sets", folder / "sets.json", "--threads", 1)
    start = ("--recipe", "gender", "--pretrained", folder / "start.safetensors", "--steps", 1)
    succeed("sets", "train", *data, "--run", folder / "run", *start)
    succeed("sets", "evaluate", *data, "--weights", folder / "run" / "my_model.safetensors", "--out", folder / "run")
    return folder


def test_a_run_becomes_a_served_network_with_its_card(gender: Path, tmp_path: Path) -> None:
    data = ("--data", gender, "--sets", gender / "sets.json")
    rule = ("--margin", 0.1, "--shift-y", 0)
    succeed("sets", "export", *data, "--run", gender / "run", "--weights-dir", tmp_path, *rule)
    name, card = read_entry(tmp_path, ClassifierCard, "gender")
    assert (name, card.labels, card.crop) == ("mine", ("female", "male"), CropRule(margin=0.1, shift_y=0))
    assert card.data == ("UTKFace: for research",)
    assert card.training["step"] == 1
    assert card.training["shares"] == {"utk": 1}
    assert set(card.metrics) == {"utk"}
    assert card.parameters == sum(value.numel() for value in MyModel(2).parameters())
    text = (tmp_path / "mine.md").read_text()
    assert text.startswith("# Mine\n\n## Limits\n\n- Made of noise.\n\n## What it is")
    assert "### By label, utk" in text
    assert card.artifacts.openvino is not None
    assert {"mine", "yolov8n-face", "my_model"} == set(load_manifest(tmp_path).networks)


def test_figures_of_other_weights_are_not_exported(
    gender: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "run"
    other.mkdir()
    (other / "my_model.safetensors").write_bytes(to_payload(MyModel(2).state_dict()))
    (other / "evaluation-by-set.json").write_bytes((gender / "run" / "evaluation-by-set.json").read_bytes())
    data = ("--data", gender, "--sets", gender / "sets.json", "--weights-dir", tmp_path)
    assert run("sets", "export", *data, "--run", other) == 1
    assert_one_error_line(capsys, "does not hold the figures of")


def test_a_blend_is_the_mean_with_norms_of_its_own_and_says_what_it_is_made_of(gender: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    torch.manual_seed(1)
    other.write_bytes(to_payload(MyModel(2).state_dict()))
    made = gender / "run" / "my_model.safetensors"
    data = ("--data", gender, "--sets", gender / "sets.json", "--threads", 1)
    both = ("--weights", made, "--share", 3, "--weights", other, "--share", 1)
    succeed("sets", "blend", *data, *both, "--run", tmp_path / "blend")
    first, second, mixed = (
        from_payload(read_payload(path)) for path in (made, other, tmp_path / "blend" / "my_model.safetensors")
    )
    norms = {name for name in mixed if ".running_" in name}
    for name in mixed.keys() - norms:
        torch.testing.assert_close(mixed[name], first[name] * 0.75 + second[name] * 0.25, atol=1e-3, rtol=1e-2)
    assert not torch.equal(mixed[min(norms)], first[min(norms)] * 0.75 + second[min(norms)] * 0.25)
    told = about_run(tmp_path / "blend")["blend"]
    assert [each["share"] for each in told] == [0.75, 0.25]
    assert told[1]["sha256"] == sha256_of(other.read_bytes())


def test_a_blend_needs_a_share_for_each(gender: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = gender / "run" / "my_model.safetensors"
    data = ("--data", gender, "--sets", gender / "sets.json", "--run", tmp_path)
    assert run("sets", "blend", *data, "--weights", made, "--share", 1) == 1
    assert_one_error_line(capsys, "at least two")


def test_both_descriptions_name_a_network_and_the_terms_of_every_set() -> None:
    for attribute, network in (("emotion", "my_model"), ("gender", "my_model-gender")):
        plan = read_plan(Path("training") / attribute / "sets.json")
        assert (plan.attribute, plan.network) == (attribute, network)
        assert plan.text.startswith("# My_model")
        assert all(each.terms for each in plan.sets)
