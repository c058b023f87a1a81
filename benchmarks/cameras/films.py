"""Films made of stills: what cameras do, what people do in front of them, and who is where."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from PIL import Image as Pillow

from app.pictures.types import Image
from benchmarks.cameras.drawing import (
    HEIGHT,
    WIDTH,
    Box,
    Drawn,
    Person,
    photo_pixels,
    room,
    seen_photo,
    with_people,
)
from benchmarks.pictures import jpeg

GRAIN = 3.0
"""Standard deviation of the noise in each frame, in gray levels: a webcam's in a room."""

LOOP_S = 4.0
"""After so long people who sit are where they were."""


@dataclass(frozen=True)
class Shot:
    """A frame of a film.

    Attributes:
        image: RGB, uint8, shape (720, 1280, 3).
        at_s: Its time.
        people: About where each person's face is, xyxy, also if it cannot be seen.
    """

    image: Image
    at_s: float
    people: dict[str, Box]

    @cached_property
    def payload(self) -> bytes:
        """The frame as JPEG."""
        return jpeg(Pillow.fromarray(self.image))


@dataclass(frozen=True)
class Film:
    """A scene.

    Attributes:
        seconds: Its length.
        draw: Returns the frame of a time.
    """

    seconds: float
    draw: Callable[[float], Drawn]

    def shots(self, fps: float, seconds: float | None = None, seed: int = 0) -> Iterator[Shot]:
        """Return its frames, or only those of its first seconds.

        Args:
            fps: Frames a second.
            seconds: Length; None: all.
            seed: Of the noise.
        """
        noise = np.random.default_rng(seed)
        grain = noise.normal(0, GRAIN, (HEIGHT, WIDTH)).astype(np.float32)
        for index in range(round((seconds or self.seconds) * fps)):
            image, people = self.draw(index / fps)
            shifted = np.roll(grain, noise.integers(0, WIDTH, 2), axis=(0, 1))  # new noise each time would take longer
            noisy = (image + shifted[:, :, None]).clip(0, 255).astype(np.uint8)
            yield Shot(noisy, index / fps, people)


def _pan(at_s: float) -> Drawn:
    return seen_photo(1.3, 640 + 170 * math.sin(at_s), 340)


def _zoom(at_s: float) -> Drawn:
    return seen_photo(1.0 + 0.5 * (0.5 - 0.5 * math.cos(at_s)), 720, 330)


def _shaking(at_s: float) -> Drawn:
    x, y = (9 * math.sin(41 * at_s) + 6 * math.sin(67 * at_s), 7 * math.sin(53 * at_s))
    return seen_photo(1.1, 660 + x, 350 + y, 0.6 * math.sin(29 * at_s))


def _calm(at_s: float) -> Drawn:
    return with_people(
        Person("woman", 400 + 6 * math.sin(1.1 * at_s), 340 + 4 * math.sin(0.8 * at_s), 150, 3 * math.sin(at_s)),
        Person("man", 860 + 7 * math.sin(0.9 * at_s), 330 + 5 * math.sin(1.3 * at_s), 170, 3 * math.sin(0.7 * at_s)),
    )


def _turning(at_s: float) -> Drawn:
    return with_people(
        Person("woman", 420, 340, 160, 22 * math.sin(1.5 * at_s), 0.85 + 0.15 * math.cos(2 * at_s)),
        Person("man", 860 + 60 * math.sin(2 * at_s), 330, 180, 15 * math.sin(2.2 * at_s)),
    )


def _coming_and_going(at_s: float) -> Drawn:
    walkers = [
        Person(f"{('woman', 'man')[n % 2]} {n}", x, 200 + 90 * (n % 4), 90 + 25 * (n % 3), 4 * math.sin(3 * at_s + n))
        for n, (begin_s, speed) in enumerate([(0.3, 240), (1.4, -280), (2.6, 200), (4.1, -330), (5.2, 260)])
        if -150 < (x := (0 if speed > 0 else WIDTH) + speed * (at_s - begin_s)) < WIDTH + 150 and at_s >= begin_s
    ]
    return with_people(*walkers)


def _crossing(at_s: float) -> Drawn:
    way = 240 * (at_s % 8 if at_s % 8 < 4 else 8 - at_s % 8)
    return with_people(Person("woman", 180 + way, 350, 140), Person("man", 1100 - way, 370, 160))


def _light(at_s: float) -> Drawn:
    image, people = _calm(at_s)
    share = 0.75 + 0.35 * math.sin(1.7 * at_s) + (0.4 if int(at_s * 5) % 17 == 0 else 0.0)
    return (image * share).clip(0, 255).astype(np.uint8), people


def _blurred(at_s: float) -> Drawn:
    image, people = _pan(at_s)
    across = 1 + 2 * int(5 * abs(math.cos(at_s)))
    return cv2.blur(image, (across, 3)), people


def _cuts(at_s: float) -> Drawn:
    number = int(at_s / 1.3)
    views = ((1.0, 640, 360), (1.5, 930, 260), (1.4, 480, 330))
    image, people = seen_photo(*views[number % 3])
    if number % 4 == 3:
        image, people = photo_pixels("bus.jpg"), {}
    return image, {f"{name} {number}": box for name, box in people.items()}


def seated(faces: int) -> Film:
    """Return a film of people who sit and sway a little; after 4 s it can begin again without a jump.

    Args:
        faces: 0 to 8.
    """

    def draw(at_s: float) -> Drawn:
        turn = 2 * math.pi * at_s / LOOP_S
        people = [
            Person(
                f"{('man', 'woman')[n % 2]} {n}",
                210 + 290 * (n % 4) + 6 * math.sin(turn + n),
                220 + 300 * (n // 4) + 4 * math.sin(turn + 2 * n),
                130,
                2 * math.sin(turn + 3 * n),
            )
            for n in range(faces)
        ]
        return with_people(*people)

    return Film(LOOP_S, draw)


FILMS = {
    "still": Film(4, lambda _: _calm(0.0)),
    "calm": Film(8, _calm),
    "pan": Film(8, _pan),
    "zoom": Film(8, _zoom),
    "shaking": Film(6, _shaking),
    "turning": Film(8, _turning),
    "coming and going": Film(10, _coming_and_going),
    "crossing": Film(8, _crossing),
    "light": Film(8, _light),
    "blurred": Film(8, _blurred),
    "cuts": Film(8, _cuts),
    "empty": Film(4, lambda _: (room(), {})),
}
