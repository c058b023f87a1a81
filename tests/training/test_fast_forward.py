import torch

from app.runtimes.torch.my_model import MyModel
from training.sets.fast_forward import answering
from training.sets.teacher import FaceMobileNet


def test_both_networks_answer_as_before() -> None:
    torch.manual_seed(0)
    for network, size_px in ((MyModel(), 48), (FaceMobileNet(), 64)):
        network.eval()
        x_BCHW = torch.rand(70, 1, size_px, size_px) * 2 - 1
        fast = answering(network, size_px, bf16=False)
        assert fast is not network
        with torch.inference_mode():
            torch.testing.assert_close(fast(x_BCHW), network(x_BCHW), atol=2e-3, rtol=1e-3)
