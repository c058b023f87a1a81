"""Pictures with surroundings, read as the service reads them: find the face, crop it by the rule.

Shape letters: N pictures, K classes.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from app.faces.crop import crop_faces
from app.manifest import ClassifierCard, DetectorCard
from app.weights import NetworkFiles
from training.detector.served import face_detector, read_picture
from training.errors import DataError
from training.manifest_entry import read_entry
from training.sets.loading import FaceSet, Part, list_files, spread
from training.sets.pictures import Gray
from training.sets.plan import RunPlan, SetPlan

CPU = torch.device("cpu")


class FaceFinder:
    """The exported detector and crop rule.

    Args:
        weights_dir: Folder of the manifest.
        attribute: Whose classifier's crop rule.

    Raises:
        RunError: If either has not been exported.
    """

    def __init__(self, weights_dir: Path, attribute: str) -> None:
        name, card = read_entry(weights_dir, DetectorCard)
        self._detector = face_detector(NetworkFiles(name, card, weights_dir).read_state(), card, CPU)
        self._threshold = card.score_threshold
        self._rule = read_entry(weights_dir, ClassifierCard, attribute)[1].crop

    def __call__(self, file: Path) -> Gray | None:
        """Return the largest face of a picture as the classifier's input, uint8, 48 px a side; None without a face.

        Raises:
            DataError: If it cannot be read.
        """
        image = read_picture(file)
        [found] = self._detector([image], [self._threshold])
        if not found:
            return None
        largest = max(found, key=lambda each: each.area)
        return np.asarray(crop_faces(image, [largest.xyxy], self._rule)[0, 0].round(), dtype=np.uint8)


def load_found(
    each: SetPlan, plan: RunPlan, root: Path, part: Part, finder: FaceFinder, limit: int | None = None
) -> tuple[FaceSet, int]:
    """Read one part of a set of pictures with surroundings.

    Args:
        each: The set.
        plan: Whose labels.
        root: The folder of all data.
        part: See `load_set`.
        finder: Finds the face.
        limit: See `load_set`.

    Returns:
        The faces found, in the framing of the service, and the number of pictures without one.

    Raises:
        DataError: If no face is found at all, or a picture cannot be read.
    """
    folder = root / each.path / part
    files = spread(list_files(each, plan, folder), limit)
    faces = [(file, finder(file), label) for file, label in files]
    found = [(file, face, label) for file, face, label in faces if face is not None]
    if not found:
        raise DataError(f"Set {each.name}: no face is found in any of {len(files)} pictures of {folder}.")
    targets_N = torch.tensor([label for _, _, label in found])
    labels_NK = F.one_hot(targets_N, len(plan.labels)).float()
    names = tuple(str(file.relative_to(folder)) for file, _, _ in found)
    images_NHW = np.stack([face for _, face, _ in found])
    return FaceSet(replace(each, zoom=1.0), images_NHW, targets_N, labels_NK, names), len(files) - len(found)
