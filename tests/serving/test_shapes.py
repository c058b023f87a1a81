"""Shapes that the networks are set up for."""

from app.serving.shapes import SHAPES_KEPT, RecentShapes


def test_pictures_of_one_shape_are_new_once_at_any_size():
    shapes = RecentShapes(640)
    assert shapes.is_new(480, 640)
    assert not shapes.is_new(3000, 4000)
    assert shapes.is_new(640, 480)


def test_a_shape_is_new_again_after_several_others():
    shapes = RecentShapes(640)
    sides = range(32, 32 * (SHAPES_KEPT + 1), 32)
    assert all(shapes.is_new(side, 640) for side in sides)
    assert not any(shapes.is_new(side, 640) for side in sides)
    assert shapes.is_new(640, 640)
    assert not shapes.is_new(sides[-1], 640)
    assert shapes.is_new(sides[0], 640)
