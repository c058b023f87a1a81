"""The suite of attacks: its files are what they claim, its clients do what they should, and broken limits are named."""

import asyncio
import contextlib
import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image as Pillow

from benchmarks.attacks import files, rows
from benchmarks.attacks.attacker import Outcome
from benchmarks.attacks.catalogue import all_attacks
from benchmarks.attacks.honest import HUNG_S, Watched
from benchmarks.attacks.measure import Aim, Figures
from benchmarks.attacks.report import as_json, faults, promised_mb, table
from benchmarks.attacks.soak import Soak, Turn, write_into
from benchmarks.attacks.target import Done, Target, flood, run

QUIET = Watched([2.0, 5.0], [40.0, 60.0], asked=2, streams=1)
UNDER = Watched([3.0, 90.0], [80.0, 100.0], asked=2, streams=1)
GOOD = Figures(
    "name", 1, "what", QUIET, UNDER, Outcome(10.0, 0.3, {"200": 9}, {"404": (100, 100)}), (400.0, 900.0, 500.0), 60.0
)


@contextlib.asynccontextmanager
async def serving(answer):
    """A server that gives the same answer to each head, or hangs up if there is none."""

    async def handle(reader, writer):
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n") and answer:
                    writer.write(answer)
        finally:  # the loop's end cancels it
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])


def test_every_point_has_an_attack_and_every_attack_its_line():
    attacks = all_attacks()

    assert {each.point for each in attacks.values()} == set(range(1, 18))
    assert all(each.what and each.name == name for name, each in attacks.items())


@pytest.mark.parametrize("name", ["long_paths", "query_names", "session_updates", "silent_connections", "odd_requests"])
def test_an_attack_makes_its_clients(name):
    assert len(all_attacks()[name].make(Target("127.0.0.1", 1))) > 4


def test_clients_ask_again_and_again_until_the_time_is_up():
    async def attack():
        async with serving(b"HTTP/1.1 204 a\r\nContent-Length: 0\r\n\r\n") as target:
            await run(target, flood(target, [b"GET / HTTP/1.1\r\n\r\n"], 3), 0.2)
        return target

    target = asyncio.run(attack())

    assert target.seen["204"] > 3
    assert set(target.seen) == {"204"}


def test_clients_that_are_thrown_out_come_again():
    async def attack():
        async with serving(b"") as target:
            await run(target, flood(target, [b"GET / HTTP/1.1\r\n\r\n"], 1), 0.3)
        return target

    assert asyncio.run(attack()).seen["broken: ConnectionError"] > 1


def test_an_attack_ends_when_all_its_clients_are_done():
    async def attack():
        target = Target("127.0.0.1", 1)

        async def ask():
            target.tried("kind", right=len(target.tries.get("kind", ())) == 0)
            raise Done

        await asyncio.wait_for(run(target, [ask, ask], 3_600), 30)
        return target

    assert asyncio.run(attack()).tries == {"kind": [1, 2]}


@pytest.mark.filterwarnings("ignore:Metadata Warning")  # Pillow reads an AVIF's EXIF as soon as it opens it
@pytest.mark.parametrize(
    ("made", "file_format", "size"),
    [
        (lambda: files.gif_of_crumbs(0xFE), "GIF", (1, 1)),
        (lambda: files.webp_of_crumbs(), "WEBP", (64, 64)),
        (lambda: files.jpeg_of_crumbs(), "JPEG", (64, 64)),
        (lambda: files.large_png(300, 2_000, 6), "PNG", (300, 2_000)),
        (lambda: files.large_png(1, 1_000_001, 0), "PNG", (1, 1_000_001)),
        (lambda: files.with_exif("AVIF", files.exif_of_many(files.RATIONAL, 8_000)), "AVIF", (64, 64)),
    ],
)
def test_the_files_are_pictures(made, file_format, size):
    with Pillow.open(io.BytesIO(made())) as picture:
        assert (picture.format, picture.size) == (file_format, size)


@pytest.mark.parametrize("kind", [files.RATIONAL, files.LONG])
def test_exif_claims_as_many_orientations_as_fit(kind):
    exif = files.exif_of_many(kind, 80_000)

    assert len(exif) > 80_000
    assert exif in files.with_exif("PNG", exif)
    assert int.from_bytes(exif[14:18], "little") == (10_000 if kind == files.RATIONAL else 20_000)


