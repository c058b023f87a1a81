"""Damaged pictures end in an answer or in one of three errors, never in another exception, a hang or a huge picture."""

import base64
import json
import random

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadPayload, PayloadTooLarge, UnsupportedMedia
from app.pictures.decode import FORMATS
from app.pictures.jpeg_markers import jpeg_markers
from app.pictures.open import decode_picture
from app.pictures.workers import Workers
from tests.hostile.pictures import mutate, seeds

MAX_PIXELS = 1_000_000
SEEDS = seeds()


WORKERS = Workers()


@pytest.fixture(scope="module", autouse=True)
def workers():
    with WORKERS:
        yield


def check(payload):
    """Decode in full and, where it is a JPEG, at a quarter; say whether the payload is a picture."""
    whole = decoded(payload, None)
    reduced = decoded(payload, 10)
    assert (whole is None) == (reduced is None)
    if whole is None or reduced is None:
        return False
    assert (whole.width, whole.height) == (reduced.width, reduced.height)
    return True


def decoded(payload, long_side_px):
    try:
        picture = decode_picture(payload, MAX_PIXELS, long_side_px=long_side_px, workers=WORKERS)
    except (BadPayload, PayloadTooLarge, UnsupportedMedia):
        return None
    height, width, channels = picture.image.shape
    assert channels == 3
    assert 0 < width * height <= picture.width * picture.height <= MAX_PIXELS
    return picture


def run_mutations(count, seed):
    generator = random.Random(seed)  # noqa: S311 - repeatable, not secret
    decoded = 0
    for number in range(count):
        _, payload = SEEDS[number % len(SEEDS)]
        decoded += check(mutate(payload, generator))
    assert 0 < decoded < count  # Mutations that always or never survive would test little.


def test_sound_pictures_are_decoded():
    assert {fmt for fmt, _ in SEEDS} == set(FORMATS)
    assert all(check(payload) for _, payload in SEEDS)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata
def test_mutated_pictures():
    run_mutations(600, seed=1)


@pytest.mark.filterwarnings("ignore")
def test_mutated_pictures_over_http(client):
    generator, statuses = random.Random(3), set()  # noqa: S311 - repeatable, not secret
    for number in range(200):
        payload = mutate(SEEDS[number % len(SEEDS)][1], generator)
        statuses.add(client.post("/detect", content=payload).status_code)
    assert {200, 400} <= statuses <= {200, 400, 413, 415}


def test_heic_without_a_picture_is_refused(client):
    answer = client.post("/detect", content=b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    assert (answer.status_code, answer.json()["code"]) in {(400, "bad_payload"), (415, "unsupported_media")}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_mutated_pictures():
    run_mutations(10_000, seed=2)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_requests_leave_the_memory_flat(client):
    """Every third one is JSON with a damaged picture in it, or is damaged itself."""
    generator, statuses, resident = random.Random(4), set(), []  # noqa: S311 - repeatable, not secret
    for number in range(10_000):
        payload, headers = mutate(SEEDS[number % len(SEEDS)][1], generator), {}
        if number % 3 == 0:
            payload = json.dumps({"image": base64.b64encode(payload).decode()}).encode()
            payload = mutate(payload, generator) if number % 2 else payload
            headers = {"Content-Type": "application/json"}
        statuses.add(client.post("/detect", content=payload, headers=headers).status_code)
        if number % 1000 == 999:
            resident.append(psutil.Process().memory_info().rss / 1e6)
    assert {200, 400, 422} <= statuses <= {200, 400, 413, 415, 422}
    assert resident[-1] < resident[1] + 50, resident


@pytest.mark.parametrize(("fmt", "payload"), SEEDS, ids=[f"{fmt}{number}" for number, (fmt, _) in enumerate(SEEDS)])
@pytest.mark.filterwarnings("ignore")
def test_truncation_at_every_part(fmt, payload):
    assert not check(payload[: len(payload) // 3])
    for cut in range(0, min(len(payload), 64)):
        check(payload[:cut])


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\x00", b"\xff\xda", b"\xff\xda\x00\x02", b"\xff\xd0", b"\xff\x01"])
def test_the_search_for_scans_takes_linear_time(filling):
    """With quadratic time two megabytes would take hours."""
    payload = b"\xff\xd8" + filling * (2_000_000 // len(filling))
    assert sum(1 for _ in jpeg_markers(payload)) <= len(payload)
    assert not check(payload)


@settings(max_examples=150, deadline=None)
@given(header=st.sampled_from([payload[:48] for _, payload in SEEDS]), tail=st.binary(max_size=200), data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_headers_of_hypothesis(header, tail, data):
    """Sound beginnings with any bytes exchanged, followed by anything."""
    changed = bytearray(header)
    places = st.dictionaries(st.integers(0, len(changed) - 1), st.integers(0, 255), max_size=8)
    for place, value in data.draw(places).items():
        changed[place] = value
    check(bytes(changed) + tail)


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=300))
def test_anything_at_all(payload):
    assert not check(payload) or payload[:2] in (b"\xff\xd8", b"BM", b"II", b"MM")
