"""Slips of senders are told by what was slipped on."""

import base64

import numpy as np
import pytest

from app.api.wire.mistakes import FETCHES_NOTHING, LONGEST_BYTES
from tests.api.test_detect import check_problem
from tests.support.pictures import encode, gradient

NAMES = ("photo.jpg", "C:\\photos\\My Face.PNG", "/home/a/bild-ä.heic\n", "./a.b.jpeg")
GIF = base64.b64decode("R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
"""Cut short, but its base64 looks like a form's empty field."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "image/jpeg"])
def test_a_files_name_as_the_body_is_told_with_the_sign_that_is_missing(client, name, media_type):
    answer = client.post("/detect", content=name.encode(), headers={"Content-Type": media_type})
    check_problem(answer, 415, "unsupported_media")
    assert "file's name and not the file: with curl write @ before it" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["/detect", "/detect/batch", "/classify"])
def test_a_files_name_in_a_form_or_in_json_is_told_too(client, route):
    one = route == "/detect"
    form = client.post(route, files={"file" if one else "files": (None, "photo.jpg")})
    in_json = client.post(route, json={"image" if one else "images": "photo.jpg" if one else ["photo.jpg"]})
    for answer in (form, in_json):
        problem = answer.json() if one else answer.json()["results"][0]["error"]
        assert (problem["status"], problem["code"]) == (415, "unsupported_media")
        assert "in JSON goes the file's content as base64" in problem["detail"]


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("before", [b"", b"\n", b"data:image/png;base64,"])
def test_base64_that_is_not_in_json_is_told(client, fmt, before):
    text = before + base64.b64encode(encode(gradient(), fmt))
    body = client.post("/detect", content=text, headers={"Content-Type": "text/plain"})
    field = client.post("/detect", files={"file": (None, text)})
    for answer in (body, field):
        check_problem(answer, 415, "unsupported_media")
        assert answer.json()["detail"].startswith("This is base64 text: send the file's bytes")


@pytest.mark.parametrize("address", ["s3://bucket/photo.jpg", "gs://bucket/a.png", "FTP://a.example/photo.jpg"])
def test_addresses_of_any_kind_are_told(client, address):
    for answer in (client.post("/detect", json={"image": address}), client.post("/detect", content=address.encode())):
        check_problem(answer, 422, "invalid_request")
        assert FETCHES_NOTHING in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_json_without_pictures_is_told_what_the_route_takes(client, path):
    answer = client.post(path, json={"images": []})
    check_problem(answer, 422, "invalid_request")
    assert answer.json()["detail"] == "The JSON has no 'images': a list of base64 texts or data: addresses."


def test_a_url_encoded_form_and_an_address_are_told(client):
    form = client.post("/detect", data={"file": "@photo.jpg", "max_faces": "1"})
    address = client.post("/detect", content=b"https://a.example/photo.jpg")
    check_problem(form, 415, "unsupported_media")
    assert "URL-encoded form" in form.json()["detail"]
    check_problem(address, 422, "invalid_request")
    assert address.json()["detail"] == FETCHES_NOTHING


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "BMP"])
def test_a_picture_that_curl_took_the_line_ends_from_is_told(client, fmt):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    stripped = encode(noise, fmt).translate(None, b"\r\n")  # as -d @photo.jpg does
    answer = client.post("/detect", content=stripped, headers={"Content-Type": "application/x-www-form-urlencoded"})
    check_problem(answer, 400, "bad_payload")
    assert "--data-binary @photo.jpg" in answer.json()["detail"]


def test_only_what_cannot_be_read_is_told_of_lost_line_ends(client):
    gray = encode(np.full((40, 40, 3), 200, np.uint8), "BMP")
    assert len(gray) > LONGEST_BYTES
    assert not {0x0A, 0x0D} & set(gray)
    assert client.post("/detect", content=gray).status_code == 200
    assert "line ends" not in client.post("/detect", content=b"x" * 2_000).json()["detail"]


@pytest.mark.parametrize("path", ["/detect", "/detect/batch", "/classify"])
@pytest.mark.parametrize("media_type", ["multipart/mixed; boundary=x", "Multipart/Related; boundary=x"])
def test_parts_that_are_no_form_are_told(client, path, media_type):
    answer = client.post(path, content=b"--x\r\n\r\n\r\n--x--", headers={"Content-Type": media_type})
    check_problem(answer, 415, "unsupported_media")
    assert "is not read: send multipart/form-data." in answer.json()["detail"]


def test_an_address_in_another_field_is_told_before_the_missing_file(client):
    answer = client.post("/detect", files={"url": (None, "https://a.example/photo.jpg")})
    check_problem(answer, 422, "invalid_request")
    assert FETCHES_NOTHING in answer.json()["detail"]


def test_frames_of_a_stream_are_told_too(client):
    with client.websocket_connect("/detect/stream") as session:
        session.receive_json()
        for slip, code in (
            (base64.b64encode(encode(gradient())), "unsupported_media"),
            (b"http://a.b/c", "invalid_request"),
        ):
            session.send_bytes(slip)
            error = session.receive_json()
            assert (error["type"], error["code"]) == ("frame.error", code)
            assert "base64" in error["detail"]


def test_pictures_are_taken_for_no_slip(client):
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}  # as curl --data-binary @photo.png says
    assert client.post("/detect", content=encode(gradient()), headers=urlencoded).status_code == 200
    cut = client.post("/detect", json={"image": base64.b64encode(GIF).decode()})
    assert "form" not in cut.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_stream_asked_by_http_alone_says_what_it_is(client, method):
    answer = client.request(method, "/detect/stream")
    check_problem(answer, 426, "upgrade_required")
    assert answer.headers["upgrade"] == "websocket"
    detail = answer.json()["detail"]
    assert "this is a WebSocket" in detail
    assert "docs/api.md, section Live" in detail
