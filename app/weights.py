"""The deployed weights: manifest.json and the safetensors files it names, verified before use."""

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from app.errors import WeightsError

MANIFEST = "manifest.json"

LABELS: tuple[str, ...] = ("angry", "happy", "sad", "surprise", "neutral")
"""The five emotions in the order of My_model's outputs. The order is a contract with the weights and the clients."""

INPUT_SIZE_PX = 48
"""Side of My_model's gray input in pixels: FER2013's picture size (Goodfellow et al., arXiv:1307.0414, section 3.1)."""


class CropRule(BaseModel):
    """How a face box becomes the square that My_model sees; see `app.faces.crop`.

    Attributes:
        margin: The square's side is (1 + margin) times the longer side of the box.
        shift_y: The square's centre lies this share of its own side below the box's centre (negative: above).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(gt=-0.9, lt=4.0)
    shift_y: float = Field(ge=-0.5, le=0.5)


class Int8Files(BaseModel):
    """The same network in 8-bit integers, in OpenVINO's format: two files beside the manifest.

    Attributes:
        graph: File name of its layers (XML).
        graph_sha256: Hex digest of the whole file.
        weights: File name of its values.
        weights_sha256: The same.
        metrics: Figures of both forms, measured by the training package.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    graph: str = Field(pattern=r"^[\w.-]+\.xml$")
    graph_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    weights: str = Field(pattern=r"^[\w.-]+\.bin$")
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    metrics: dict[str, object]


class Int8Network(NamedTuple):
    """The bytes of those two files."""

    graph: bytes
    weights: bytes


class ModelCard(BaseModel):
    """What every manifest entry states about one weights file.

    Attributes:
        file: File name beside the manifest.
        sha256: Hex digest of the whole file.
        architecture: The network the state fits.
        labels: Names of the outputs, in order.
        input_size_px: Side of the network's square input.
        parameters: Number of trained values.
        training: Recipe, seed, epoch and data of the run, as the training package wrote them.
        metrics: Figures measured by the training package.
        licence: SPDX expression of the weights.
        data: Training data sets with their terms.
        int8: The network in 8-bit integers; None if it has not been made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^[\w.-]+\.safetensors$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    architecture: str
    labels: tuple[str, ...]
    input_size_px: int
    parameters: int
    training: dict[str, object]
    metrics: dict[str, object]
    licence: str
    data: tuple[str, ...]
    int8: Int8Files | None = None


class DetectorCard(ModelCard):
    """The face detector.

    Attributes:
        score_threshold: Default lowest score of a face, 0..1.
        iou_threshold: Boxes that overlap a higher-scoring one by more are dropped (NMS), 0..1.
    """

    architecture: Literal["yolov8n"]
    input_size_px: int = Field(ge=32, le=4096, multiple_of=32)
    score_threshold: float = Field(ge=0, le=1)
    iou_threshold: float = Field(ge=0, le=1)


class EmotionCard(ModelCard):
    """The emotion classifier.

    Attributes:
        mean: Normalisation (value / 255 - mean) / std.
        std: See mean.
        crop: Maps the face box to the input.
        temperature: Logits are divided by it before the softmax (Guo et al. 2017, arXiv:1706.04599, section 4.2).
    """

    architecture: Literal["my_model"]
    mean: float
    std: float = Field(gt=0)
    crop: CropRule
    temperature: float = Field(gt=0)


class Manifest(BaseModel):
    """The whole manifest: one detector, one emotion classifier."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    detector: DetectorCard
    emotion: EmotionCard


def default_weights_dir() -> Path:
    """Return the folder of the weights that come with this installation.

    In a wheel they are inside the package; in a checkout they are in `weights/` beside it.
    """
    package = Path(__file__).resolve().parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def load_manifest(weights_dir: Path) -> Manifest:
    """Read manifest.json.

    Raises:
        WeightsError: If it is missing or malformed.
    """
    path = weights_dir / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"No weights at {weights_dir}: {MANIFEST} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{path} is not valid: {where}: {first['msg']}.") from error


def sha256_of(payload: bytes) -> str:
    """Return the hex SHA-256 digest of the bytes."""
    return hashlib.sha256(payload).hexdigest()


def load_state(weights_dir: Path, card: ModelCard) -> dict[str, Tensor]:
    """Read and verify a state, as float32.

    Raises:
        WeightsError: If the file is missing, does not match the manifest's hash, or is not a safetensors file.
    """
    path = weights_dir / card.file
    try:
        return {name: value.float() for name, value in load(_read_verified(path, card.sha256)).items()}
    except SafetensorError as error:
        raise WeightsError(f"Weights {path} are not a safetensors file ({error}).") from error


def load_int8(weights_dir: Path, card: ModelCard) -> Int8Network:
    """Read and verify a network in 8-bit integers.

    Raises:
        WeightsError: If there is none, or a file is missing or does not match the manifest's hash.
    """
    if (files := card.int8) is None:
        raise WeightsError(
            f"{card.file} has no form in int8: set the precision to auto, or make it with the training package's "
            "commands `quantize detector` and `quantize emotion`."
        )
    return Int8Network(
        _read_verified(weights_dir / files.graph, files.graph_sha256),
        _read_verified(weights_dir / files.weights, files.weights_sha256),
    )


def _read_verified(path: Path, sha256: str) -> bytes:
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Weights {path} cannot be read ({error.strerror}).") from error
    digest = sha256_of(payload)
    if digest != sha256:
        raise WeightsError(
            f"Weights {path} have sha256 {digest[:12]}..., but {MANIFEST} says {sha256[:12]}...: the file was "
            "damaged or exchanged. Restore it, or export it again with the training package."
        )
    return payload


def fill(network: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Load a state into its network.

    Batch counters (`num_batches_tracked`) may be missing: inference does not use them.

    Raises:
        WeightsError: If names or shapes differ.
    """
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{name} does not fit its architecture: a tensor has another shape.") from error
    missing = [each for each in missing if not each.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise WeightsError(
            f"{name} does not fit its architecture: {len(missing)} tensors missing, {len(unexpected)} unexpected."
        )
