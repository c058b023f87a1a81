"""The PyTorch runtime on a small network, on the CPU."""

import numpy as np
import pytest
import torch

from app.errors import OutOfMemory, WeightsError
from app.runtimes.torch.graphs import FindGraph
from app.runtimes.torch.my_model import MyModel
from app.runtimes.torch.runtime import TorchRuntime, best_anchors
from app.runtimes.torch.state import fill, parse_state
from app.runtimes.torch.yolov8 import build_yolov8n
from tests.runtimes.networks import crops

CPU = torch.device("cpu")


def test_answers_are_float32_in_either_precision(files):
    [exact], [coarse] = (TorchRuntime(CPU, bf16).open(files)(crops(3)) for bf16 in (False, True))
    assert exact.dtype == coarse.dtype == np.float32
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(exact, coarse, atol=0.1)


def test_only_the_best_anchors_of_a_canvas_come_down():
    torch.manual_seed(0)
    network = TorchRuntime(CPU, bf16=False).run_module(FindGraph(build_yolov8n(1)), "find")
    logits, distances, anchors = network(np.zeros((2, 640, 640, 3), np.uint8))
    assert (logits.shape, distances.shape, anchors.shape) == ((2, 1, 1000), (2, 64, 1000), (2, 1000))


def test_the_best_anchors_are_those_with_the_highest_logits():
    logits = torch.randn(2, 3, 1500)
    distances = torch.arange(1500.0).expand(2, 64, 1500)
    best, distances_there, anchors = best_anchors(logits, distances)
    for picture in range(2):
        wanted = logits[picture].amax(dim=0).topk(1000).indices
        assert set(anchors[picture].tolist()) == set(wanted.tolist())
        assert torch.equal(best[picture], logits[picture][:, anchors[picture]])
        assert torch.equal(distances_there[picture, 7].long(), anchors[picture])


def test_a_full_device_is_out_of_memory():
    class Full(torch.nn.Module):
        def forward(self, x):
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    with pytest.raises(OutOfMemory):
        TorchRuntime(CPU, bf16=False).run_module(Full(), "classify")(crops(1))


def test_a_state_that_is_not_the_exported_one_is_refused(files):
    path = files.folder / "tiny.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(WeightsError, match="sha256"):
        TorchRuntime(CPU, bf16=False).open(files)


def test_an_unknown_architecture_is_refused(files):
    card = files.card.model_copy(update={"architecture": "theirs"})
    with pytest.raises(WeightsError, match="theirs"):
        TorchRuntime(CPU, bf16=False).open(type(files)(files.name, card, files.folder))


def test_not_safetensors():
    with pytest.raises(WeightsError, match="not a safetensors file"):
        parse_state(b"rubbish", "it")


def test_state_must_fit_the_network():
    state = MyModel().state_dict()
    fill(MyModel(), state, "whole")
    fill(MyModel(), {k: v for k, v in state.items() if "num_batches" not in k}, "without counters")
    with pytest.raises(WeightsError, match="1 tensor missing"):
        fill(MyModel(), {k: v for k, v in state.items() if k != "classifier.bias"}, "partial")
    with pytest.raises(WeightsError, match="another shape"):
        fill(MyModel(num_classes=7), state, "other")
