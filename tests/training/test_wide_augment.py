import cv2
import numpy as np

from training.sets.augment import WideAugmentation, black_mask, fill_black, frame

NO_TEXTURES = np.zeros((0, 64, 64), np.uint8)


def masked_face() -> np.ndarray:
    """A gray disc on black, with a black mouth that touches no corner."""
    picture = np.zeros((64, 64), np.uint8)
    cv2.circle(picture, (32, 32), 24, 150, -1)
    picture[44:47, 26:38] = 0
    return picture


def dot(x: int, y: int) -> np.ndarray:
    picture = np.zeros((48, 48), np.uint8)
    picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    return picture


def where(picture: np.ndarray) -> tuple[int, int]:
    """Column and row of the brightest place."""
    row, column = np.unravel_index(cv2.blur(picture, (3, 3)).argmax(), picture.shape)
    return int(column), int(row)


def test_the_whole_picture_at_its_size_is_untouched() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    assert frame(picture, 1.0, 48) is picture


def test_framing_moves_points_where_they_belong() -> None:
    picture = dot(34, 14)  # 10.5 to the right of the centre and 9.5 above it
    assert where(frame(picture, 1.0, 48, mirror=True)) == (13, 14)
    assert where(frame(picture, 2.0, 48)) == (44, 4)  # 23.5 + 21, 23.5 - 19, rounded down by the blur's tie
    x, y = where(frame(picture, 1.0, 48, roll_deg=90))
    assert abs(x - 33) <= 1
    assert abs(y - 34) <= 1
    assert where(frame(picture, 1.0, 48, shift=(0.125, 0.25))) == (40, 26)
    x, y = where(frame(picture, 1.0, 96))
    assert abs(x - 68.5) <= 1
    assert abs(y - 28.5) <= 1


def test_beyond_the_edge_the_border_repeats() -> None:
    picture = np.full((48, 48), 80, np.uint8)
    assert (frame(picture, 0.5, 48, roll_deg=30) == 80).all()


def test_views_are_reproducible_and_differ() -> None:
    picture, augment = masked_face(), WideAugmentation()
    views = [augment(picture, 1.0, 48, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])
    assert views[0].shape == (48, 48)
    assert views[0].dtype == np.uint8


def test_each_part_of_the_augmentation_does_something() -> None:
    still = {
        "roll_deg": 0, "lean_share": 0, "zoom": (1, 1), "shift": 0, "gain": 1, "small_share": 0, "blur_share": 0,
        "jpeg_share": 0, "noise_share": 0, "erase_share": 0,
    }  # fmt: skip
    picture = np.random.default_rng(0).integers(60, 200, (48, 48), dtype=np.uint8)
    unchanged = WideAugmentation(**still)(picture, 1.0, 48, np.random.default_rng(0))
    assert np.array_equal(unchanged, picture) or np.array_equal(unchanged, picture[:, ::-1])
    parts = {
        "roll_deg": 22, "zoom": (1.3, 1.3), "shift": 0.2, "gain": 2.0, "small_share": 1, "blur_share": 1,
        "jpeg_share": 1, "noise_share": 1, "erase_share": 1,
    }  # fmt: skip
    for name, value in parts.items():
        view = WideAugmentation(**{**still, name: value})(picture, 1.0, 48, np.random.default_rng(0))
        assert not np.array_equal(view, unchanged), name


def test_only_black_around_the_face_is_filled() -> None:
    picture = masked_face()
    mask = black_mask(picture)
    assert mask[0, 0] == mask[63, 63] == 1
    assert mask[45, 30] == 0
    assert mask[32, 32] == 0
    filled = fill_black(picture, NO_TEXTURES, np.random.default_rng(0), kept_share=0.0)
    inside = mask == 0
    assert np.array_equal(filled[inside], picture[inside])
    assert (filled[~inside] > 0).mean() > 0.5


def test_black_is_kept_or_filled_from_other_pictures() -> None:
    picture, textures = masked_face(), np.full((1, 64, 64), 33, np.uint8)
    assert np.array_equal(fill_black(picture, textures, np.random.default_rng(0), kept_share=1.0), picture)
    corners = {int(fill_black(picture, textures, np.random.default_rng(seed))[0, 0]) for seed in range(40)}
    assert {0, 33} < corners
    assert len(corners) > 5


def test_a_picture_without_black_corners_stays() -> None:
    picture = np.full((64, 64), 90, np.uint8)
    assert np.array_equal(fill_black(picture, NO_TEXTURES, np.random.default_rng(0), 0.0), picture)
