import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ultralytics.cfg import get_cfg

from training.commands.detector import RecipeName
from training.detector.augment import (
    Degrade,
    FaceDataset,
    FacePerspective,
    Picture,
    add_noise,
    blur,
    darken,
    gray,
    lose_detail,
)
from training.detector.recipe import RECIPES, WINDOWS, read_recipe, write_recipe
from training.errors import RunError


def affine(angle_deg: float, zoom: float = 1.0, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    cos, sin = zoom * np.cos(np.radians(angle_deg)), zoom * np.sin(np.radians(angle_deg))
    return np.array([[cos, sin, shift[0]], [-sin, cos, shift[1]], [0, 0, 1]], np.float32)


def test_a_turned_round_face_keeps_its_box() -> None:
    boxes = np.array([[10, 20, 50, 60]], np.float32)
    turned = FacePerspective().apply_bboxes(boxes, affine(30))
    np.testing.assert_allclose(turned[0, 2:] - turned[0, :2], [40, 40], rtol=1e-5)
    moved = FacePerspective().apply_bboxes(boxes, affine(0, zoom=2, shift=(5, -7)))
    np.testing.assert_allclose(moved, [[25, 33, 105, 113]], rtol=1e-5)
    assert FacePerspective().apply_bboxes(np.zeros((0, 4), np.float32), affine(30)).shape == (0, 4)


def test_a_turned_long_face_lies_in_its_box() -> None:
    angles = np.linspace(0, 2 * np.pi, 10_000)
    outline = np.stack([40 + 10 * np.cos(angles), 30 + 20 * np.sin(angles)])
    map_ = affine(25, zoom=1.3, shift=(3, 4))
    turned = map_[:2, :2] @ outline + map_[:2, 2:]
    box = FacePerspective().apply_bboxes(np.array([[30, 10, 50, 50]], np.float32), map_)[0]
    np.testing.assert_allclose(box, [*turned.min(1), *turned.max(1)], atol=1e-3)


def test_faces_cut_off_by_the_edge_do_not_count() -> None:
    before = np.array([[0, 0, 40, 40], [0, 0, 40, 40]], np.float32).T
    after = np.array([[0, 0, 8, 40], [0, 0, 12, 40]], np.float32).T
    assert FacePerspective().box_candidates(box1=before, box2=after, area_thr=0.1).tolist() == [False, True]


@pytest.mark.parametrize("change", [gray, blur, darken, add_noise, lose_detail])
def test_each_degradation_changes_a_picture(change: Callable[[Picture], Picture]) -> None:
    random.seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    changed = change(picture.copy())
    assert (changed.shape, changed.dtype) == (picture.shape, np.uint8)
    assert (changed != picture).any()


def test_shares_of_none_and_of_all() -> None:
    random.seed(0)
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert (Degrade(0.0).apply_image({"img": picture.copy()})["img"] == picture).all()
    degraded = Degrade(1.0).apply_image({"img": picture.copy()})["img"].astype(float)
    assert degraded.mean() < picture.mean()
    assert degraded.std() < picture.std()


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_entries_are_windows_with_their_faces(faces: Path, mosaic: float) -> None:
    random.seed(0)
    recipe = replace(WINDOWS, imgsz=64, window_px=32, mosaic=mosaic, degrade=0.0)
    unchanged = get_cfg(overrides={"hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0})
    folder, description = str(faces / "images" / "train"), {"names": {0: "face"}, "channels": 3}
    dataset = FaceDataset(recipe, folder, description, unchanged, cache=False)
    entries = [dataset[index] for index in range(4) for _ in range(5)]
    assert {entry["img"].shape for entry in entries} == {(3, 32, 32)}
    inside = [
        entry["img"][:, int(y * 32), int(x * 32)] for entry in entries for x, y in entry["bboxes"][:, :2].tolist()
    ]
    assert len(inside) >= 5
    assert min(int(pixel.min()) for pixel in inside) > 150  # the faces are light squares on dark ground
    shares = [dataset.transforms.transforms[0].p]
    dataset.close_mosaic(unchanged)  # as ultralytics does for the last `close_mosaic` epochs
    assert [*shares, dataset.transforms.transforms[0].p] == [mosaic, 0.0]


def test_the_command_line_offers_every_recipe() -> None:
    assert set(RecipeName) == set(RECIPES)


def test_a_recipe_is_kept_with_its_run(tmp_path: Path) -> None:
    for recipe in RECIPES.values():
        write_recipe(recipe, {"start_sha256": "a" * 64, "data_sha256": "b" * 64}, tmp_path)
        assert read_recipe(tmp_path) == (recipe, "a" * 64)
    (tmp_path / "recipe.json").write_text('{"epochs": 5}')
    with pytest.raises(RunError, match="train in a new folder"):
        read_recipe(tmp_path)
    with pytest.raises(RunError, match="train in a new folder"):
        read_recipe(tmp_path / "none")
