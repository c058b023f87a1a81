import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.faces.types import DetectOptions
from app.main import create_app
from app.manifest import LABELS
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import digest_probabilities


def check_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return problem


def test_form_and_raw_body_give_the_same_answer(client):
    payload = encode(gradient(100, 60))
    form = client.post("/detect", files={"file": ("a.png", payload)})
    raw = client.post("/detect", content=payload, headers={"content-type": "image/png"})
    bare = client.post("/detect", content=payload)
    assert form.status_code == raw.status_code == bare.status_code == 200
    assert form.json()["faces"] == raw.json()["faces"] == bare.json()["faces"]


def test_shape_of_an_answer(client):
    image = gradient(100, 60)
    answer = client.post("/detect", files={"file": encode(image)}).json()
    assert answer["image"] == {"width": 100, "height": 60}
    assert set(answer) == {"image", "faces", "timings_ms", "model"}
    [face] = answer["faces"]
    assert face["box"] == {"x": 0, "y": 0, "width": 50, "height": 30}
    assert face["detection_confidence"] == 0.9
    assert face["track_id"] is None
    assert tuple(face["probabilities"]) == LABELS
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert face["confidence"] == max(face["probabilities"].values()) == face["probabilities"][face["emotion"]]
    assert tuple(face["probabilities"].values()) == digest_probabilities(image)
    first, second, *_ = sorted(digest_probabilities(image), reverse=True)
    assert face["margin"] == round(first - second, 4)
    assert face["unclear"] is True
    assert set(answer["timings_ms"]) == {"decode", "detect", "classify"}


@pytest.mark.parametrize("way", ["query", "form"])
def test_options(client, fake_pipeline, way):
    payload, options = encode(gradient()), {"score_threshold": "0.25", "max_faces": "3", "min_face_px": "5"}
    if way == "query":
        answer = client.post("/detect", params=options, files={"file": payload})
    else:
        answer = client.post("/detect", data=options, files={"file": payload})
    assert answer.json()["faces"][0]["detection_confidence"] == 0.25
    assert fake_pipeline.options == [DetectOptions(max_faces=3, min_face_px=5.0, score_threshold=0.25)]


def test_options_of_the_form_win(client, fake_pipeline):
    files = {"file": encode(gradient())}
    client.post("/detect", params={"max_faces": 2, "min_face_px": 4}, data={"max_faces": 7}, files=files)
    assert fake_pipeline.options == [DetectOptions(max_faces=7, min_face_px=4.0)]


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "unicode_escape", "UTF-16", "none-such", ""])
def test_a_form_in_another_charset_is_refused_unread(client, charset):
    """Of these the first would take the event loop minutes for a megabyte, the next two make lone surrogates."""
    body = b'--x\r\nContent-Disposition: form-data; name="max_faces"\r\n\r\n' + b"a" * 900_000 + b"\r\n--x--\r\n"
    headers = {"content-type": f'multipart/form-data; boundary=x; charset="{charset}"'}
    check_problem(client.post("/detect", content=body, headers=headers), 415, "unsupported_media")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "us-ascii", "ISO-8859-1"])
def test_a_form_may_name_the_usual_charset(client, charset):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + encode(gradient())
    headers = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    assert client.post("/detect", content=body + b"\r\n--x--\r\n", headers=headers).status_code == 200


def test_one_batch_fits_a_small_queue(fake_pipeline):
    engine = Engine(lambda: fake_pipeline, EngineLimits(queue_size=4))
    with TestClient(create_app(engine=engine)) as small:
        answer = small.post("/detect/batch", files=[("files", encode(gradient(seed=i))) for i in range(32)])
    assert all("faces" in entry for entry in answer.json()["results"])


@pytest.mark.parametrize("way", ["params", "data"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("max_faces", "0"), ("max_faces", "many"), ("min_face_px", "-1"), ("min_face_px", "nan"), ("score_threshold", "2"),
     ("score_threshold", "0"), ("max_face", "3")],
)  # fmt: skip
def test_bad_options(client, way, name, value):
    answer = client.post("/detect", files={"file": encode(gradient())}, **{way: {name: value}})
    assert name in check_problem(answer, 422, "invalid_request")["detail"]


def test_empty_body(client):
    check_problem(client.post("/detect"), 400, "bad_payload")
    check_problem(client.post("/detect", files={"file": b""}), 400, "bad_payload")


def test_text_with_a_pictures_name(client):
    answer = client.post("/detect", files={"file": ("photo.jpg", b"only text", "image/jpeg")})
    check_problem(answer, 415, "unsupported_media")


