"""Train YOLOv8n with one class, `face`, through ultralytics' own trainer.

What is ours: weights come and go as safetensors, bfloat16 and channels-last on a CPU, windows of the pictures, and the
folder of a run.
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

from app.errors import DeviceUnavailable
from app.vision.device import has_native_bf16
from app.vision.weights import sha256_of
from training.deployed import from_payload, read_payload
from training.detector.augment import FaceDataset
from training.detector.data import check_data, skip_font_download, write_data_yaml
from training.detector.recipe import DetectorRecipe, read_recipe, write_recipe
from training.detector.threads import kept_threads
from training.errors import RunError

ARCHITECTURE = "yolov8n.yaml"
LAST_CHECKPOINT = Path("weights", "last.pt")
BEST_CHECKPOINT = Path("weights", "best.pt")
RESULTS = "results.csv"

console = Console()


class FaceModel(DetectionModel):
    """YOLOv8 that computes in bfloat16 and channels-last where a CPU computes bfloat16 itself (about 3x as fast).

    So it trains and validates its epochs; the figures of a finished run are measured in float32.
    """

    def _predict_once(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not (x.device.type == "cpu" and has_native_bf16(x.device)):
            return super()._predict_once(x, *args, **kwargs)
        head = self.model[-1]
        head.training = True  # The flag of the head alone: it then gives back what it would make boxes of.
        try:
            with torch.autocast("cpu", torch.bfloat16):
                raw = _to_float(super()._predict_once(x.contiguous(memory_format=torch.channels_last), *args, **kwargs))
        finally:
            head.training = self.training
        return raw if self.training else (head._inference(raw), raw)  # bfloat16 would round the boxes by pixels


class FaceTrainer(DetectionTrainer):
    """ultralytics' detection trainer that starts from safetensors and trains on windows.

    Args:
        recipe: How the train split is augmented; learning rates and sizes come in `overrides`.
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
        """Build YOLOv8n with one class and fill in what fits of a checkpoint or of `start_weights`."""
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
    """Fill in the tensors whose name and shape fit, and leave the others (the head of another number of classes).

    Args:
        model: Changed in place.
        path: A safetensors state.

    Returns:
        How many tensors were loaded.

    Raises:
        RunError: If the file is missing, is no safetensors file, or nothing of it fits.
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
        recipe: What to do.
        start_weights: Safetensors state of a YOLOv8n to start from (any number of classes); None starts from scratch.
        device: `auto` (CUDA where there is one), `cpu`, or the index of a CUDA device.

    Returns:
        The checkpoint with the best fitness on the val split.

    Raises:
        DataError: If the data set is not in YOLO format.
        DeviceUnavailable: If the device is not there.
        RunError: If the start weights cannot be used, or the run's folder lacks its recipe.
    """
    epochs_done = finished_epochs(run_dir)
    if epochs_done is None:
        console.print(f"The run in {run_dir} is already finished.", soft_wrap=True)
        return run_dir / BEST_CHECKPOINT
    check_data(data_dir)
    start_sha256: str | None = None
    if start_weights is not None and not epochs_done:
        start_sha256 = sha256_of(read_payload(start_weights))
    skip_font_download()
    run_dir.mkdir(parents=True, exist_ok=True)
    if epochs_done:
        recipe, _ = read_recipe(run_dir)
    else:
        write_recipe(recipe, start_sha256, run_dir)
    overrides = _overrides(data_dir, run_dir, recipe, pick_device(device), resume=epochs_done > 0)
    with kept_threads() as restore_threads:
        trainer = FaceTrainer(recipe, start_weights, overrides)
        init_seeds(recipe.seed + 1 + epochs_done, trainer.args.deterministic)  # not the first epoch's windows again
        trainer.add_callback("on_train_start", restore_threads)
        trainer.add_callback("on_val_start", restore_threads)
        trainer.train()
    return run_dir / BEST_CHECKPOINT


def finished_epochs(run_dir: Path) -> int | None:
    """Return how many epochs the run in the folder has behind it (0: no run yet), or None if it is finished."""
    last = run_dir / LAST_CHECKPOINT
    if not last.is_file():
        return 0
    _, checkpoint = load_checkpoint(last)
    done = int(checkpoint["epoch"]) + 1  # ultralytics writes -1 when it strips the checkpoint at the end
    return None if done == 0 or done >= int(checkpoint["train_args"]["epochs"]) else done


def pick_device(device: str) -> str:
    """Turn a device option into ultralytics' words.

    Args:
        device: `auto` (the first CUDA device where there is one, else the CPU), `cpu`, or the index of a CUDA device.
            Only one: ultralytics starts a process of its own for each of several, which would lack recipe and start.

    Raises:
        DeviceUnavailable: If the words are others, or such a device is not there.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "0" if count else "cpu"
    if device == "cpu":
        return device
    if not device.isdecimal():
        raise DeviceUnavailable(f"Unknown device {device!r}; use auto, cpu, or the index of a CUDA device such as 0.")
    if int(device) >= count:
        raise DeviceUnavailable(f"Device {device!r} was asked for, but this machine has {count} usable CUDA devices.")
    return device


def _overrides(data_dir: Path, run_dir: Path, recipe: DetectorRecipe, device: str, resume: bool) -> dict[str, Any]:
    """Return the run's settings in ultralytics' names."""
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
    }
    if not resume:
        named = ("epochs", "imgsz", "batch", "lr0", "lrf", "warmup_epochs", "seed")
        return {
            **overrides,
            **{name: getattr(recipe, name) for name in named},
            "nbs": recipe.batch,  # a step after each batch, not after about 64 pictures
            "warmup_bias_lr": 0.0,  # its default of 0.1 is meant for SGD; AdamW would throw biases by as much a step
            "close_mosaic": 0,
        }
    last, save_dir = str(run_dir / LAST_CHECKPOINT), str(run_dir.resolve())  # where the run lies now
    console.print(f"Resuming {last}; the recipe it was started with goes on.", soft_wrap=True)
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
