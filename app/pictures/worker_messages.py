"""What a worker process and its owner send each other over a socket: JSON with its length before it, bytes, images."""

import json
import mmap
import os
import socket
import struct
from typing import Any

import numpy as np

from app.pictures.types import Image

HEAD = struct.Struct(">I")
CHUNK_BYTES = 1 << 20
Message = dict[str, Any]
Shape = tuple[int, int, int]


def send(to: socket.socket, message: Message, payload: bytes = b"") -> None:
    """Send a message, and the bytes that it announces."""
    text = json.dumps(message).encode()
    to.sendall(HEAD.pack(len(text)) + text)
    to.sendall(payload)


def receive(source: socket.socket) -> Message:
    """Return the next message.

    Raises:
        EOFError: If the other side is gone.
    """
    [size] = HEAD.unpack(receive_bytes(source, HEAD.size))
    message: Message = json.loads(receive_bytes(source, size))
    return message


def receive_bytes(source: socket.socket, size: int) -> bytearray:
    """Return so many bytes; raises as `receive`."""
    data = bytearray(size)
    _receive_into(source, memoryview(data))
    return data


def send_images(to: socket.socket, images: list[Image], shared: bool) -> None:
    """Send images: in shared memory without a name, which ends with its last user, or as bytes.

    Args:
        to: A Unix socket.
        images: Contiguous.
        shared: Whether this system has such memory.
    """
    views = [image.reshape(-1).data for image in images if image.size]
    if not shared:
        for view in views:
            to.sendall(view)
        return
    memory = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for view in views:
            while view:
                view = view[os.write(memory, view) :]
        socket.send_fds(to, [b"\0"], [memory])
    finally:
        os.close(memory)


def receive_images(source: socket.socket, shapes: list[Shape], shared: bool) -> list[Image]:
    """Return the images that `send_images` sent, without a copy where memory is shared.

    Raises:
        EOFError: If the other side is gone, or sends less than it said.
        OSError: If the memory could be taken away again.
    """
    size = sum(int(np.prod(shape)) for shape in shapes)
    if size == 0:
        shared = False
    if shared:
        _, [memory], _, _ = socket.recv_fds(source, 1, 1)
        try:
            import fcntl  # not on Windows

            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
            if os.fstat(memory).st_size < size:
                raise EOFError
            data = np.frombuffer(mmap.mmap(memory, size), dtype=np.uint8)
        finally:
            os.close(memory)
    else:
        data = np.empty(size, dtype=np.uint8)
        _receive_into(source, data.data)
    images, start = [], 0
    for shape in shapes:
        end = start + int(np.prod(shape))
        images.append(data[start:end].reshape(shape))
        start = end
    return images


def _receive_into(source: socket.socket, view: memoryview) -> None:
    while view:
        taken = source.recv_into(view, min(len(view), CHUNK_BYTES))
        if not taken:
            raise EOFError
        view = view[taken:]
