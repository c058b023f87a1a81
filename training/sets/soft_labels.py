"""What teachers say of every training picture, stored once: a few megabytes, found again by the pictures themselves.

Shape letters: N pictures, K classes.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from app.manifest import INPUT_SIZE_PX
from training.deployed import fill_from_payload, from_payload, read_payload
from training.emotion.network import MY_MODEL, make_network
from training.errors import RunError
from training.files import write_payload
from training.sets.fast_forward import answering
from training.sets.loading import FaceSet
from training.sets.mixing import Mixing, equal_mixing, fit_mixing
from training.sets.pictures import Gray
from training.sets.predict import predict_set
from training.sets.recipe import TEACHER
from training.sets.teacher import FaceMobileNet


@dataclass(frozen=True)
class Teacher:
    """A trained network and its say.

    Attributes:
        network: In evaluation mode.
        size_px: Side of its input.
        sha256: Of its weights file.
    """

    network: nn.Module
    size_px: int
    sha256: str


@dataclass(frozen=True)
class SoftLabels:
    """Probabilities by picture.

    Attributes:
        keys_N: First eight bytes of the SHA-256 of a picture's side and pixels, uint64, ascending.
        probabilities_NK: float16.
        about: Which teachers gave them.
    """

    keys_N: npt.NDArray[np.uint64]
    probabilities_NK: npt.NDArray[np.float16]
    about: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hex digest of keys and probabilities."""
        return sha256(self.keys_N.tobytes() + self.probabilities_NK.tobytes()).hexdigest()

    def of(self, each: FaceSet) -> Tensor:
        """Return the probabilities of a set's pictures, float32, shape (N, K); rows sum to 1.

        Raises:
            RunError: If a picture is not known.
        """
        keys_N = picture_keys(each.images_NHW)
        at_N = np.searchsorted(self.keys_N, keys_N).clip(max=max(0, len(self.keys_N) - 1))
        unknown = int((self.keys_N[at_N] != keys_N).sum()) if len(self.keys_N) else len(keys_N)
        if unknown:
            raise RunError(f"{unknown} pictures of {each.plan.name} have no soft labels: make them again.")
        found_NK = torch.from_numpy(self.probabilities_NK[at_N].astype(np.float32))
        return found_NK / found_NK.sum(1, keepdim=True)


def picture_keys(images_NHW: Gray) -> npt.NDArray[np.uint64]:
    """Return each picture's key; the same pixels have the same key in every set."""
    side = images_NHW.shape[1].to_bytes(4, "little")
    digests = (sha256(side + picture.tobytes()).digest()[:8] for picture in images_NHW)
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)


def read_teacher(path: Path, bf16: bool = False) -> Teacher:
    """Read a teacher that `sets train` wrote, or a My_model.

    Args:
        path: Its weights.
        bf16: Compute in bfloat16.

    Raises:
        RunError: If the file holds neither.
    """
    payload = read_payload(path)
    state = from_payload(payload)
    is_my_model = any(name.startswith("stages.") for name in state)
    classes = max(1, len(state.get("classifier.bias", ())))
    network = make_network(MY_MODEL, num_classes=classes) if is_my_model else FaceMobileNet(classes)
    fill_from_payload(network, payload, str(path))
    size_px = INPUT_SIZE_PX if is_my_model else TEACHER.size_px
    network = answering(network.to(memory_format=torch.channels_last).eval(), size_px, bf16)
    return Teacher(network, size_px, sha256(payload).hexdigest())


def ask(teacher: Teacher, each: FaceSet) -> Tensor:
    """Return a teacher's logits for each picture and for its mirror view, shape (2, N, K)."""
    views = [predict_set(teacher.network, each, teacher.size_px, mirror=mirror) for mirror in (False, True)]
    return torch.stack(views)


def fit_mixings(teachers: Sequence[Teacher], val: Sequence[FaceSet]) -> dict[str | None, Mixing]:
    """Find how far to believe each teacher about each set, by its val part.

    Returns:
        By name of the set; under None, for sets without labels, what is best for all val parts together.
    """
    asked = {each.plan.name: ([ask(teacher, each)[0] for teacher in teachers], each.targets_N) for each in val}
    found: dict[str | None, Mixing] = {name: fit_mixing([one], len(teachers)) for name, one in asked.items()}
    found[None] = fit_mixing(list(asked.values()), len(teachers)) if asked else equal_mixing(len(teachers))
    return found


def make_soft_labels(
    teachers: Sequence[Teacher], sets: Sequence[FaceSet], mixings: Mapping[str | None, Mixing], labels: Sequence[str]
) -> SoftLabels:
    """Ask the teachers about all pictures of all sets: the mean over picture and mirror view.

    Args:
        teachers: Whom to ask.
        sets: Train parts.
        mixings: See `fit_mixings`.
        labels: Of the run.
    """
    used = {each.plan.name: mixings.get(each.plan.name, mixings[None]) for each in sets}
    answers = [used[each.plan.name].mix([ask(teacher, each) for teacher in teachers]).mean(0) for each in sets]
    keys_N = np.concatenate([picture_keys(each.images_NHW) for each in sets])
    keys_N, first_N = np.unique(keys_N, return_index=True)
    about = {
        "teachers": [each.sha256 for each in teachers],
        "mixings": {name: asdict(mixing) for name, mixing in used.items()},
        "sets": {each.plan.name: len(each) for each in sets},
        "labels": list(labels),
    }
    return SoftLabels(keys_N, torch.cat(answers).numpy().astype(np.float16)[first_N], about)


def write_soft_labels(soft: SoftLabels, path: Path) -> None:
    """Write one compressed file."""
    buffer = io.BytesIO()
    about = np.frombuffer(json.dumps(soft.about).encode(), dtype=np.uint8)
    np.savez_compressed(buffer, keys=soft.keys_N, probabilities=soft.probabilities_NK, about=about)
    write_payload(buffer.getvalue(), path)


def read_soft_labels(path: Path, labels: Sequence[str]) -> SoftLabels:
    """Read what `write_soft_labels` wrote; nothing in it is executed.

    Args:
        path: The file.
        labels: That it must be for.

    Raises:
        RunError: If it is anything else, or for other labels.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about: dict[str, Any] = json.loads(file["about"].tobytes())
            soft = SoftLabels(file["keys"], file["probabilities"], about)
    except Exception as error:  # zip, NumPy and JSON each raise their own errors
        raise RunError(f"{path} does not hold soft labels ({error}).") from error
    if about.get("labels") != list(labels) or soft.probabilities_NK.shape != (len(soft.keys_N), len(labels)):
        raise RunError(f"{path} holds soft labels for other classes.")
    return soft
