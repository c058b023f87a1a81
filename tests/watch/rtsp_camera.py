"""A network camera, as small as it can be: RTSP over TCP with one H.264 track, for one client.

References:
    RFC 2326 (RTSP; packets inside the connection: section 10.12), RFC 3550 (RTP), RFC 6184 (H.264 in RTP).
"""

import re
import socket
import struct
import threading

import av
import numpy as np

SDP = "v=0\r\ns=camera\r\nt=0 0\r\n{}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track\r\n"


class RtspCamera:
    """Sends its pictures and closes the connection; a context manager.

    Args:
        grays: One for each picture of 64 x 64 pixels.
        fps: By the time stamps; the pictures are sent at once.
        length_s: What a server of recordings says and a camera does not.
    """

    def __init__(self, grays, fps, length_s=None):
        self._packets = list(rtp_packets(grays, fps))
        self._sdp = SDP.format(f"a=range:npt=0-{length_s}\r\n" if length_s else "")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.address = f"rtsp://127.0.0.1:{self._listening.getsockname()[1]}/camera"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._thread.join(30)
        self._listening.close()

    def _serve(self):
        self._listening.settimeout(30)
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as requests:
            method = ""
            while method != "PLAY":
                head = b"".join(iter(requests.readline, b"\r\n")).decode()
                method, number = head.split()[0], re.search(r"CSeq: (\d+)", head)[1]
                connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{self._answer(method)}".encode())
            for packet in self._packets:
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

    def _answer(self, method):
        return {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(self._sdp)}\r\n\r\n{self._sdp}",
            "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
            "PLAY": "Session: 1\r\n\r\n",
        }[method]


def rtp_packets(grays, fps):
    """Yield the RTP packets, one for each part of a picture; they are small enough to need no cutting."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 64, "yuv420p", fps
    encoder.options = {"tune": "zerolatency"}
    number = 0
    for index, gray in enumerate(grays):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), gray, np.uint8), "rgb24")
        [encoded] = encoder.encode(frame.reformat(format="yuv420p"))
        parts = [part for part in re.split(b"\0\0\0?\1", bytes(encoded)) if part]
        for part in parts:
            ends_picture = 0x80 if part is parts[-1] else 0
            yield struct.pack(">BBHII", 0x80, ends_picture | 96, number, 90000 * index // fps, 1) + part
            number += 1
