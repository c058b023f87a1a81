"""Train YOLOv8n with one class, `face`, through ultralytics' own trainer.

Added here: weights in and out as safetensors, bfloat16 and channels-last on a CPU, windows of the pictures, and the
run's folder.
"""

from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn
from ultralytics.data.dataset import YOLODataset
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel, load_checkpoint
from ultralytics.utils.torch_utils import init_seeds

from app.runtimes.processor import usable_cores
from app.runtimes.torch.device import has_native_bf16
from app.weights import sha256_of
from training.deployed import from_payload, read_payload
from training.detector.augment import FaceDataset
from training.detector.data import check_data, data_sha256, skip_font_download, write_data_yaml
from training.detector.device import pick_device
from training.detector.recipe import DetectorRecipe, check_resumed, write_recipe
from training.detector.threads import kept_threads
from training.errors import RunError

ARCHITECTURE = "yolov8n.yaml"
LAST_CHECKPOINT = Path("weights", "last.pt")
BEST_CHECKPOINT = Path("weights", "best.pt")
RESULTS = "results.csv"

console = Console()


class FaceModel(DetectionModel):
    """YOLOv8 that computes in bfloat16 and channels-last on a CPU with native bfloat16 (about 3x as fast).

    Training and per-epoch validation use it; the figures of a finished run are measured in float32.
    """

    def _predict_once(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not (x.device.type == "cpu" and has_native_bf16(x.device)):
            return super()._predict_once(x, *args, **kwargs)
        head = self.model[-1]
        head.training = True  # The head's flag only: it then returns the raw values that it would turn into boxes.
        try:
            with torch.autocast("cpu", torch.bfloat16):
                raw = _to_float(super()._predict_once(x.contiguous(memory_format=torch.channels_last), *args, **kwargs))
        finally:
            head.training = self.training
        return raw if self.training else (head._inference(raw), raw)  # bfloat16 would be off by pixels


class FaceTrainer(DetectionTrainer):
    """ultralytics' detection trainer that starts from safetensors and trains on windows.

    Args:
        recipe: How the train split is augmented; learning rates and sizes are in `overrides`.
        start_weights: Safetensors state to start from.
        overrides: ultralytics' settings.
    """

    def __init__(self, recipe: DetectorRecipe, start_weights: Path | None, overrides: dict[str, Any]) -> None:
        self.recipe, self.start_weights = recipe, start_weights
        super().__init__(overrides=overrides)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> YOLODataset:
        """Return the train split as windows, or the val split as ultralytics reads it."""
        if mode != "train":
            return super().build_dataset(img_path, mode, batch)
        return FaceDataset(self.recipe, img_path, self.data, self.args, self.args.cache)

    def get_model(self, cfg: Any = None, weights: nn.Module | None = None, verbose: bool = True) -> nn.Module:  # noqa: ARG002
        """Build YOLOv8n with one class and load what fits from a checkpoint or from `start_weights`."""
        model = FaceModel(cfg, nc=self.data["nc"], ch=self.data["channels"], verbose=False)
        if weights is not None:
            model.load(weights)
        elif self.start_weights is not None:
            loaded = load_fitting(model, self.start_weights)
            console.print(
                f"{self.start_weights.name}: {loaded} of {len(model.state_dict())} tensors fit and were loaded.",
                soft_wrap=True,
            )
        return model


def load_fitting(model: nn.Module, path: Path) -> int:
    """Load the tensors whose name and shape fit, and skip the others (the head for another number of classes).

    Args:
        model: Changed in place.
        path: A safetensors state.

    Returns:
        How many tensors were loaded.

    Raises:
        RunError: If the file is missing, is not a safetensors file, or nothing in it fits.
    """
    state, own = from_payload(read_payload(path)), model.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise RunError(f"Nothing in {path} fits {ARCHITECTURE}.")
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def train_detector(
    data_dir: Path, run_dir: Path, recipe: DetectorRecipe, start_weights: Path | None = None, device: str = "auto"
) -> Path:
    """Train, or resume the run found in `run_dir`; a finished run is left as it is.

    A run's folder is trusted: its checkpoints are ultralytics' pickles.

    Args:
        data_dir: Data set in YOLO format: images/{train,val}, labels/{train,val}.
        run_dir: Folder of this run: checkpoints, results.csv.
        recipe: How to train.
        start_weights: Safetensors state of a YOLOv8n to start from (any number of classes); None starts from scratch.
        device: `auto` (CUDA if available), `cpu`, or the index of a CUDA device.

    Returns:
        The checkpoint with the best fitness on the val split.

    Raises:
        DataError: If the data set is not in YOLO format.
        DeviceUnavailable: If there is no such device.
        RunError: If the start weights cannot be used, or the run in the folder was made with another recipe, other
            start weights or data, or does not record them.
    """
    check_data(data_dir)
    start_sha256 = None if start_weights is None else sha256_of(read_payload(start_weights))

    def identity() -> dict[str, str | None]:
        return {"start_sha256": start_sha256, "data_sha256": data_sha256(data_dir)}

    epochs_done = finished_epochs(run_dir)
    if epochs_done != 0:
        check_resumed(recipe, identity(), run_dir)
    if epochs_done is None:
        console.print(f"The run in {run_dir} is already finished.", soft_wrap=True)
        return run_dir / BEST_CHECKPOINT
    skip_font_download()
    run_dir.mkdir(parents=True, exist_ok=True)
    overrides = _overrides(data_dir, run_dir, recipe, pick_device(device), resume=epochs_done > 0)
    with kept_threads() as restore_threads:
        trainer = FaceTrainer(recipe, start_weights, overrides)
        init_seeds(recipe.seed + 1 + epochs_done, trainer.args.deterministic)  # not the first epoch's windows again
        trainer.add_callback("on_train_start", restore_threads)
        if not epochs_done:  # only now: ultralytics repairs damaged JPEGs when it first reads the data
            trainer.add_callback("on_train_start", lambda _: write_recipe(recipe, identity(), run_dir))
        trainer.add_callback("on_val_start", restore_threads)
        trainer.train()
    return run_dir / BEST_CHECKPOINT


def finished_epochs(run_dir: Path) -> int | None:
    """Return how many epochs the run in the folder has completed (0: no run yet), or None if it is finished."""
    last = run_dir / LAST_CHECKPOINT
    if not last.is_file():
        return 0
    _, checkpoint = load_checkpoint(last)
    done = int(checkpoint["epoch"]) + 1  # ultralytics writes -1 when it strips the checkpoint at the end
    return None if done == 0 or done >= int(checkpoint["train_args"]["epochs"]) else done


def _overrides(data_dir: Path, run_dir: Path, recipe: DetectorRecipe, device: str, resume: bool) -> dict[str, Any]:
    """Return the run's settings under ultralytics' names."""
    overrides: dict[str, Any] = {
        "model": ARCHITECTURE,
        "data": str(write_data_yaml(data_dir, run_dir)),
        "project": str(run_dir.parent.resolve()),
        "name": run_dir.name,
        "exist_ok": True,
        "device": device,
        "optimizer": "AdamW",
        "cos_lr": True,
        "cache": "ram",
        "plots": False,
        "amp": False if device == "cpu" else "bf16",
        "deterministic": device == "cpu",  # the GPU's deterministic kernels are slow
        "workers": usable_cores(),  # on a CPU, ultralytics takes none
    }
    if not resume:
        named = ("epochs", "imgsz", "batch", "lr0", "lrf", "warmup_epochs", "close_mosaic", "seed")
        return {
            **overrides,
            **{name: getattr(recipe, name) for name in named},
            "nbs": recipe.batch,  # a step after each batch, not after about 64 pictures
            "warmup_bias_lr": 0.0,  # its default of 0.1 is meant for SGD; AdamW would move biases that much per step
        }
    last, save_dir = str(run_dir / LAST_CHECKPOINT), str(run_dir.resolve())  # the run's current folder
    console.print(f"Resuming {last}.", soft_wrap=True)
    return {**overrides, "model": last, "resume": last, "save_dir": save_dir}


def _to_float(value: Any) -> Any:
    """Turn every tensor in nested dicts, lists and tuples into float32."""
    if isinstance(value, Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _to_float(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to_float(each) for each in value)
    return value
