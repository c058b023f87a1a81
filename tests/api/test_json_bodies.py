"""Pictures as base64 in JSON."""

import base64
import json

import pytest

from app.api.wire.json_text import JsonReader
from app.faces.types import DetectOptions
from tests.api.asgi import Exchange
from tests.api.test_detect import check_problem
from tests.api.test_limits import serve
from tests.support.pictures import encode, gradient
from tests.support.pipeline import digest_probabilities

IMAGE = gradient(100, 60)
PICTURE = encode(IMAGE)
TEXT = base64.b64encode(PICTURE).decode()


def face_of(entry):
    return tuple((entry["faces"][0] if "faces" in entry else entry)["probabilities"].values())


SPELLINGS = {
    "plain": json.dumps(TEXT),
    "data address": json.dumps(f"data:image/png;base64,{TEXT}"),
    "lines": json.dumps(base64.encodebytes(PICTURE).decode()),
    "no padding": json.dumps(TEXT.rstrip("=")),
    "url-safe": json.dumps(base64.urlsafe_b64encode(PICTURE).decode()),
    "PHP": json.dumps(TEXT).replace("/", "\\/"),
    "C#": json.dumps(TEXT).replace("+", "\\u002B"),
    "Gson": json.dumps(TEXT).replace("=", "\\u003d"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_usual_spelling(client, spelling):
    body = f'{{"image": {SPELLINGS[spelling]}, "max_faces": 1}}'
    answer = client.post("/detect", content=body, headers={"content-type": "application/json; charset=utf-8"})
    assert answer.status_code == 200, answer.text
    assert face_of(answer.json()) == digest_probabilities(IMAGE)


@pytest.mark.parametrize("size", [1, 2, 5, 100, 4096])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_pieces_of_any_size(spelling, size):
    reader, body = JsonReader(10**6), f'{{"a\\"\\\\": {SPELLINGS[spelling]}, "b": [1]}}'.encode()
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    value = reader.finish()
    assert (list(value), value["b"]) == (['a"\\', "b"], [1])
    assert reader.upload(value['a"\\']).payload == PICTURE


@pytest.mark.parametrize("size", [1, 2, 5, 100, 4096])
def test_plus_signs_that_became_spaces_are_told_and_not_left_out(size):
    text = "/9j/" + "AAAA" * 100
    for spaced, told in ((f"{text}A AA{text}", True), (f"{text}\r\n  \t{text}", False), (f" {text} ", False)):
        reader, body = JsonReader(10**6), json.dumps({"image": spaced}).encode()
        for start in range(0, len(body), size):
            reader.feed(body[start : start + size])
        upload = reader.upload(reader.finish()["image"])
        assert (upload.fault is not None and "plus signs" in str(upload.fault)) == told


@pytest.mark.parametrize("value", [[TEXT], [TEXT, TEXT], 3, {"content": TEXT}, True])
def test_one_picture_is_one_text(client, value):
    answer = client.post("/detect", json={"image": value})
    check_problem(answer, 422, "invalid_request")
    assert "'image' must be one text" in answer.json()["detail"]
    assert "/detect/batch" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
@pytest.mark.parametrize("value", [TEXT, [[TEXT]], [None], [{"image": TEXT}]])
def test_several_pictures_are_a_list_of_texts(client, path, value):
    answer = client.post(path, json={"images": value})
    check_problem(answer, 422, "invalid_request")
    assert "'images' must be a list of texts" in answer.json()["detail"]


def test_options_stand_beside_the_picture(client, fake_pipeline):
    client.post("/detect?max_faces=2", json={"image": TEXT, "max_faces": 3, "min_face_px": None})
    assert fake_pipeline.options == [DetectOptions(max_faces=3)]
    check_problem(client.post("/detect", json={"image": TEXT, "max_faces": 0}), 422, "invalid_request")


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_several(client, path):
    images = [gradient(seed=seed) for seed in range(3)]
    texts = [base64.b64encode(encode(image)).decode() for image in images]
    texts.insert(1, "https://a.example/" + "a" * 300)
    texts.insert(2, "no base64!")
    results = client.post(path, json={"images": texts}).json()["results"]
    assert [face_of(entry) for entry in (results[0], *results[3:])] == [digest_probabilities(i) for i in images]
    assert "fetches nothing" in results[1]["error"]["detail"]
    assert results[2]["error"]["code"] == "bad_payload"
    assert len(client.post(path, json={"image": TEXT}).json()["results"]) == 1
    most = 32 if path == "/detect/batch" else 64
    check_problem(client.post(path, json={"images": ["AAAA"] * (most + 1)}), 413, "payload_too_large")


@pytest.mark.parametrize("address", ["http://a.example/a.jpg", "https://a.example/" + "a" * 400, "FILE:///etc/passwd"])
def test_nothing_is_fetched_and_the_error_says_why(client, address):
    problem = check_problem(client.post("/detect", json={"image": address}), 422, "invalid_request")
    assert "fetches nothing" in problem["detail"]
    assert "base64" in problem["detail"]


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ([TEXT], 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"image": 5}, 422, "invalid_request"),
        ({"image": {"content": TEXT}}, 422, "invalid_request"),
        ({"image": TEXT, "images": [TEXT]}, 422, "invalid_request"),
        ({"imag": TEXT}, 422, "invalid_request"),
        ({"image": TEXT[:40] + "=" + TEXT[40:]}, 400, "bad_payload"),
        ({"image": TEXT[:41]}, 400, "bad_payload"),
        ({"image": "data:image/png,abc"}, 400, "bad_payload"),
        ({"image": base64.b64encode(b"x" * 200_001).decode()}, 413, "payload_too_large"),
        ({"image": TEXT, "max_faces": [0] * 40_000}, 400, "bad_payload"),
        ({"image": [""] * 1000}, 400, "bad_payload"),
    ],
)
def test_what_is_wrong_is_said(client, value, status, code):
    check_problem(client.post("/detect", json=value), status, code)


@pytest.mark.parametrize(
    "body", ["", "{", '{"image": "', "[" * 60_000, "nul", "\xff", '{"image": "\\ud800"}', '{"a": 1' + "0" * 5000 + "}"]
)
def test_broken_json(client, body):
    headers = {"content-type": "application/json"}
    answer = client.post("/detect", content=body.encode("iso-8859-1"), headers=headers)
    check_problem(answer, 400, "bad_payload")


def test_json_under_another_type_is_explained(client):
    problem = check_problem(client.post("/detect", content=b'{"image": "AAAA"}'), 415, "unsupported_media")
    assert "application/json" in problem["detail"]


def test_the_limits_count_what_is_decoded():
    """Three pictures of 900 bytes are 3,600 characters; together they may have 2,700 bytes, but not 2,701."""

    async def steps(app, engine):
        headers = (("content-type", "application/json"), ("content-length", "1"))
        for size, status in ((900, 200), (901, 413)):
            text = base64.b64encode(b"x" * size).decode()
            body = json.dumps({"images": [text] * 3}).encode()
            assert (await Exchange(app, [body], headers=headers, path="/detect/batch").run()).status == status

    serve(steps, max_request_bytes=2700, max_image_bytes=1000)


def test_others_have_their_turn_while_json_is_read():
    turns = []

    async def steps(app, engine):
        body = json.dumps({"image": base64.b64encode(b"x" * 4_000_000).decode()}).encode()
        exchange = Exchange(app, [body], headers=(("content-type", "application/json"), ("content-length", "1")))
        turns.append(await exchange.count_turns())
        assert exchange.status == 415

    serve(steps)
    assert turns[0] >= 15
