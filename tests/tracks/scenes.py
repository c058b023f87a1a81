"""Simulated streams of faces: who is where, when frames come, and what a detector makes of them."""

import math
from dataclasses import dataclass

import numpy as np

from app.faces.types import Detection

WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True)
class Shown:
    """A face in the picture at one moment, in pixels; of two faces at one place the greater `near` hides the other."""

    x: float
    y: float
    side: float
    near: float = 0.0


def crossing(random):
    """Two faces cross the picture in four seconds; the nearer one hides the other."""
    low, high, (speed, other) = 340, 340 + random.uniform(0, 40), random.uniform(200, 260, 2)
    sides = random.uniform(140, 160), random.uniform(120, 150)
    return lambda at_s: {
        "near": Shown(150 + speed * at_s, low, sides[0], 1),
        "far": Shown(1130 - other * at_s, high, sides[1]),
    }, 4


def swaying(random):
    """Four people side by side who sway by 0.6 of a face and reach into each other's place."""
    phases, periods = random.uniform(0, 2 * math.pi, 4), random.uniform(1, 2, 4)

    def scene(at_s):
        swing = np.sin(phases + 2 * math.pi * at_s / periods)
        return {str(n): Shown(260 + 240 * n + 90 * swing[n], 360, 150, n % 2) for n in range(4)}

    return scene, 10


def turning(random):
    """Three people, each in one third of the picture, who jump about: up to four face sides a second."""
    phases = random.uniform(0, 2 * math.pi, (3, 2, 3))
    pace = random.uniform(0.3, 1.0, (3, 2, 3)) * 2 * math.pi

    def scene(at_s):
        swing = np.sin(phases + pace * at_s).sum(axis=2)
        return {str(n): Shown(230 + 410 * n + 35 * swing[n, 0], 360 + 60 * swing[n, 1], 110) for n in range(3)}

    return scene, 10


def pillar(random):
    """A walker is hidden three times for up to 1.2 s while another face stays where it is."""
    speed, hidden_s, turn_s = random.uniform(60, 180), random.uniform(0.3, 1.2, 3), random.uniform(3, 7)

    def scene(at_s):
        hidden = any(2 * n + 1 < at_s < 2 * n + 1 + long for n, long in enumerate(hidden_s))
        walker = {} if hidden else {"walker": Shown(150 + speed * (turn_s - abs(at_s - turn_s)), 250, 120)}
        return {"sitter": Shown(640, 560, 140), **walker}

    return scene, 8


def come_and_go(random):
    """Ten people walk through at different times, heights and speeds; later ones take the places of earlier ones."""
    begin, speed = np.sort(random.uniform(0, 10, 10)), random.uniform(150, 400, 10) * random.choice([-1, 1], 10)
    y, side = random.uniform(120, 600, 10), random.uniform(70, 130, 10)

    def scene(at_s):
        xs = np.where(speed > 0, 0, WIDTH) + speed * (at_s - begin)
        return {
            str(n): Shown(xs[n], y[n], side[n], side[n]) for n in range(10) if at_s >= begin[n] and 0 < xs[n] < WIDTH
        }

    return scene, 14


def approaching(random):
    """Two people walk from afar to the camera and back: sides from 40 to 260 px."""
    phase, period = random.uniform(0, 1, 2), random.uniform(4, 6, 2)

    def scene(at_s):
        grown = 0.5 - 0.5 * np.cos(2 * math.pi * (phase + at_s / period))
        distance = 1 / (1 / 260 + (1 / 40 - 1 / 260) * (1 - grown))
        return {
            str(n): Shown(640 + (2 * n - 1) * (60 + 1.0 * distance[n]), 300 + 0.3 * distance[n], distance[n])
            for n in range(2)
        }

    return scene, 10


def panning(random):
    """Four people sit; the camera turns by half a picture in half a second, now and then."""
    starts, sizes = np.arange(4) * 2.5 + random.uniform(0, 1.5, 4), random.uniform(300, 600, 4)

    def scene(at_s):
        turned = (sizes * [1, -1, 1, -1] * np.clip((at_s - starts) / 0.5, 0, 1)).sum()
        return {str(n): Shown(200 + 260 * n - turned, 300 + 90 * (n % 2), 120) for n in range(4)}

    return scene, 10


def crowd(random):
    """Fifteen people walk in all directions and hide each other."""
    start, speed = random.uniform((0, 0), (WIDTH, HEIGHT), (15, 2)), random.normal(0, 90, (15, 2))
    side = random.uniform(60, 120, 15)

    def scene(at_s):
        x, y = np.abs((start + speed * at_s) % (2 * WIDTH, 2 * HEIGHT) - (WIDTH, HEIGHT)).T
        return {str(n): Shown(x[n], y[n], side[n], side[n]) for n in range(15)}

    return scene, 10


def seated(random):
    """Forty people in rows, a third of a side between them, who nod."""
    phases = random.uniform(0, 2 * math.pi, 40)

    def scene(at_s):
        nod = 12 * np.sin(phases + 5 * at_s)
        return {str(n): Shown(110 + 107 * (n % 10), 120 + 150 * (n // 10) + nod[n], 80) for n in range(40)}

    return scene, 6


SCENES = [crossing, swaying, turning, pillar, come_and_go, approaching, panning, crowd, seated]


def regular(seconds, fps, random):
    """Times of a camera that keeps its pace."""
    return [index / fps for index in range(round(seconds * fps))]


def irregular(seconds, fps, random):
    """Times of frames that arrive as they like, with pauses of up to six frames."""
    times = np.cumsum(random.exponential(1 / fps, round(3 * seconds * fps)).clip(0.2 / fps, 6 / fps))
    return times[times < seconds].tolist()


def dropped(seconds, fps, random):
    """Times of a camera that keeps its pace, of whose frames every third is dropped."""
    return [at_s for at_s in regular(seconds, fps, random) if random.random() > 1 / 3]


CAMERAS = {
    **{f"{fps} fps": (regular, fps) for fps in (5, 10, 30)},
    **{f"{fps} fps irregular": (irregular, fps) for fps in (5, 10, 30)},
    **{f"{fps} fps a third dropped": (dropped, fps) for fps in (10, 30)},
}


def detect(faces, missed, jitter, random):
    """Return what a detector would: names and detections, largest first."""
    found = []
    for name, face in faces.items():
        box = seen_of(face, [other for other in faces.values() if other.near > face.near])
        shake = random.normal(0, jitter * face.side, 4)
        if box is not None and random.random() >= missed:
            found.append((name, Detection(tuple(np.array(box) + shake), random.uniform(0.4, 0.9))))
    return sorted(found, key=lambda pair: -pair[1].area)


def seen_of(face, before):
    """Return what can be seen of a face, xyxy, or None if that is less than 45 % of it: boxes shrink from the sides."""
    left, top, right, bottom = (
        max(0.0, face.x - face.side / 2),
        max(0.0, face.y - face.side / 2),
        min(WIDTH, face.x + face.side / 2),
        min(HEIGHT, face.y + face.side / 2),
    )
    for other in before:
        reach = other.side / 2
        if abs(other.y - face.y) > reach + 0.1 * face.side:
            continue
        if other.x <= face.x and other.x + reach > left:
            left = other.x + reach
        elif other.x > face.x and other.x - reach < right:
            right = other.x - reach
    wide, high = right - left, bottom - top
    return (left, top, right, bottom) if min(wide, high) > 0 and wide * high > 0.45 * face.side**2 else None
