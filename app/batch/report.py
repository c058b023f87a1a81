"""Small pictures for the report of a batch: its examples are looked up once more."""

from collections.abc import Iterable, Iterator

from app.batch.payloads import payloads
from app.batch.sources import Name
from app.pictures.open import decode_picture
from app.pictures.workers import Workers
from app.report.many import Thumbs
from app.report.summary import Example
from app.report.tracks import thumb_of


def thumbs_of(
    examples: Iterable[Example], names: Iterable[Name], max_bytes: int, max_pixels: int, workers: Workers
) -> Thumbs:
    """Cut the examples out of their pictures; one whose picture is gone meanwhile has none.

    Args:
        examples: Faces.
        names: Of all pictures, in order.
        max_bytes: Largest picture file.
        max_pixels: Largest width x height.
        workers: Decode rare and large pictures.
    """
    wanted: dict[int, dict[int, Example]] = {}
    for example in examples:
        wanted.setdefault(example.picture, {})[example.number] = example
    order = sorted(wanted)
    thumbs: dict[tuple[int, int], bytes] = {}
    reads = payloads(_at(names, wanted), max_bytes)
    for picture, (_, read) in zip(order, reads, strict=True):
        try:
            image = decode_picture(read(), max_pixels, workers=workers).image
            found = {each.key: thumb_of(image, each.detection) for each in wanted[picture].values()}
        except Exception:  # noqa: BLE001 - whatever became of the file, its faces are told in words
            found = {}
        thumbs |= found
    return thumbs


def _at(names: Iterable[Name], wanted: Iterable[int]) -> Iterator[Name]:
    places = set(wanted)
    return (name for place, name in enumerate(names) if place in places)
