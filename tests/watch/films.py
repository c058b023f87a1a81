"""Films with oddities, made by PyAV."""

from fractions import Fraction

import av
import numpy as np

SECOND_MS = 1000


def gray_frame(gray, size, pixels="yuv420p"):
    return av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), gray, np.uint8), "rgb24").reformat(format=pixels)


def write_film(path, streams, container=None):
    """Write gray films beside each other.

    Args:
        path: The file.
        streams: For each: codec, size, gray, the first picture's time in seconds, and perhaps `cover` or `default`.
    """
    with av.open(str(path), "w", format=container) as file:
        made = []
        for codec, size, *_ in streams:
            stream = file.add_stream(codec, rate=10)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, SECOND_MS)
            stream.options = {"bf": "0"} if codec == "libx264" else {}
            made.append(stream)
        for stream, (*_, kind) in zip(made, streams, strict=True):
            if kind == "default":
                stream.disposition = av.stream.Disposition.default
            if kind == "cover":
                stream.disposition = av.stream.Disposition.attached_pic
        packets = []
        for stream, (_, size, gray, start_s, *kind) in zip(made, streams, strict=True):
            for index in range(1 if "cover" in kind else 10):
                frame = gray_frame(gray, size, stream.pix_fmt)
                frame.time_base = Fraction(1, SECOND_MS)
                frame.pts = round(start_s * SECOND_MS) + 100 * index
                packets += stream.encode(frame)
            packets += stream.encode(None)
        packets.sort(key=lambda packet: (packet.dts * packet.time_base, packet.stream.index))
        for packet in packets:
            file.mux(packet)
    return path
