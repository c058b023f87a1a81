"""What a run on several sets starts from."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from app.weights import sha256_of
from training.deployed import fill_from_payload, from_payload, read_payload
from training.emotion.network import MY_MODEL, make_network
from training.sets.loading import FaceSet
from training.sets.mixture import Mixture
from training.sets.pictures import Gray
from training.sets.recipe import WideRecipe
from training.sets.soft_labels import SoftLabels
from training.sets.teacher import FaceMobileNet, first_pictures, is_trained_teacher, pretrained_teacher


def start_network(recipe: WideRecipe, pretrained: Path, sets: Sequence[FaceSet], num_classes: int) -> nn.Module:
    """Return the recipe's network with its start weights.

    Args:
        recipe: Which network.
        pretrained: My_model's weights; for a teacher the layers of `mobilenet-faces.safetensors`, or what an earlier
            run of a teacher exported.
        sets: Train parts, from which a teacher's norms are measured.
        num_classes: Number of labels; a head for another number is left out, and starts at random.

    Raises:
        RunError: If the file holds another network.
    """
    if recipe.network == MY_MODEL:
        return make_network(MY_MODEL, recipe.dropout, pretrained, num_classes)
    payload = read_payload(pretrained)
    if is_trained_teacher(from_payload(payload)):
        network = FaceMobileNet(num_classes, recipe.dropout)
        fill_from_payload(network, payload, str(pretrained))
        return network
    return pretrained_teacher(pretrained, first_pictures(sets, recipe.size_px), num_classes, recipe.dropout)


def make_mixture(recipe: WideRecipe, sets: Sequence[FaceSet], soft: SoftLabels | None, textures: Gray) -> Mixture:
    """Return the recipe's batches from train parts, with a teacher's soft labels if there are any.

    Raises:
        RunError: If a picture has no soft label.
    """
    probabilities = None if soft is None else [soft.of(each) for each in sets]
    return Mixture(sets, recipe.batch_size, probabilities, recipe.label_weight, textures)


def describe_start(pretrained: Path, soft: SoftLabels | None, sets: Sequence[FaceSet]) -> dict[str, Any]:
    """Return what must be equal for a resumed run to reach the same numbers, beside recipe and seed."""
    return {
        "pretrained": sha256_of(read_payload(pretrained)),
        "soft_labels": None if soft is None else soft.sha256,
        "sets": [{name: value for name, value in asdict(each.plan).items() if name != "terms"} for each in sets],
        "data": [each.digest for each in sets],
    }
