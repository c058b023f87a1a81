"""What decoding takes: the command that measures it, on small pictures."""

import sys

import pytest

from app.pictures.decode import FORMATS
from benchmarks import decoding
from benchmarks.decoding import BEGINNING, END, Taken, main, table
from benchmarks.decoding_cases import CASES
from benchmarks.server import ROOT


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_format_takes_more_than_its_weight(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGINNING}\nold\n{END}\nafter\n")
    monkeypatch.setattr(sys, "argv", ["decoding", "--megapixels", "3", "--check", "--page", str(page)])
    main()  # exits if one does
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "old" not in written
    for name in CASES:
        assert f"| {name} |" in written


def test_a_format_that_weighs_too_little_is_named(monkeypatch):
    heavy = Taken(pixels=10**8, pixel_bytes=12.2, weighed_bytes=12, took_s=1.0, held_ms=1.0)
    assert heavy.too_light
    monkeypatch.setattr(decoding, "measure", lambda payload: heavy)
    monkeypatch.setattr(sys, "argv", ["decoding", "--megapixels", "0.01", "--check", "--only", "BMP"])
    with pytest.raises(SystemExit, match="too lightly: BMP"):
        main()


def test_the_docs_hold_every_case_and_none_that_weighs_too_little():
    page = (ROOT / "docs" / "experiments" / "decoders.md").read_text()
    written = page.partition(BEGINNING)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| ")][1:]
    assert [name for name, _, _ in rows] == list(CASES)
    assert all(float(taken) <= float(weighed) for _, taken, weighed in rows)


def test_every_format_is_measured():
    assert {file_format for file_format, _, _ in CASES.values()} == set(FORMATS)


def test_the_table_says_what_was_measured():
    taken = Taken(pixels=10**6, pixel_bytes=8.04, weighed_bytes=10, took_s=0.1, held_ms=3)
    assert "| JPEG | 8.0 | 10 |" in table({"JPEG": taken}, 12)
