"""Pictures looked at by this process: decoding in a few threads beside the networks."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from app.api.wire.schemas import ModelNames, model_names
from app.batch.ahead import Decoders
from app.batch.looks import answers, groups
from app.batch.payloads import payloads
from app.batch.sources import Name
from app.faces.types import DetectOptions
from app.pictures.workers import Workers
from app.serving.inference import Inference, VisionPipeline
from app.serving.observer import SilentObserver

Answered = tuple[str, dict[str, Any]]
"""What the rows call a picture, and its answer as `/detect` gives it, or `error` with a code and a text."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a run.

    Attributes:
        max_bytes: Largest picture file.
        max_pixels: Largest width x height.
        held_pixels: Most that pictures decoded ahead take, in pixels of 3 bytes.
        threads: How many decode.
    """

    max_bytes: int
    max_pixels: int
    held_pixels: int
    threads: int


class Networks(NamedTuple):
    """What answers.

    Attributes:
        models: Names and versions of the networks.
        runtime: What runs them.
    """

    models: ModelNames
    runtime: str


class Looking(Protocol):
    """Where pictures are looked at."""

    def start(self) -> Networks:
        """Load the networks.

        Raises:
            MienError: If they cannot run.
        """

    def answered(self, names: Iterator[Name], part_names: int) -> Generator[list[Answered], None, None]:
        """Yield all answers in order, some at a time; those of two parts never together.

        Args:
            names: From the beginning of a part on.
            part_names: Pictures of a part: what is in one pass of the networks must not depend on where one begins.

        Raises:
            MienError: If no later picture can be answered either.
        """


class Here:
    """This process.

    Args:
        load: Makes the pipeline.
        options: For every picture.
        limits: Bounds.
    """

    def __init__(self, load: Callable[[], VisionPipeline], options: DetectOptions, limits: Limits) -> None:
        self._inference = Inference(load, SilentObserver())
        self._options, self._limits = options, limits

    def start(self) -> Networks:
        """See `Looking`."""
        self._inference.load()
        return Networks(model_names(self._inference.manifest, self._options.attributes), self._inference.runtime)

    def answered(self, names: Iterator[Name], part_names: int) -> Generator[list[Answered], None, None]:
        """See `Looking`."""
        limits = self._limits
        with Workers() as workers:
            decoders = Decoders(limits.threads, limits.max_pixels, limits.held_pixels, workers)
            with closing(decoders.opened(payloads(names, limits.max_bytes))) as pictures:
                for first in pictures:
                    part = chain([first], islice(pictures, part_names - 1))
                    for group in groups(part, limits.max_pixels):
                        told = answers(self._inference, group, self._options)
                        yield [(picture.name, answer) for picture, answer in zip(group, told, strict=True)]
