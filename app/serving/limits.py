"""The bounds of an engine."""

from dataclasses import dataclass

SEARCH_WEIGHT = 4
"""What a search takes beside the classification of one face, about: 12 and 3 ms on two cores."""

GUIDED_WEIGHT = 2
"""The same of a search around known faces."""

NEW_SHAPE_COST = 32
"""What a client is charged for a search whose canvas has a shape that came not of late: kernels are made for it, and
often for its second looks. 130 to 300 ms on two cores."""

SECOND_LOOKS_COST = 6
"""What a client is charged for second looks at a picture: they take once and a half what the first does."""

FACES_WITH_A_SEARCH, FACES_A_TURN = 32, 16
"""Faces that are classified with the search of their pictures, and of a crowd in each of its further turns: so few
that others wait 50 ms for them."""

PART_S = 0.03
"""Time of the networks that a pass grants each client, about, while others ask, too: of usual pictures one on two
cores, sixteen on a GPU. Dearer work is saved up for, or paid off: beside pictures that get second looks an honest
answer took 409 ms when a pass granted each client its part of sixteen pictures, and takes 255."""


REQUEST_TIMES = 10
"""The pictures of a batch may take so many times `max_pixels_held`, one after the other: by default 32 iPhone photos
pass, and six transparent WebPs of 50 megapixels. Those for /classify cannot: `max_face_pixels` bounds them."""


@dataclass(frozen=True)
class EngineLimits:
    """Bounds of the engine.

    Attributes:
        max_batch_size: Most pictures in one pass of the networks.
        max_batch_wait_ms: How long a batch waits for more while the networks are idle.
        queue_size: Most pictures of one client in progress: being decoded, in the networks, or waiting for it.
        max_pixels: Largest picture that will be decoded.
        max_face_pixels: Largest picture that is a face already.
        max_pixels_held: Most pixels of all decoded pictures together, where one that is being decoded counts for what
            that takes; more wait until others are answered.
        deadline_s: Longest time from the payload to the answer.
        decode_threads: Threads that decode.
        long_threads: Threads for rare and large pictures.
        stall_after_s: A batch that runs longer counts as hung: the engine is no longer alive.
    """

    max_batch_size: int = 16
    max_batch_wait_ms: float = 0.0
    queue_size: int = 64
    max_pixels: int = 50_000_000
    max_face_pixels: int = 4_000_000
    max_pixels_held: int = 300_000_000
    deadline_s: float = 30.0
    decode_threads: int = 2
    long_threads: int = 1
    stall_after_s: float = 120.0