def test_truncated_jpeg(client):
    payload = encode(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8), "JPEG")
    check_problem(client.post("/detect", content=payload[: len(payload) // 4]), 400, "bad_payload")


def test_too_many_pixels(client):
    check_problem(client.post("/detect", content=encode(gradient(1100, 1000))), 413, "payload_too_large")


def test_too_many_bytes(client):
    check_problem(client.post("/detect", content=b"x" * 200_001), 413, "payload_too_large")
    check_problem(client.post("/detect", files={"file": b"x" * 200_001}), 413, "payload_too_large")
    check_problem(client.post("/detect/batch", files={"files": b"x" * 4_000_001}), 413, "payload_too_large")


def test_too_many_bytes_without_content_length(client):
    def stream():
        for _ in range(300):
            yield b"x" * 1000

    check_problem(client.post("/detect", content=stream()), 413, "payload_too_large")


def test_wrong_fields(client):
    check_problem(client.post("/detect", files={"image": encode(gradient())}), 422, "invalid_request")
    check_problem(client.post("/detect", files={"files": encode(gradient())}), 422, "invalid_request")
    check_problem(client.post("/detect/batch", files={"file": encode(gradient())}), 422, "invalid_request")


def test_two_files_for_one_picture(client):
    answer = client.post("/detect", files=[("file", encode(gradient())), ("file", encode(gradient()))])
    check_problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize("boundary", ["", "; boundary=x", "; boundary="])
def test_broken_forms(client, boundary):
    answer = client.post("/detect", content=b"rubbish", headers={"content-type": f"multipart/form-data{boundary}"})
    assert check_problem(answer, answer.status_code, answer.json()["code"])["status"] in (400, 422)


def test_one_bad_file_costs_only_its_own_slot(client):
    images = [gradient(seed=i) for i in range(3)]
    files = [
        ("files", encode(images[0])),
        ("files", b"text"),
        ("files", encode(images[1])),
        ("files", b""),
        ("files", b"x" * 200_001),
        ("files", encode(images[2])),
    ]
    answer = client.post("/detect/batch", files=files)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [entry.get("error", {}).get("code", "ok") for entry in results] == [
        "ok", "unsupported_media", "ok", "bad_payload", "payload_too_large", "ok",
    ]  # fmt: skip
    good = [entry for entry in results if "faces" in entry]
    for image, entry in zip(images, good, strict=True):
        assert tuple(entry["faces"][0]["probabilities"].values()) == digest_probabilities(image)
    assert results[1]["error"]["request_id"] == answer.headers["x-request-id"]


def test_batch_limits(client):
    files = [("files", encode(gradient(seed=i))) for i in range(33)]
    assert len(client.post("/detect/batch", files=files[:32]).json()["results"]) == 32
    check_problem(client.post("/detect/batch", files=files), 413, "payload_too_large")
    check_problem(client.post("/detect/batch", content=b"raw"), 415, "unsupported_media")


def test_the_pictures_of_a_batch_are_bounded_together(fake_pipeline):
    """By what decoding them takes, 10,496 pixels of 3 bytes each: two are within ten times 64 x 48."""
    limits = EngineLimits(max_pixels=64 * 48, max_pixels_held=64 * 48, decode_threads=1)
    engine = Engine(lambda: fake_pipeline, limits)
    with TestClient(create_app(engine=engine)) as small:
        answer = small.post("/detect/batch", files=[("files", encode(gradient(seed=i))) for i in range(6)])
        again = small.post("/detect/batch", files=[("files", encode(gradient(seed=i))) for i in range(2)])
    first, second, *others = answer.json()["results"]
    assert "faces" in first
    assert "faces" in second
    assert {entry["error"]["code"] for entry in others} == {"payload_too_large"}
    assert "together" in others[0]["error"]["detail"]
    assert all("faces" in entry for entry in again.json()["results"])


def test_classify(client):
    images = [gradient(48, 48, seed=i) for i in range(64)]
    files = [("files", encode(image)) for image in images]
    results = client.post("/classify", files=files).json()["results"]
    assert [tuple(each["probabilities"].values()) for each in results] == [digest_probabilities(i) for i in images]
    assert set(results[0]) == {"file", "emotion", "confidence", "margin", "unclear", "probabilities", "model"}
    check_problem(client.post("/classify", files=[*files, files[0]]), 413, "payload_too_large")
    check_problem(client.post("/classify", files=files[:1], params={"max_faces": 1}), 422, "invalid_request")
    check_problem(client.post("/classify", files=files[:1], data={"max_faces": 1}), 422, "invalid_request")
    assert client.post("/classify", files={"files": b"no"}).json()["results"][0]["error"]["status"] == 415
