"""`mien batch` from sources to one table, broken off and gone on with."""

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.api.wire.table import COLUMNS
from app.batch.ahead import Opened
from app.batch.looks import groups
from app.batch.parts import MANIFEST
from app.errors import DeviceLost, InvalidRequest
from app.faces.types import DetectOptions
from tests.batch.runs import LIMITS, PART, batch, write_album
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline
from tests.support.server_process import ROOT

KINDS = [".csv", ".jsonl", ".parquet"]
GENDER = {"gender": ("female", "male")}


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    """90 pictures, each of its own size; every tenth is none, and every eleventh is in an archive."""
    folder = tmp_path_factory.mktemp("album")
    write_album(folder, 90, archived_every=11)
    return folder


@pytest.fixture
def sources(album):
    return [album, album / "more.zip"]


def rows(path):
    if path.suffix == ".parquet":
        return pytest.importorskip("pyarrow.parquet", reason="extra batch").read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


def needs(kind):
    if kind == ".parquet":
        pytest.importorskip("pyarrow", reason="extra batch")


def child(out, stop_at, limit, sources):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.batch.child", out, str(stop_at), str(limit), *sources],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def killed(out, stop_at, sources):
    with child(out, stop_at, 0, sources) as process:
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_a_face_or_an_error_in_the_order_of_the_sources(tmp_path, sources, kind):
    needs(kind)
    out = tmp_path / f"faces{kind}"
    summary = batch(sources, out)
    found = rows(out)
    assert [tuple(row) for row in found] == [COLUMNS] * 90
    packed = [number for number in range(90) if number % 11 == 10]
    order = [*(number for number in range(90) if number not in packed), *packed]
    assert [int(row["file"][-7:-4]) for row in found] == order
    assert [str(row["image_width"]) for row in found if not row["error"]] == [str(40 + n) for n in order if n % 10 != 9]
    assert {row["error"] for row in found} - {"", None} == {"unsupported_media"}
    assert summary.splitlines()[0].startswith("90 pictures, 81 faces, 0 without a face, 9 failed, ")
    assert "failed: unsupported_media 9" in summary
    assert inside(tmp_path) == [out.name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("room", [LIMITS.held_pixels, 1], ids=["ahead", "in its turn"])
def test_rows_say_which_files_were_cut_off(tmp_path, kind, room):
    needs(kind)
    (tmp_path / "in").mkdir()
    for name, end in (("a", None), ("b", -2), ("c", 10)):
        (tmp_path / "in" / f"{name}.jpg").write_bytes(encode(gradient(), "JPEG")[:end])
    out = tmp_path / f"faces{kind}"
    batch([tmp_path / "in"], out, limits=replace(LIMITS, held_pixels=room))
    wanted = ["false", "true", ""] if kind == ".csv" else [False, True, None]
    assert [row["truncated"] for row in rows(out)] == wanted


@pytest.mark.parametrize(("kind", "stops"), [(".csv", [5, PART, 45]), (".jsonl", [45]), (".parquet", [45])])
def test_killed_at_any_time_the_same_command_goes_on(tmp_path, sources, kind, stops):
    needs(kind)
    whole, out = tmp_path / f"whole{kind}", tmp_path / f"faces{kind}"
    batch(sources, whole)
    for stop_at in stops:  # counted anew in each run
        killed(out, stop_at, sources)
    assert [str(each.name) for each in out.with_name(f"{out.name}.parts").glob("part-*") if rows(each)]
    left = FakePipeline()
    summary = batch(sources, out, left)
    assert out.read_bytes() == whole.read_bytes()
    assert len(left.options) < 60
    assert summary.startswith("90 pictures, 81 faces")
    assert inside(tmp_path) == sorted([out.name, whole.name])


def test_what_a_kill_leaves_half_done_is_done_again(tmp_path, sources):
    whole, out = tmp_path / "whole.csv", tmp_path / "faces.csv"
    batch(sources, whole)
    killed(out, 45, sources)
    parts = tmp_path / "faces.csv.parts"
    for name in ("part-000002.csv", "_part-000002.csv.tmp", "_manifest.json.tmp", "_joined"):
        (parts / name).write_text("half a row")
    batch(sources, out)
    assert out.read_bytes() == whole.read_bytes()


def test_killed_between_the_last_rename_and_the_removal_of_the_parts(tmp_path, sources):
    out = tmp_path / "faces.csv"
    killed(out, 45, sources)
    manifest = tmp_path / "faces.csv.parts" / MANIFEST
    state = json.loads(manifest.read_text())
    batch(sources, out)
    before = out.stat()
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({**state, "parts": 99, "joined": before.st_ino}))
    nothing = FakePipeline()
    batch(sources, out, nothing)
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert nothing.options == nothing.options[:5]
    assert not manifest.parent.exists()


