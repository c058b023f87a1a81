"""What a network loses on every set when faces come blurred, small, badly framed, dark or leaning.

Shape letters: N pictures.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import nn

from app.manifest import INPUT_SIZE_PX
from training.emotion.robustness import DISTORTIONS, Distortion
from training.sets.augment import frame
from training.sets.loading import FaceSet
from training.sets.pictures import Gray
from training.sets.predict import balanced_accuracy, predict_set

ROLL_DEG = 30.0


def lean(picture: Gray, generator: np.random.Generator) -> Gray:
    """Roll the face by 30 degrees, either way by chance."""
    return frame(picture, 1.0, picture.shape[0], roll_deg=ROLL_DEG if generator.random() < 0.5 else -ROLL_DEG)


ALL_DISTORTIONS: dict[str, Distortion] = {**DISTORTIONS, "roll of 30 degrees": lean}


def distorted(each: FaceSet, distort: Distortion) -> FaceSet:
    """Return a set in its own framing at 48 px, every picture distorted, with the same draws for every network."""
    generator = np.random.default_rng(0)
    framed = (frame(picture, each.plan.zoom, INPUT_SIZE_PX) for picture in each.images_NHW)
    images_NHW = np.stack([distort(picture, generator) for picture in framed])
    return replace(each, images_NHW=images_NHW, plan=replace(each.plan, zoom=1.0))


def set_robustness(model: nn.Module, sets: Mapping[str, FaceSet], size_px: int) -> dict[str, dict[str, float]]:
    """Return the balanced accuracy, 0..1, of each set under each distortion, and under none.

    Args:
        model: In evaluation mode.
        sets: By name.
        size_px: Side of the network's input; distortions happen at 48 px.
    """
    kinds: dict[str, Distortion] = {"none": lambda picture, _: picture, **ALL_DISTORTIONS}
    return {
        name: {
            kind: balanced_accuracy(predict_set(model, distorted(each, distort), size_px), each.targets_N)
            for kind, distort in kinds.items()
        }
        for name, each in sets.items()
    }
