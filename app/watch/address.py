"""What the user typed, opened: a file, a pipe, a camera or an address.

Files and the network are read by PyAV, which goes on after damaged packets; cameras by OpenCV, which numbers them on
every system.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import av

from app.errors import VideoUnavailable
from app.watch.camera import open_camera
from app.watch.packets import NETWORK_TIMEOUT_S, PacketSource, reason
from app.watch.reconnect import Reconnecting
from app.watch.source import Source

STANDARD_INPUT = "-"
RTSP_SCHEMES, HTTP_SCHEMES = ("rtsp://", "rtsps://"), ("http://", "https://")
RTSP_OPTIONS = {"rtsp_transport": "tcp", "protocol_whitelist": "rtp,tcp,tls,udp,crypto"}
HTTP_OPTIONS = {"protocol_whitelist": "http,https,httpproxy,tcp,tls,crypto", "reconnect": "1"}
FILE_OPTIONS = {"protocol_whitelist": "file"}
PIPE_OPTIONS = {"protocol_whitelist": "fd,pipe"}
"""What FFmpeg may open: a playlist file must not send it to the network, nor a camera to this machine's files."""

VIDEO_DEVICE = re.compile(r"/dev/video(\d+)")
KINDS = "a video file, -, a camera's number, or an rtsp:// or http:// address"


def open_source(text: str, number: int | None = None, aspect: Fraction | None = None, reconnect_s: float = 0) -> Source:
    """Open what the user typed: a file if there is one of that name, else a camera's number or an address.

    Args:
        text: A file, a FIFO, `-` for standard input, digits or /dev/video0 for a camera, or an address.
        number: Which stream of a file, as in `choose_stream`.
        aspect: Width of a pixel by its height, instead of what the file says.
        reconnect_s: So long a camera in the network that broke off is asked again; 0: not at all.

    Raises:
        VideoUnavailable: If it is not there or is not a video.
    """
    read = partial(PacketSource, number=number, aspect=aspect)
    if text.lower().startswith((*RTSP_SCHEMES, *HTTP_SCHEMES)):
        opened = _open_network(text, read)
        again = partial(_open_network, text, read)
        return Reconnecting(opened, again, reconnect_s) if opened.live and reconnect_s else opened
    path = Path(text)
    if text == STANDARD_INPUT:
        return read(_open("fd:", text, PIPE_OPTIONS), live=False)
    if path.is_file():
        return read(_open(str(path.resolve()), text, FILE_OPTIONS), live=False)
    if text.isdecimal():
        return open_camera(text)
    if device := VIDEO_DEVICE.fullmatch(str(path.resolve())):
        return open_camera(device[1])
    if path.is_fifo():  # /dev/stdin too, which leads to no path that could be opened
        return read(_open(str(path.absolute()), text, FILE_OPTIONS), live=False)
    raise VideoUnavailable(f"No file {text!r}; give {KINDS}.")


def _open_network(text: str, read: Callable[..., PacketSource]) -> PacketSource:
    is_rtsp = text.lower().startswith(RTSP_SCHEMES)
    container = _open(text, text, RTSP_OPTIONS if is_rtsp else HTTP_OPTIONS, timeout=NETWORK_TIMEOUT_S)
    return read(container, live=is_rtsp or not container.duration)


def _open(address: str, text: str, allowed: dict[str, str], **options: Any) -> Any:
    """Open with PyAV; titles in encodings other than UTF-8 are no reason to refuse a video."""
    try:
        return av.open(address, metadata_errors="replace", options=allowed, **options)
    except (av.FFmpegError, OSError) as error:
        hint = " An MP4 that is piped must begin with its index (moov)." if text == STANDARD_INPUT else ""
        raise VideoUnavailable(f"{_public(text)!r} cannot be opened as a video: {reason(error)}.{hint}") from error


def title_of(text: str) -> str:
    """Name a source for people: a file without its folder, an address without what may be secret."""
    if text == STANDARD_INPUT:
        return "Standard input"
    if Path(text).is_file():
        return Path(text).name
    return f"Camera {text}" if text.isdecimal() else _public(text)


def _public(text: str) -> str:
    """Remove user, password and query, which may hold a key, from what is shown of an address."""
    scheme, separator, rest = text.partition("://")
    if scheme.lower() + separator not in (*RTSP_SCHEMES, *HTTP_SCHEMES):
        return text
    shown = urlsplit(f"{scheme}{separator}{rest.rpartition('@')[2]}")
    return scheme + urlunsplit(shown._replace(query="..." if shown.query else "", fragment=""))[len(shown.scheme) :]
