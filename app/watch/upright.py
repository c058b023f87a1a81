"""From a decoded frame to an image: square pixels, the colours of BT.709, upright."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorTrc

from app.errors import InvalidRequest
from app.pictures.types import Image

LARGEST_ASPECT = 4
"""Recorders go to 2:1; beyond 4:1 or 1:4 a file is wrong, and its frames would grow with its claim."""

HDR = (int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67))
"""PQ and HLG: ITU-R BT.2100, by their numbers in ITU-T H.273."""

BT2020, UNSPECIFIED, LIMITED_RANGE = 9, 2, 1
"""ITU-T H.273 (primaries, and matrix with non-constant luminance) and FFmpeg's number of the usual range."""

TO_BT709 = "out_primaries=bt709:out_transfer=bt709:out_range=pc:intent=relative_colorimetric"
"""What is as bright as paper (203 cd/m2, ITU-R BT.2408) becomes white; highlights above are clipped. See decision
0043."""

NO_TONE_MAPPING = "This video is HDR, and the FFmpeg in this PyAV cannot tone-map it: take PyAV 16 or newer."
ODD_ASPECT = "The file says that its pixels are {}: that is taken for a mistake, and they are treated as square."


def parse_aspect(text: str) -> Fraction:
    """Read a pixel's aspect ratio, width to height, such as 2:1 or 4/3.

    Raises:
        InvalidRequest: If it is none, or not between 1:4 and 4:1.
    """
    try:
        aspect = Fraction(text.replace(":", "/"))
    except (ValueError, ZeroDivisionError):
        aspect = Fraction(0)
    if not _is_usual(aspect):
        raise InvalidRequest(f"{text!r} is no pixel aspect: give width:height between 1:4 and 4:1, such as 2:1.")
    return aspect


class Uprighter:
    """Turns the frames of one stream into images.

    Args:
        aspect: Width of a pixel by its height; None if unknown, which means square.
        notice: Called with what the user should know, once each.
    """

    def __init__(self, aspect: Fraction | None, notice: Callable[[str], None]) -> None:
        self._aspect, self._notice = aspect or Fraction(1), notice
        if not _is_usual(self._aspect):
            notice(ODD_ASPECT.format(f"{self._aspect.numerator}:{self._aspect.denominator}"))
            self._aspect = Fraction(1)
        self._mapper: _ToneMapper | None = None
        self._can_map = True

    def image(self, frame: Any) -> Image:
        """Return the frame as RGB, uint8, (H, W, 3), its shorter side stretched until the pixels are square."""
        width, height = square_size(frame.width, frame.height, self._aspect)
        mapped = self._mapped(frame) if frame.color_trc in HDR and self._can_map else frame
        pixels = mapped.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))

    def _mapped(self, frame: Any) -> Any:
        try:
            if self._mapper is None or not self._mapper.fits(frame):
                self._mapper = _ToneMapper(frame)
            return self._mapper(frame)
        except (av.FFmpegError, ValueError):
            self._can_map = False
            self._notice(NO_TONE_MAPPING)
            return frame


def square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return the size with square pixels that loses none: wide pixels widen the picture, high ones heighten it."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _is_usual(aspect: Fraction) -> bool:
    return Fraction(1, LARGEST_ASPECT) <= aspect <= LARGEST_ASPECT


class _ToneMapper:
    """FFmpeg's `scale` filter, which maps colours and brightness since FFmpeg 8."""

    def __init__(self, frame: Any) -> None:
        self._shape = self._shape_of(frame)
        matrix = BT2020 if frame.colorspace == UNSPECIFIED else int(frame.colorspace)
        told = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        graph = av.filter.Graph()
        source = graph.add("buffer", f"{told}:colorspace={matrix}:range={self._range(frame)}")
        scale, rgb, sink = graph.add("scale", TO_BT709), graph.add("format", "pix_fmts=rgb24"), graph.add("buffersink")
        source.link_to(scale)
        scale.link_to(rgb)
        rgb.link_to(sink)
        graph.configure()
        self._graph, self._source, self._sink, self._matrix = graph, source, sink, matrix

    def fits(self, frame: Any) -> bool:
        return self._shape == self._shape_of(frame)

    def __call__(self, frame: Any) -> Any:
        frame.colorspace, frame.color_range = self._matrix, self._range(frame)
        if frame.color_primaries == UNSPECIFIED:
            frame.color_primaries = BT2020
        self._source.push(frame)
        return self._sink.pull()

    @staticmethod
    def _range(frame: Any) -> int:
        return int(frame.color_range) or LIMITED_RANGE

    @staticmethod
    def _shape_of(frame: Any) -> tuple[object, ...]:
        return frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_trc)
