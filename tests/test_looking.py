"""`mien detect` file by file: what one costs the others."""

import os
import threading
from contextlib import suppress

import pytest

from app.api.wire.table import rows_of
from app.errors import DeviceLost, InvalidRequest
from app.faces.types import DetectOptions
from app.looking import Looker, prepare_folder, read_bounded
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

LIMIT = 50_000


class Raising(FakePipeline):
    """Networks that fail at the first picture."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def detect(self, images, options):
        error, self.error = self.error, None
        if error is not None:
            raise error
        return super().detect(images, options)


def looker(pipeline=None, annotate=None, explain=None):
    return Looker(pipeline or FakePipeline(), DetectOptions(), LIMIT, 1_000_000, annotate, explain=explain)


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "photo.png").write_bytes(encode(gradient()))
    return tmp_path / "photo.png"


def test_a_file_above_the_limit_is_refused_by_its_size(tmp_path):
    """12 GB that are not there: reading them would take 12 GB of memory."""
    with (tmp_path / "film.jpg").open("wb") as file:
        file.truncate(12_000_000_000)
    answer = looker().look(tmp_path / "film.jpg")
    assert answer["error"]["code"] == "payload_too_large"
    assert "12,000,000,000 bytes" in answer["error"]["detail"]


def test_a_jpeg_that_was_cut_off_says_so(tmp_path):
    whole = encode(gradient(), "JPEG")
    for name, payload in (("whole", whole), ("cut", whole[:-2])):
        (tmp_path / name).write_bytes(payload)
    whole, cut = (looker().look(tmp_path / name)["image"] for name in ("whole", "cut"))
    assert cut == {**whole, "truncated": True}
    assert "truncated" not in whole


def test_a_pipe_is_read_up_to_the_limit(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def write():
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe, suppress(BrokenPipeError):
            while True:
                pipe.write(bytes(10_000))

    writer = threading.Thread(target=write)
    writer.start()
    error = looker().look(tmp_path / "pipe")["error"]
    assert error["code"] == "payload_too_large"
    assert error["detail"].startswith(f"The file has more than {LIMIT:,} bytes; at most")
    writer.join(30)
    assert not writer.is_alive()


def test_a_file_of_just_the_limit_is_read(tmp_path):
    (tmp_path / "file").write_bytes(bytes(LIMIT))
    assert len(read_bounded(tmp_path / "file", LIMIT)) == LIMIT


@pytest.mark.parametrize(("error", "code"), [(MemoryError(), "out_of_memory"), (RuntimeError("odd"), "internal_error")])
def test_a_failure_costs_its_own_file(photo, error, code):
    looks = looker(Raising(error))
    assert looks.look(photo)["error"]["code"] == code
    assert len(looks.look(photo)["faces"]) == 1


def test_a_lost_device_ends_the_run(photo):
    with pytest.raises(DeviceLost):
        looker(Raising(DeviceLost("gone"))).look(photo)


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.with_name("file").touch()])
def test_a_folder_that_cannot_be_is_said_at_once(tmp_path, make):
    make(tmp_path / "out")
    folder = tmp_path / "out" if (tmp_path / "out").exists() else tmp_path / "file" / "out"
    with pytest.raises(InvalidRequest, match="No pictures can be written into"):
        prepare_folder(folder)


def test_the_folder_is_made_and_left_empty(tmp_path):
    prepare_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_drawing_that_fails_keeps_the_faces(photo, tmp_path):
    answer = looker(annotate=tmp_path / "vanished").look(photo)
    assert len(answer["faces"]) == 1
    assert answer["annotate_error"] == {"code": "file_error", "detail": "No such file or directory"}


def test_drawings_overwrite_nothing(photo, tmp_path):
    looks = looker(annotate=tmp_path)
    looks.look(photo)
    looks.look(photo)
    assert {path.name for path in tmp_path.glob("*annotated*")} == {"photo.annotated.png", "photo.annotated-2.png"}


def test_an_explanation_stands_in_the_answer_and_as_a_picture(photo, tmp_path):
    folder = tmp_path / "why"
    prepare_folder(folder)
    for _ in range(2):
        [face] = looker(explain=folder).look(photo)["faces"]
        assert len(face["explanation"]["drops"]) == face["explanation"]["rows"]
    assert {path.name for path in folder.iterdir()} == {"photo.face-1.png", "photo.face-1-2.png"}


def test_a_failing_explanation_costs_no_answer(photo, tmp_path):
    answer = looker(explain=tmp_path / "gone").look(photo)
    assert len(answer["faces"]) == 1
    assert answer["explain_error"] == {"code": "file_error", "detail": "No such file or directory"}
    assert next(rows_of("photo.png", answer))["error"] == "file_error"
