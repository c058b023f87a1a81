"""Rare and large pictures in worker processes: what a file does to its decoder costs its own request alone."""

import io
import os
import signal
import socket
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, MienError, Overloaded, PayloadTooLarge, UnsupportedMedia
from app.pictures.large import is_large
from app.pictures.open import decode_image, decode_parts, decode_picture
from app.pictures.worker_main import NICENESS
from app.pictures.workers import Workers
from tests.support.pictures import encode, gradient

LIMIT = 1_000_000


def heic(picture, **options):
    return saved(pillow_heif.from_pillow(Pillow.fromarray(picture)), **options)


def saved(heif, **options):
    buffer = io.BytesIO()
    heif.save(buffer, quality=95, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("shared", [True, False])
def test_pixels_come_back_exactly(shared):
    with Workers(shared) as those:
        image = decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        np.testing.assert_array_equal(image, gradient())
        image[0, 0] = 7  # it is the caller's own
        first, second = decode_parts(encode(gradient(), "TIFF"), LIMIT, [(0, 0, 8, 4), (5, 6, 9, 30)], workers=those)
        np.testing.assert_array_equal(first, gradient()[:4, :8])
        np.testing.assert_array_equal(second, gradient()[6:30, 5:9])


def test_a_worker_is_kept_and_none_is_started_for_common_formats():
    with Workers() as those:
        decode_image(encode(gradient(), "JPEG"), LIMIT, those)
        decode_image(encode(gradient(), "WEBP"), LIMIT, those)
        with pytest.raises(UnsupportedMedia):
            decode_image(b"nothing known", LIMIT, those)
        assert those.processes == []
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [first] = those.processes
        with pytest.raises(BadPayload):
            decode_image(encode(gradient(), "TIFF")[:500], LIMIT, those)
        decode_image(encode(gradient(), "AVIF"), LIMIT, those)
        assert those.processes == [first]


def test_closing_ends_the_processes():
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [process] = those.processes
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_one_that_is_lost_while_idle_is_replaced_unnoticed():
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [process] = those.processes
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert decode_image(encode(gradient(), "TIFF"), LIMIT, those).shape == gradient().shape
        assert those.processes != [process]


@pytest.mark.parametrize(("sent", "error"), [(signal.SIGSEGV, BadPayload), (signal.SIGXCPU, PayloadTooLarge)])
def test_one_that_ends_at_work_costs_its_own_picture(sent, error):
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [process] = those.processes
        with pytest.raises(error):
            decode_picture(encode(gradient(), "TIFF"), LIMIT, lambda _: os.kill(process, sent), workers=those)
        assert those.processes == []
        assert decode_image(encode(gradient(), "TIFF"), LIMIT, those).shape == gradient().shape


@pytest.mark.parametrize("python", ["false", "/nowhere/python"])
def test_one_that_cannot_start_is_no_fault_of_the_picture(python, caplog):
    with Workers(python=python) as those, pytest.raises(Overloaded, match="try again"):
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
    assert "can be started" in caplog.text


def test_one_that_ended_for_want_of_work_meanwhile_is_replaced_unnoticed():
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [worker] = those._idle
        worker._socket.shutdown(socket.SHUT_WR)  # it ends as if its time without work were over
        assert decode_image(encode(gradient(), "TIFF"), LIMIT, those).shape == gradient().shape


def test_a_picture_without_room_costs_no_worker(workers):
    def full(_):
        raise Overloaded

    decode_image(encode(gradient(), "TIFF"), LIMIT, workers)
    before = workers.processes
    with pytest.raises(Overloaded):
        decode_picture(encode(gradient(), "TIFF"), LIMIT, full, workers=workers)
    assert workers.processes == before
    assert decode_image(encode(gradient(), "TIFF"), LIMIT, workers).shape == gradient().shape


def test_threads_have_workers_of_their_own(workers):
    both, seen = threading.Barrier(2, timeout=30), []

    def decode():
        def admit(_):
            both.wait()  # two pictures are in work at once, or this breaks

        seen.append(decode_picture(encode(gradient(), "TIFF"), LIMIT, admit, workers=workers).image.shape)

    threads = [threading.Thread(target=decode) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert seen == [gradient().shape] * 2


def test_the_environment_is_not_passed_on(monkeypatch):
    monkeypatch.setenv("MIEN_API_KEYS", "a key")
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [process] = those.processes
        assert b"MIEN" not in Path(f"/proc/{process}/environ").read_bytes()


def test_a_tile_that_unpacks_to_more_than_the_picture_is_refused_for_its_memory(workers):
    """16 x 16 pixels out of a tile of 20,000 x 20,000, which libtiff would unpack whole."""
    side, data = 20_000, zlib.compress(bytes(20_000**2), 1)
    tags = [(256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
            (322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    payload = b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)
    with pytest.raises(MienError):
        decode_image(payload, LIMIT, workers)
    assert decode_image(encode(gradient(), "TIFF"), LIMIT, workers).shape == gradient().shape


def test_a_heic_is_read(workers):
    decoded = decode_image(heic(gradient()), LIMIT, workers)
    assert np.abs(decoded.astype(int) - gradient()).mean() < 3


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_heic_is_turned_once(workers, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    plain = decode_image(encode(gradient(), "PNG", exif=exif.tobytes()), LIMIT)
    decoded = decode_image(heic(gradient(), exif=exif.tobytes()), LIMIT, workers)
    assert np.abs(decoded.astype(int) - plain).mean() < 3


def test_the_first_picture_of_a_burst_is_read(workers):
    burst = pillow_heif.from_pillow(Pillow.fromarray(gradient()))
    burst.add_from_pillow(Pillow.new("RGB", (32, 32), "red"))
    assert decode_image(saved(burst, primary_index=0), LIMIT, workers).shape == gradient().shape


def test_a_heic_above_the_limit_is_refused(workers):
    with pytest.raises(PayloadTooLarge, match="64 x 48"):
        decode_image(heic(gradient()), 64 * 48 - 1, workers)


def test_a_worker_stands_back_and_is_no_session_of_its_own():
    with Workers() as those:
        decode_image(encode(gradient(), "TIFF"), LIMIT, those)
        [worker] = those.processes
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, worker) == min(19, mine + NICENESS)
        assert os.getsid(worker) == os.getsid(0)
        assert os.getpgid(worker) != os.getpgid(0)


def full_hd_and(rows: int, fmt: str, **options: Any) -> bytes:
    return encode(Pillow.new("RGB", (1920, 1080 + rows), "red"), fmt, **options)


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "GIF", "BMP"])
def test_what_is_larger_than_full_hd_is_decoded_by_a_worker(fmt):
    with Workers() as those:
        assert decode_image(full_hd_and(0, fmt), 10_000_000, those)[9, 9][0] > 250
        assert not those.processes
        assert decode_image(full_hd_and(30, fmt), 10_000_000, those)[9, 9][0] > 250
        assert len(those.processes) == 1


def test_a_jpeg_larger_than_a_phone_s_photo_is_decoded_by_a_worker():
    with Workers() as those:
        phone, larger = (encode(Pillow.new("L", (4096, height)), "JPEG") for height in (4096, 4200))
        decode_picture(phone, 20_000_000, long_side_px=640, workers=those)
        assert not those.processes
        picture = decode_picture(larger, 20_000_000, long_side_px=640, workers=those)
        assert (picture.width, picture.height, picture.image.shape) == (4096, 4200, (1050, 1024, 3))
        assert len(those.processes) == 1


def test_a_large_jpeg_that_was_cut_off_is_read_and_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (4200, 4096), dtype=np.uint8)
    whole = encode(Pillow.fromarray(noise), "JPEG", quality=5)
    with Workers() as those:
        picture = decode_picture(whole[: len(whole) * 3 // 4], 20_000_000, long_side_px=640, workers=those)
        assert picture.truncated
        assert len(those.processes) == 1


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_a_large_progressive_jpeg_has_room_for_what_its_scans_leave(subsampling):
    large = encode(Pillow.new("RGB", (6000, 4000), "red"), "JPEG", progressive=True, subsampling=subsampling)
    with Workers() as those:
        picture = decode_picture(large, 24_000_000, long_side_px=640, workers=those)
        assert picture.image.shape == (1000, 1500, 3)
        assert len(those.processes) == 1


def test_a_png_cannot_hide_its_size_behind_another_part():
    payload = full_hd_and(30, "PNG")
    text = bytes(8)
    part = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    assert is_large(payload[:8] + part + payload[8:])


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "GIF", "BMP", "JPEG"])
def test_a_damaged_head_makes_no_picture_large(fmt):
    payload = encode(gradient(), fmt)
    assert not any(is_large(payload[:length]) for length in range(2, len(payload)))
