"""Archives: what is read of them, and what damage, bombs and strange members come to."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from app.batch.archives import AND_BYTES, HEADER_BYTES, members
from app.errors import MienError, PayloadTooLarge, UnsupportedMedia

MOST = 10_000
PICTURES = {"b.png": b"second", "deep/a.JPG": b"first"}
KINDS = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.tar.zst"]


def tar_bytes(entries):
    """A tar of (name, payload) pairs and ready-made TarInfos."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for each in entries:
            if isinstance(each, tarfile.TarInfo):
                tar.addfile(each)
                continue
            info = tarfile.TarInfo(each[0])
            info.size = len(each[1])
            tar.addfile(info, io.BytesIO(each[1]))
    return file.getvalue()


def make(path, entries):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, payload in entries:
                archive.writestr(name, payload)
    elif path.suffix == ".zst":
        pyarrow = pytest.importorskip("pyarrow", reason="reads .zst; extra batch")
        path.write_bytes(pyarrow.compress(tar_bytes(entries), codec="zstd", asbytes=True))
    else:
        mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz", ".tar": "w"}[path.suffix]
        with tarfile.open(path, mode) as tar:
            for name, payload in entries:
                info = tarfile.TarInfo(name)
                info.size = len(payload)
                tar.addfile(info, io.BytesIO(payload))
    return path


def read(path):
    """Return name -> bytes or error, in the archive's order."""
    found = {}
    for each in members(path, MOST):
        try:
            found[each.name] = each.read()
        except MienError as error:
            found[each.name] = error
    return found


@pytest.mark.parametrize("name", KINDS)
def test_pictures_are_read_in_order_and_others_left_out(tmp_path, name):
    entries = [*PICTURES.items(), ("notes.txt", b"no"), ("__MACOSX/._b.png", b"no"), ("too-large.png", bytes(MOST + 1))]
    found = read(make(tmp_path / name, entries))
    assert list(found.items())[:2] == list(PICTURES.items())
    assert isinstance(found.pop("too-large.png"), PayloadTooLarge)
    assert found == PICTURES


@pytest.mark.parametrize("name", KINDS)
def test_places_do_not_depend_on_what_is_read(tmp_path, name):
    path = make(tmp_path / name, [("notes.txt", b"no"), *PICTURES.items(), ("c.png", b"third")])
    unread = [(each.at, each.name) for each in members(path, MOST)]
    assert unread == [(each.at, each.name) for each in members(path, MOST) if each.read()]
    assert [at for at, _ in unread] == [1, 2, 3]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_paths_that_climb_out_lead_nowhere(tmp_path, name):
    path = make(tmp_path / name, [("../outside.png", b"inside"), ("/etc/a.png", b"here")])
    assert read(path) == {"../outside.png": b"inside", "/etc/a.png": b"here"}
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("cut", [0.0, 0.5])
def test_damage_is_the_last_word(tmp_path, name, cut):
    pictures = [(f"{number}.png", os.urandom(2000)) for number in range(20)]
    path = make(tmp_path / name, pictures)
    payload = path.read_bytes()
    path.write_bytes(payload[: int(len(payload) * cut)] if cut else b"no archive at all" * 100)
    found = read(path)
    assert isinstance(found[""], MienError)
    assert list(found)[-1] == ""
    assert {code.code for code in found.values() if isinstance(code, MienError)} == {"bad_payload"}
    whole = {name: payload for name, payload in found.items() if isinstance(payload, bytes)}
    assert whole.items() <= dict(pictures).items()


def test_a_damaged_member_costs_itself(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"intact")
        archive.writestr("b.png", b"damaged")
    path.write_bytes(path.read_bytes().replace(b"damaged", b"dAmaged"))
    found = read(path)
    assert found["a.png"] == b"intact"
    assert found["b.png"].code == "bad_payload"


def test_an_encrypted_member_says_so(tmp_path):
    path = make(tmp_path / "a.zip", PICTURES.items())
    payload = bytearray(path.read_bytes())
    payload[6] |= 1  # the first member's flags, before it and in the directory
    payload[payload.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(payload)
    found = read(path)
    assert isinstance(found["b.png"], UnsupportedMedia)
    assert "encrypted" in str(found["b.png"])
    assert found["deep/a.JPG"] == b"first"


def test_a_packing_that_is_not_known_says_so(tmp_path):
    path = make(tmp_path / "a.zip", PICTURES.items())
    payload = bytearray(path.read_bytes())
    payload[8] = payload[payload.index(b"PK\x01\x02") + 10] = 97
    path.write_bytes(payload)
    assert isinstance(read(path)["b.png"], UnsupportedMedia)


@pytest.mark.parametrize(
    ("kind", "what"),
    [(tarfile.CHRTYPE, "device"), (tarfile.FIFOTYPE, "device"), (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link")],
)
def test_what_is_no_file_in_a_tar_says_what_it_is(tmp_path, kind, what):
    odd = tarfile.TarInfo("odd.png")
    odd.type, odd.linkname = kind, "/etc/passwd"
    (tmp_path / "a.tar").write_bytes(tar_bytes([odd, ("b.png", b"after")]))
    found = read(tmp_path / "a.tar")
    assert what in str(found["odd.png"])
    assert found["b.png"] == b"after"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_an_archive_that_holds_too_much_ends_there(tmp_path, name):
    zeros = bytes(5_000_000)
    found = read(make(tmp_path / name, [(f"{number}.png", zeros) for number in range(2 * AND_BYTES // len(zeros))]))
    assert isinstance(found[""], PayloadTooLarge)
    assert len(found) < 2 * AND_BYTES // len(zeros)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_header_without_end_is_not_read(tmp_path, pack):
    huge = tarfile.TarInfo("a.png")
    huge.pax_headers = {"comment": "x" * 2 * HEADER_BYTES}
    path = tmp_path / ("a.tar" if pack is bytes else "a.tar.gz")
    path.write_bytes(pack(tar_bytes([("first.png", b"1"), huge])))
    found = read(path)
    assert found["first.png"] == b"1"
    assert isinstance(found[""], PayloadTooLarge)