def test_a_full_disk_is_told_and_costs_nothing(tmp_path, sources):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "faces.jsonl"
    batch(sources, whole)
    with child(out, 1000, 20_000, sources) as process:
        said = process.stdout.read()
    assert "File too large" in said
    assert not out.exists()
    batch(sources, out)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"options": DetectOptions(min_face_px=40)}, "min_face_px was 0.0, is 40"),
        ({"limits": replace(LIMITS, max_bytes=40_000)}, "max_bytes was 50000, is 40000"),
    ],
)
def test_other_options_are_refused_with_the_reason(tmp_path, sources, change, reason):
    out = tmp_path / "faces.csv"
    killed(out, 45, sources)
    with pytest.raises(InvalidRequest, match=reason) as refused:
        batch(sources, out, **change)
    assert "--fresh" in str(refused.value)
    assert batch(sources, out, fresh=True, **change).startswith("90 pictures")


def test_other_weights_and_other_sources_are_refused(tmp_path, sources):
    out, other = tmp_path / "faces.csv", FakePipeline()
    other.runtime = "something else"
    killed(out, 45, sources)
    with pytest.raises(InvalidRequest, match="runtime was nothing, is something else"):
        batch(sources, out, other)
    with pytest.raises(InvalidRequest, match="other sources"):
        batch(sources[:1], out)
    batch(sources, out)


def test_a_damaged_manifest_is_told(tmp_path, sources):
    out = tmp_path / "faces.csv"
    killed(out, 45, sources)
    (tmp_path / "faces.csv.parts" / MANIFEST).write_text("{")
    with pytest.raises(InvalidRequest, match="damaged: --fresh"):
        batch(sources, out)


def test_two_runs_never_write_the_same_output(tmp_path, sources):
    out = tmp_path / "faces.csv"
    parts = tmp_path / "faces.csv.parts"
    parts.mkdir()
    with (parts / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InvalidRequest, match="Another mien batch"):
            batch(sources, out)
    assert batch(sources, out).startswith("90 pictures")


def test_existing_files_are_never_overwritten_or_removed(tmp_path, sources):
    out, parts = tmp_path / "faces.csv", tmp_path / "faces.csv.parts"
    out.write_text("mine")
    with pytest.raises(InvalidRequest, match="exists already"):
        batch(sources, out)
    parts.mkdir()
    with pytest.raises(InvalidRequest, match="exists already"):
        batch(sources, out, fresh=True)
    parts.mkdir()
    (parts / "diary.txt").write_text("mine")
    for fresh in (False, True):
        with pytest.raises(InvalidRequest, match=r"diary\.txt, which is not from here"):
            batch(sources, out, fresh=fresh)
    assert (out.read_text(), (parts / "diary.txt").read_text()) == ("mine", "mine")


def test_a_run_that_finds_nothing_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no picture"):
        batch([tmp_path / "empty"], tmp_path / "faces.csv")
    assert inside(tmp_path) == ["empty"]


