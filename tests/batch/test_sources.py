"""What counts as a picture of which source, in which order."""

import io
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

from app.batch.payloads import payloads
from app.batch.sources import Name, Sources
from app.errors import InvalidRequest


@pytest.fixture
def album(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "notes.md", "deep/c.webp", "deep/deeper/d.png"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("in/e.png", b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "album"


def names(*given, stdin=b""):
    return [each.shown for each in Sources(given, io.BytesIO(stdin), 1000).names()]


ALL = ["album/a.JPG", "album/b.png", "album/deep/c.webp", "album/deep/deeper/d.png"]


def test_a_folder_is_all_its_pictures_sorted(album):
    assert names("album") == ALL


def test_links_are_followed_to_files_not_to_folders(album):
    (album / "loop.png").symlink_to("loop.png")
    (album / "dangling.png").symlink_to("nowhere")
    (album / "round").symlink_to(album, target_is_directory=True)
    (album / "z.png").symlink_to("b.png")
    found = names("album")
    assert sorted({*found} - {*ALL}) == ["album/dangling.png", "album/loop.png", "album/z.png"]
    assert len(found) == len(ALL) + 3


def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=deep)
        deeper = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(os.open("a.png", os.O_CREAT, dir_fd=deep))
    os.close(deep)
    try:
        assert names(".") == ["d/" * 1200 + "a.png"]
    finally:
        subprocess.run(["rm", "-r", "d"], check=True)  # pytest's own removal is not so deep


def test_patterns_archives_and_files_in_the_order_given(album):
    assert names("more.zip", "album/*.[jJ]*", "album/**/d*.png", "album/notes.md") == [
        "more.zip/in/e.png", "album/a.JPG", "album/deep/deeper/d.png", "album/notes.md",
    ]  # fmt: skip


def test_sources_and_archives_count_once(album):
    assert names("album", "more.zip", "album", "./more.zip", "*.zip") == [*ALL, "more.zip/in/e.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
@pytest.mark.parametrize("last", ["", "end"])
def test_lists_name_files_folders_and_archives(album, end, last):
    text = end.join(["album/b.png", "", "album/deep", "more.zip", "gone.png"]) + (end if last else "")
    expected = ["album/b.png", "album/deep/c.webp", "album/deep/deeper/d.png", "more.zip/in/e.png", "gone.png"]
    for list_file in ("list.txt", "names"):
        Path(list_file).write_bytes(text.encode())
    assert names("list.txt") == names("@names") == names("-", stdin=text.encode()) == expected


def test_a_long_list_is_read_in_chunks(album):
    listed = [f"folder/{number:06}.png" for number in range(10_000)]
    assert names("-", stdin="\n".join(listed).encode()) == listed


def test_names_that_are_not_utf_8_are_kept_and_shown(album):
    (album / os.fsdecode(b"caf\xe9.png")).touch()
    [name] = [each for each in Sources(["album"], io.BytesIO(), 1000).names() if "caf" in each.path]
    again = Name.of_line(name.line())
    assert again == name
    assert Path(again.path).exists()
    assert name.shown == "album/caf\\xe9.png"


@pytest.fixture
def as_nobody():
    """Root may read everything."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "closed").mkdir(mode=0)
        if user == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)
            (Path(folder) / "closed").chmod(0o700)


def test_a_folder_without_permission_is_a_name_whose_reading_says_so(as_nobody):
    [(name, read)] = payloads(Sources([str(as_nobody)], io.BytesIO(), 1000).names(), 1000)
    assert name.shown == str(as_nobody / "closed")
    with pytest.raises(PermissionError, match="Permission denied"):
        read()


@pytest.mark.parametrize("given", ["gone.png", "@gone", "gone.txt", "gone/"])
def test_what_is_not_there_is_said_at_once(album, given):
    with pytest.raises(InvalidRequest, match="no such file"):
        Sources([given], io.BytesIO(), 1000)


def test_a_pattern_that_fits_nothing_is_said(album):
    with pytest.raises(InvalidRequest, match="nothing fits"):
        names("*.tiff")


def test_the_digest_tells_changed_sources(album):
    def digest(*given, stdin=b""):
        return Sources(given, io.BytesIO(stdin), 1000).digest()

    os.mkfifo("pipe.png")
    assert digest("album", "-", stdin=b"a") == digest("album", "-", stdin=b"a")
    assert len({digest("album"), digest("more.zip"), digest("album", "more.zip"), digest("pipe.png")}) == 4
    assert digest("-", stdin=b"a") != digest("-", stdin=b"b")
    before = digest("more.zip"), digest("album")
    with zipfile.ZipFile("more.zip", "a") as archive:
        archive.writestr("f.png", b"")
    assert (digest("more.zip") != before[0], digest("album") == before[1]) == (True, True)
