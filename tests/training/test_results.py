"""What was measured stays measured: evaluation.json over several measurements."""

import json
from pathlib import Path

import pytest
import torch

from app.weights import sha256_of
from tests.training.commands import assert_one_error_line, run, succeed
from tests.training.splits import make_split
from training.deployed import to_payload
from training.emotion.data import EmotionSplit
from training.emotion.evaluate import Evaluation, evaluate_splits
from training.emotion.network import make_network
from training.emotion.results import EVALUATION, earlier_results, read_evaluation, write_evaluation
from training.errors import RunError

PUBLIC, PRIVATE = {"PublicTest": make_split(10)}, {"PrivateTest": make_split(10, seed=1)}


def evaluation(splits: dict[str, EmotionSplit], robustness: float, sha256: str = "ours") -> Evaluation:
    logits = {name: torch.eye(5)[split.targets_B] for name, split in splits.items()}
    return evaluate_splits(logits, splits, sha256, None, {name: {"blur": robustness} for name in splits})


def test_what_was_not_measured_again_is_kept(tmp_path: Path) -> None:
    write_evaluation(evaluation({**PUBLIC, **PRIVATE}, 0.1), tmp_path)
    write_evaluation(evaluation(PUBLIC, 0.2), tmp_path, earlier_results(tmp_path, "ours", None, PUBLIC))
    known = read_evaluation(tmp_path, "ours")
    assert known is not None
    for part in ("splits", "data_sha256"):
        assert set(known[part]) == {"PublicTest", "PrivateTest"}
    assert known["robustness"] == {"PublicTest": {"blur": 0.2}, "PrivateTest": {"blur": 0.1}}


def test_results_of_other_weights_are_not_kept(tmp_path: Path) -> None:
    assert earlier_results(tmp_path, "ours", None, PUBLIC) == {}
    write_evaluation(evaluation({**PUBLIC, **PRIVATE}, 0.1), tmp_path)
    assert earlier_results(tmp_path, "theirs", None, PUBLIC) == {}


@pytest.mark.parametrize(("limit", "splits"), [(10, PUBLIC), (None, {"PublicTest": make_split(10, seed=2)})])
def test_other_data_does_not_replace_private_test(
    tmp_path: Path, limit: int | None, splits: dict[str, EmotionSplit]
) -> None:
    write_evaluation(evaluation(PUBLIC, 0.1), tmp_path)
    assert earlier_results(tmp_path, "ours", limit, splits) == {}
    write_evaluation(evaluation({**PUBLIC, **PRIVATE}, 0.1), tmp_path)
    with pytest.raises(RunError, match="PrivateTest of other data"):
        earlier_results(tmp_path, "ours", limit, splits)


def test_results_without_digests_count_as_those_of_the_same_data(tmp_path: Path) -> None:
    write_evaluation(evaluation({**PUBLIC, **PRIVATE}, 0.1), tmp_path)
    written = json.loads((tmp_path / EVALUATION).read_text())
    del written["data_sha256"]
    (tmp_path / EVALUATION).write_text(json.dumps(written))
    assert earlier_results(tmp_path, "ours", None, PUBLIC) == written


@pytest.mark.slow
def test_private_test_is_measured_once(
    fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = tmp_path / "w.safetensors", tmp_path / "out"
    torch.manual_seed(0)
    weights.write_bytes(to_payload(make_network("my_model").state_dict()))
    command = ("emotion", "evaluate", "--data", fer2013[1], "--weights", weights, "--out", out, "--device", "cpu")
    succeed(*command, "--final")
    first = json.loads((out / EVALUATION).read_text())
    names = {"PublicTest", "PrivateTest", "PublicTest+PrivateTest"}
    assert set(first["splits"]) == set(first["robustness"]) == names
    assert first["weights_sha256"] == sha256_of(weights.read_bytes())
    succeed(*command)
    assert json.loads((out / EVALUATION).read_text()) == first

    marked = json.loads((out / EVALUATION).read_text())
    marked["splits"]["PrivateTest"]["accuracy"] = 0.125
    (out / EVALUATION).write_text(json.dumps(marked))
    capsys.readouterr()
    succeed(*command, "--final")
    told = capsys.readouterr().out
    assert "was measured with these weights already" in told
    assert "PrivateTest: accuracy 12.50% (10 pictures)" in told
    assert json.loads((out / EVALUATION).read_text()) == marked
    succeed(*command, "--final", "--again")
    assert json.loads((out / EVALUATION).read_text()) == first
    capsys.readouterr()
    assert run(*command, "--again") == 1
    assert_one_error_line(capsys, "--again", "--final")