def test_bad_files_cost_a_row_each(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "empty.png").touch()
    (folder / "large.png").write_bytes(bytes(LIMITS.max_bytes + 1))
    (folder / "dangling.png").symlink_to("nowhere")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(encode(gradient()))
    batch([folder], tmp_path / "faces.csv")
    found = {Path(row["file"]).name: (row["error"], row["detail"]) for row in rows(tmp_path / "faces.csv")}
    assert found.pop("caf\\xe9.png") == ("", "")
    assert {name: code for name, (code, _) in found.items()} == {
        "empty.png": "bad_payload", "large.png": "payload_too_large", "dangling.png": "file_error",
        "loop.png": "file_error", "pipe.png": "file_error",
    }  # fmt: skip
    assert found["pipe.png"][1] == "is not a plain file"


def test_an_archive_that_changed_or_went_costs_rows(tmp_path, sources, album):
    listed = tmp_path / "list.txt"
    archive = tmp_path / "more.zip"
    archive.write_bytes((album / "more.zip").read_bytes())
    listed.write_text(f"{album}\n{archive}\n")
    out = tmp_path / "faces.csv"
    killed(out, 45, [listed])
    archive.unlink()
    batch([listed], out)
    assert [row["error"] for row in rows(out) if "more.zip" in row["file"]] == ["bad_payload"] * 8


class Picky(FakePipeline):
    """Fails at a picture of one width, and takes no others with it."""

    def __init__(self, width, error):
        super().__init__()
        self.width, self.error = width, error

    def detect(self, images, options):
        if any(image.shape[1] == self.width for image in images):
            raise self.error
        return super().detect(images, options)


def test_a_pass_that_fails_costs_one_picture(tmp_path, sources):
    batch(sources, tmp_path / "faces.csv", Picky(42, RuntimeError("odd")))
    assert [row["file"][-7:] for row in rows(tmp_path / "faces.csv") if row["error"] == "internal_error"] == ["002.png"]


def test_a_lost_device_ends_the_run_and_keeps_what_is_done(tmp_path, sources):
    with pytest.raises(DeviceLost):
        batch(sources, tmp_path / "faces.csv", Picky(80, DeviceLost("gone")))
    left = FakePipeline()
    batch(sources, tmp_path / "faces.csv", left)
    assert len(rows(tmp_path / "faces.csv")) == 90
    assert len(left.options) < 70


def test_without_room_to_decode_ahead_all_the_same(tmp_path, sources):
    batch(sources, tmp_path / "a.csv")
    batch(sources, tmp_path / "b.csv", limits=replace(LIMITS, held_pixels=8))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_groups_depend_on_the_pictures_alone():
    pictures = [Opened(str(number), gradient(100, 100)) for number in range(9)] + [Opened("bad", None, {})]
    assert [len(group) for group in groups(iter(pictures), 1_000_000)] == [8, 2]
    assert [len(group) for group in groups(iter(pictures), 25_000)] == [3, 3, 3, 1]


def test_progress_is_told_to_the_end(tmp_path, sources):
    heard = []
    batch(sources, tmp_path / "faces.csv", tell=lambda counts, names: heard.append((counts.pictures, names)))
    assert heard[0] == (0, 90)
    assert heard[-1] == (90, 90)
    assert heard == sorted(heard)


@pytest.mark.parametrize("kind", KINDS)
def test_what_else_is_asked_has_columns_at_the_end_and_goes_on(tmp_path, sources, kind):
    needs(kind)
    out, asked = tmp_path / f"faces{kind}", DetectOptions(attributes=("gender",))

    class Ending(FakePipeline):
        def detect(self, images, options):
            if len(self.options) > PART:
                raise KeyboardInterrupt
            return super().detect(images, options)

    with pytest.raises(KeyboardInterrupt):
        batch(sources, out, Ending(GENDER), options=asked)
    batch(sources, out, FakePipeline(GENDER), options=asked)
    found = [row for row in rows(out) if not row["error"]]
    assert tuple(found[0]) == (*COLUMNS, "gender", "gender_confidence", "gender_female", "gender_male")
    assert {row["gender"] for row in found} == {"female", "male"}
    assert all(float(row["gender_female"]) == pytest.approx(float(row["angry"]), abs=2e-4) for row in found)
