"""Pictures in object stores: a small server that speaks S3 holds them."""

import io
import json

import pytest

pytest.importorskip("pyarrow.fs", reason="extra batch")

from app.batch.payloads import payloads
from app.batch.sources import Name, Sources
from app.batch.stores import PATIENCE_S, Stores, _why
from app.errors import InvalidRequest, PayloadTooLarge
from tests.batch.runs import LIMITS, batch
from tests.support.object_store import object_store
from tests.support.pictures import encode, gradient

KEYS = ("a.JPG", "b.png", "deep/c%20d ?#.webp", "deep/deeper/é.png", "deep.png", "z.png")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    for number, key in enumerate(KEYS):
        path = root / "photos" / "days" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(gradient(40 + number, 30)))
    (root / "photos/days/notes.txt").write_text("no picture")
    (root / "photos/days/bad.png").write_bytes(b"no picture")
    (root / "photos/days/large.png").write_bytes(bytes(LIMITS.max_bytes + 1))
    (root / "photos/days/album.zip").touch()
    with object_store(root) as store:
        yield store


def names(*given, stdin=b""):
    return [each.path for each in Sources(given, io.BytesIO(stdin), 1000).names()]


def read(address, max_bytes=1_000_000):
    [(_, read)] = payloads([Name(address)], max_bytes)
    return read()


def local(root):
    return [each.replace(f"{root}/", "s3://") for each in names(str(root / "photos"))]


@pytest.mark.parametrize("given", ["s3://photos", "s3://photos/", "s3://photos/days", "s3://photos/days/"])
def test_a_folder_is_all_its_pictures_in_the_order_of_a_folder_here(store, given):
    assert names(given) == local(store.root)
    assert len(names(given)) == len(KEYS) + 2


def test_the_rows_are_those_of_the_same_folder_here(store, tmp_path, monkeypatch):
    monkeypatch.chdir(store.root)
    batch(["photos"], tmp_path / "here.jsonl")
    summary = batch(["s3://photos"], tmp_path / "there.jsonl")
    here, there = ((tmp_path / name).read_text() for name in ("here.jsonl", "there.jsonl"))
    assert there.replace('"s3://photos/', '"photos/') == here
    assert summary.startswith("8 pictures, 6 faces, 0 without a face, 2 failed")


def test_what_is_named_is_looked_at_whatever_its_name_and_once(store):
    given = ("s3://photos/days/notes.txt", "s3://photos/days/deep", "s3://photos/days/deep/", "s3://photos/days/z.png")
    found = names(*given)
    assert found[0] == given[0]
    assert found[1:] == [f"s3://photos/days/{key}" for key in (*KEYS[2:4], KEYS[5])]


def test_lists_name_objects_and_folders_that_end_with_a_slash(store):
    lines = ["s3://photos/days/gone.png", "s3://photos/days/deep/deeper/", "s3://photos/days/deep"]
    expected = [lines[0], "s3://photos/days/deep/deeper/é.png", lines[2]]
    assert names("-", stdin="\n".join(lines).encode()) == expected


def test_the_digest_is_that_of_the_address(store):
    def digest(*given):
        return Sources(given, io.BytesIO(), 1000).digest()

    assert digest("s3://photos/days") == digest("s3://photos/days/") != digest("s3://photos/days/deep")


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("days/gone.png", "No such file or directory"),
        ("days/forbidden.png", "ACCESS_DENIED"),
        ("days/deep", "No such file or directory"),
        ("days//a.png", "Empty path component"),
    ],
)
def test_what_cannot_be_read_says_why(store, key, detail):
    with pytest.raises(OSError, match=detail):
        read(f"s3://photos/{key}")


def test_a_large_object_is_not_fetched(store):
    with pytest.raises(PayloadTooLarge, match=r"has 50,001 bytes; at most 50,000 are read"):
        read("s3://photos/days/large.png", LIMITS.max_bytes)


def test_errors_cost_a_row_each(store, tmp_path):
    given = tmp_path / "list.txt"
    given.write_text("s3://photos/days/gone.png\ns3://photos/days/z.png\n")
    batch([given], tmp_path / "x.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [row["error"] for row in rows] == ["file_error", None]


def test_an_address_with_keys_in_a_list_stops_the_run_before_it_begins(store, tmp_path):
    given = tmp_path / "list.txt"
    given.write_text("s3://photos/days/z.png\ns3://who:knows@photos/x.png\n")
    with pytest.raises(InvalidRequest, match="the name of a bucket alone") as raised:
        batch([given], tmp_path / "x.jsonl")
    assert "knows" not in str(raised.value)
    assert list(tmp_path.iterdir()) == [given]


def test_a_fault_without_words_is_named():
    assert _why(OSError()) == "OSError"


def test_keys_with_empty_parts_are_names_whose_reading_fails(store):
    store.more["odd//a.png"] = b""
    try:
        [name] = names("s3://photos/odd")
        with pytest.raises(OSError, match="Empty path component"):
            read(name)
    finally:
        store.more.clear()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("s3://photos/gone", "no such object or folder"),
        ("s3://nowhere/x.png", "no such object or folder"),
        ("s3://photos/*.png", "patterns are for files here only"),
        ("s3://photos/days/album.zip", "archives are not read in object stores"),
        ("s3://photos/forbidden", "ACCESS_DENIED"),
        ("s3://", "the name of a bucket alone"),
        ("s3://photos?region=x/a.png", "the name of a bucket alone"),
        ("s3://anonymous@photos/a.png", "the name of a bucket alone"),
        ("gs://who:knows@photos/a.png", "the name of a bucket alone"),
        ("s3://who:knows@photos/a.zip", "the name of a bucket alone"),
    ],
)
def test_what_cannot_be_a_source_is_said_at_once(store, given, told):
    with pytest.raises(InvalidRequest, match=told) as raised:
        Sources([given], io.BytesIO(), 1000)
    assert "knows" not in str(raised.value)


def test_a_folder_that_cannot_be_listed_stops_the_run_before_it_begins(store, tmp_path):
    given = tmp_path / "list.txt"
    given.write_text("s3://photos/days/z.png\ns3://photos/forbidden/\n")
    with pytest.raises(InvalidRequest, match=r"s3://photos/forbidden/: .*ACCESS_DENIED"):
        batch([given], tmp_path / "x.jsonl")
    assert list(tmp_path.iterdir()) == [given]


def test_buckets_of_google_are_opened_with_bounded_patience():

    system, path = Stores()._place("gs://anonymous@photos/a/b.png")
    assert (type(system).__name__, path) == ("GcsFileSystem", "photos/a/b.png")
    _, [told] = system.__reduce__()
    assert (told["anonymous"], told["retry_time_limit"].total_seconds()) == (True, PATIENCE_S)
