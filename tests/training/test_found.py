from pathlib import Path

import cv2
import numpy as np
import pytest

from app.manifest import LABELS
from app.weights import default_weights_dir
from tests.support.photos import astronaut
from tests.training.test_sets import save
from training.errors import DataError, RunError
from training.sets.found import FaceFinder, load_found
from training.sets.plan import RunPlan, SetPlan

pytestmark = pytest.mark.slow

EMOTIONS = RunPlan("emotion", LABELS, ())
MINE = SetPlan("mine", "mine", "folders", 1.0, zoom=1.2)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(default_weights_dir(), "emotion")


def test_faces_are_found_in_their_surroundings_and_cropped_as_served(finder: FaceFinder, tmp_path: Path) -> None:
    photo = cv2.cvtColor(np.array(astronaut(105)), cv2.COLOR_RGB2BGR)[:400]  # not square
    save(tmp_path / "mine" / "val" / "happy" / "she.png", photo)
    save(tmp_path / "mine" / "val" / "sad" / "nobody.png", np.full((60, 90), 128, np.uint8))
    found, missed = load_found(MINE, EMOTIONS, tmp_path, "val", finder)
    assert (len(found), missed) == (1, 1)
    assert found.names == ("happy/she.png",)
    assert found.targets_N.tolist() == [LABELS.index("happy")]
    assert found.images_NHW.shape == (1, 48, 48)
    assert found.plan.zoom == 1.0  # it is framed already
    assert 60 < found.images_NHW.mean() < 220


def test_a_part_without_any_face_is_told(finder: FaceFinder, tmp_path: Path) -> None:
    save(tmp_path / "mine" / "val" / "sad" / "nobody.png", np.full((60, 90), 128, np.uint8))
    with pytest.raises(DataError, match="no face is found in any of 1 pictures"):
        load_found(MINE, EMOTIONS, tmp_path, "val", finder)


def test_other_forms_have_no_files_of_one_face(finder: FaceFinder, tmp_path: Path) -> None:
    fer2013 = SetPlan("fer", "fer", "fer2013", 1.0)
    with pytest.raises(RunError, match="no files of one face each"):
        load_found(fer2013, EMOTIONS, tmp_path, "val", finder)