def test_within_all_limits_there_is_no_fault():
    assert faults(GOOD, 4_000.0) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"under": replace(UNDER, livez_ms=[251.0])}, "/livez 251 ms"),
        ({"under": replace(UNDER, livez_ms=[HUNG_S * 1e3])}, "/livez 30000 ms"),
        ({"under": replace(UNDER, detect_ms=[150.0, 151.0, 152.0])}, "/detect 151 ms, in quiet 50"),
        ({"under": replace(UNDER, detect_ms=[50.0, 50.0, 181.0])}, "slowest /detect 181 ms, in quiet 60"),
        ({"under": replace(UNDER, wrong=1)}, "1 of 2 honest requests"),
        ({"under": replace(UNDER, hung=1)}, "1 of 2 honest requests"),
        ({"under": replace(UNDER, refused=Counter({"503": 2}))}, "2 of 2 honest requests"),
        ({"under": replace(UNDER, streams_failed=Counter({"1013": 1}))}, "1 of 1 honest streams"),
        ({"memory_mb": (400.0, 900.0, 701.0)}, "301 MB kept after 60 s"),
        ({"memory_mb": (400.0, 4_401.0, 500.0)}, "4001 MB at the peak"),
        ({"outcome": replace(GOOD.outcome, tries={"404": (99, 100)})}, "404: 99 of 100"),
    ],
)
def test_a_broken_limit_is_named(changed, named):
    [fault] = faults(replace(GOOD, **changed), 4_000.0)
    assert fault.startswith(named)


def test_no_answer_at_all_is_a_fault():
    silent = replace(GOOD, under=Watched(asked=1, hung=1))

    assert len(faults(silent, 4_000.0)) == 4
    assert "| 5, none | 50, none | 60, none | 0, 1, 0 of 1 |" in table([silent])


def test_the_docs_promise_a_most_of_memory():
    assert promised_mb() > 1_000


def test_a_report_holds_every_figure():
    [found] = json.loads(as_json([GOOD], "here and now"))["attacks"]

    assert found["under"]["livez_slowest_ms"] == "90"
    assert found["memory_mb"] == [400, 900, 500]
    assert found["outcome"]["tries"] == {"404": [100, 100]}


def test_elsewhere_all_clients_have_the_same_address():
    assert Aim("127.0.0.1", 80).target("127.0.0.2").source == "127.0.0.2"
    assert Aim("192.0.2.1", 80).target("127.0.0.2").source is None


def test_a_soak_writes_its_figures_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    begin, end = "<!-- attacks: written by python -m benchmarks.attacks --soak -->", "<!-- attacks: end -->"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    turns = [Turn(f"attack {place % 2}", UNDER, QUIET, 900.0, 500.0, place / 2) for place in range(6)]
    soak = Soak(400.0, QUIET, turns, rested_mb=450.0)

    write_into(page, soak.text())

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{end}\nafter\n")
    assert "old" not in text
    assert "| `attack 1` | 3 | 90 | 90, 100 | 0 of 9 | 900 |" in text
    assert "slope +0.0 MB a minute" in text
    assert "and 450 MB at the end" in text
    assert soak.faults() == []


def test_the_rows_of_attacks_are_written_in_portions(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{rows.BEGINNING}\n{rows.END}\nafter\n")
    rows.write_rows(page, [replace(GOOD, name="query_names"), replace(GOOD, name="crumbs")], "yesterday")
    changed = replace(GOOD, under=replace(UNDER, livez_ms=[7.0]))

    rows.write_rows(page, [replace(changed, name="crumbs"), replace(changed, name="long_paths")], "today")

    text = page.read_text()
    assert text.endswith(f"{rows.END}\nafter\n")
    assert "yesterday" not in text
    written = [line for line in text.splitlines() if line.startswith("| `")]
    assert [line.split(" | ")[0:3:2] for line in written] == [
        ["| `long_paths`", "5, 7"], ["| `query_names`", "5, 90"], ["| `crumbs`", "5, 7"],
    ]  # fmt: skip
    assert text.count("| attack | point |") == 1


def test_a_page_without_markers_is_left_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before")

    with pytest.raises(ValueError, match="lacks the lines"):
        write_into(page, "figures")
    assert page.read_text() == "before"


@pytest.mark.parametrize(
    ("worse", "rested_mb"),
    [
        (Turn("a", replace(UNDER, livez_ms=[300.0]), QUIET, 900.0, 500.0, 1.0), 500.0),
        (Turn("a", replace(UNDER, wrong=1), QUIET, 900.0, 500.0, 1.0), 500.0),
        (Turn("a", UNDER, QUIET, 900.0, 500.0, 1.0), 701.0),
    ],
)
def test_a_soak_that_is_not_flat_says_so(worse, rested_mb):
    assert len(Soak(400.0, QUIET, [worse], rested_mb).faults()) == 1
