"""The frames of the videos made here."""

FPS = 10
FRAMES = 20


def level(index):
    """The gray of a frame tells its number, also after compression."""
    return 20 + 10 * index
