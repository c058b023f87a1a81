"""WIDER FACE's protocol on hand-made cases with a known answer."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from tests.training.cells import column
from training.detector.wider import LEVELS, ScoredBoxes, WiderPicture, average_precisions, read_lists
from training.errors import DataError

FACES = np.array([[10.0, 10, 40, 40], [100, 100, 50, 60], [300, 50, 20, 20]])
NOWHERE = np.array([500.0, 500, 30, 30])


def picture(name: str = "event/a", counted: tuple[bool, ...] = (True, True, True)) -> WiderPicture:
    return WiderPicture(name, FACES, {level: np.array(counted) for level in LEVELS})


def scored(*rows: tuple[np.ndarray, float]) -> ScoredBoxes:
    return ScoredBoxes(np.array([box for box, _ in rows]), np.array([score for _, score in rows]))


def easy(pictures: list[WiderPicture], **found: ScoredBoxes) -> float:
    return average_precisions(pictures, {f"event/{name}": boxes for name, boxes in found.items()})["easy"]


def test_a_perfect_detector_gets_one() -> None:
    assert easy([picture()], a=scored((FACES[0], 0.9), (FACES[1], 0.8), (FACES[2], 0.1))) == pytest.approx(1.0)


def test_no_detection_gets_zero() -> None:
    assert average_precisions([picture()], {}) == dict.fromkeys(LEVELS, 0.0)


def test_a_missed_face_costs_its_share_of_recall() -> None:
    assert easy([picture()], a=scored((FACES[0], 0.9), (FACES[1], 0.8))) == pytest.approx(2 / 3)


def test_a_false_alarm_before_the_faces_halves_the_first_precision() -> None:
    boxes = scored((NOWHERE, 0.95), (FACES[0], 0.9), (FACES[1], 0.8), (FACES[2], 0.7))
    assert easy([picture()], a=boxes) == pytest.approx(3 / 4)  # the envelope lifts 1/2 and 2/3 to 3/4


def test_a_false_alarm_after_the_faces_costs_nothing() -> None:
    boxes = scored((FACES[0], 0.9), (FACES[1], 0.8), (FACES[2], 0.7), (NOWHERE, 0.1))
    assert easy([picture()], a=boxes) == pytest.approx(1.0)


def test_finding_an_ignored_face_is_neither_right_nor_wrong() -> None:
    boxes = scored((FACES[2], 0.99), (FACES[0], 0.9), (FACES[1], 0.8))
    assert easy([picture(counted=(True, True, False))], a=boxes) == pytest.approx(1.0)


def test_the_second_box_on_a_face_is_a_false_alarm() -> None:
    boxes = scored((FACES[0], 0.9), (FACES[0] + 1, 0.85), (FACES[1], 0.8), (FACES[2], 0.5))
    assert easy([picture()], a=boxes) == pytest.approx(1 / 3 + 2 / 3 * 3 / 4)


def test_the_ranking_is_over_all_pictures() -> None:
    pictures = [picture("event/a"), WiderPicture("event/b", FACES[:0], {level: np.zeros(0, bool) for level in LEVELS})]
    sure = scored((FACES[0], 0.9), (FACES[1], 0.8), (FACES[2], 0.7))
    first = easy(pictures, a=sure, b=scored((NOWHERE, 0.99)))
    last = easy(pictures, a=sure, b=scored((NOWHERE, 0.1)))
    assert (first, last) == (pytest.approx(3 / 4), pytest.approx(1.0))


def test_an_overlap_just_below_a_half_is_a_miss() -> None:
    face = WiderPicture("event/a", np.array([[0.0, 0, 99, 99]]), {level: np.array([True]) for level in LEVELS})
    found, missed = (scored((np.array([0.0, 0, 99, side]), 0.9)) for side in (49, 48))
    assert (easy([face], a=found), easy([face], a=missed)) == (pytest.approx(1.0), 0.0)


def test_the_lists_are_read_as_matlab_wrote_them(tmp_path: Path) -> None:
    shared = {"event_list": column(["0--Parade"]), "file_list": column([column(["0_Parade_1"])])}
    savemat(tmp_path / "wider_face_val.mat", {**shared, "face_bbx_list": column([column([FACES.astype(np.int32)])])})
    for level, numbers in {"easy": [1], "medium": [1, 2], "hard": [1, 2, 3]}.items():
        listed = column([column([np.array(numbers, dtype=np.uint8)[:, None]])])
        savemat(tmp_path / f"wider_{level}_val.mat", {**shared, "gt_list": listed})
    [only] = read_lists(tmp_path)
    assert only.name == "0--Parade/0_Parade_1"
    np.testing.assert_array_equal(only.xywh, FACES)
    assert [int(only.counted[level].sum()) for level in LEVELS] == [1, 2, 3]


def test_missing_lists_are_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"wider_face_val\.mat"):
        read_lists(tmp_path)
