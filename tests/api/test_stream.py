"""WS /detect/stream against the fake pipeline: what is said in which order."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from app.manifest import LABELS
from tests.api.streams import URL, picture, serve
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities


def test_session_created():
    with serve() as client, client.websocket_connect(URL) as session:
        created = session.receive_json()
    assert len(created.pop("session_id")) == 32
    assert created == {
        "type": "session.created",
        "limits": {
            "max_frame_bytes": 5_000_000,
            "max_frames_per_second": 30.0,
            "max_pixels": 1_000_000,
            "idle_timeout_s": 60.0,
        },
        "settings": {
            "smoothing": True, "annotate": False, "max_faces": None, "min_face_px": 0.0, "score_threshold": None,
            "second_looks": True, "search": "guided",
        },
        "model": {"detector": "detector@000000000000", "emotion": "emotion@000000000000"},
    }  # fmt: skip


def test_a_frame_that_was_cut_off_says_so():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(encode(gradient(), "JPEG")[:-2])
        assert session.receive_json()["image"]["truncated"]


def test_a_result_has_the_fields_of_detect_beside_those_of_a_stream():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        result = session.receive_json()
        answer = client.post("/detect", content=picture()).json()
    assert set(result) == {"type", "seq", "image", "faces", "timings_ms", "model", "annotated", "search"}
    assert (result["type"], result["seq"], result["annotated"]) == ("frame.result", 0, False)
    assert (result["image"], result["model"]) == (answer["image"], answer["model"])
    assert set(result["timings_ms"]) == set(answer["timings_ms"])
    [face], [expected] = result["faces"], answer["faces"]
    assert face["track_id"] == 1
    assert face["raw_probabilities"] == expected["probabilities"]
    assert {**expected, "track_id": 1, "raw_probabilities": face["raw_probabilities"]} == face


def test_probabilities_are_smoothed_with_one_share_for_all_labels():
    images = [gradient(seed=0), gradient(seed=7)]
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        faces = []
        for image in images:
            session.send_bytes(encode(image))
            faces += session.receive_json()["faces"]
    old, new = (np.array(digest_probabilities(image)) for image in images)
    assert [face["track_id"] for face in faces] == [1, 1]
    assert tuple(faces[1]["raw_probabilities"].values()) == tuple(new.tolist())
    smoothed = np.array([faces[1]["probabilities"][label] for label in LABELS])
    share = (smoothed - old) / (new - old)
    assert 0 < share[0] < 1
    np.testing.assert_allclose(share, share[0], rtol=1e-6)
    first, second = sorted(smoothed, reverse=True)[:2]
    assert faces[1]["margin"] == round(first - second, 4)
    assert faces[1]["confidence"] == smoothed.max() == faces[1]["probabilities"][faces[1]["emotion"]]


@pytest.mark.parametrize(
    ("settings", "update", "track_id"),
    [
        ({}, {"smoothing": False}, 1),
        ({"smoothing_s": 0}, {}, 1),
        ({"tracking": False}, {}, None),
    ],
)
def test_smoothing_and_tracking_can_be_switched_off(settings, update, track_id):
    with serve(**settings) as client, client.websocket_connect(URL) as session:
        assert session.receive_json()["settings"]["smoothing"] is (not settings)
        if update:
            session.send_json({"type": "session.update", **update})
            assert session.receive_json()["settings"]["smoothing"] is False
        for seed in (0, 7):
            session.send_bytes(picture(seed))
            [face] = session.receive_json()["faces"]
            assert face["track_id"] == track_id
            assert face["probabilities"] == face["raw_probabilities"]


def test_options_reach_the_pipeline():
    pipeline = FakePipeline()
    with serve(pipeline) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "score_threshold": 0.25, "max_faces": 3})
        assert session.receive_json()["settings"]["max_faces"] == 3
        session.send_json({"type": "session.update", "min_face_px": 5})
        updated = session.receive_json()
        assert (updated["type"], updated["settings"]["score_threshold"]) == ("session.updated", 0.25)
        session.send_bytes(picture())
        assert session.receive_json()["faces"][0]["detection_confidence"] == 0.25
    [options] = pipeline.options
    assert (options.max_faces, options.min_face_px, options.score_threshold) == (3, 5.0, 0.25)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("no JSON", "Invalid JSON"),
        ("[" * 2000, "session.update"),
        ("{}", "type"),
        ('{"type": "session.create"}', "type"),
        ('{"type": "session.update", "max_faces": 0}', "max_faces"),
        ('{"type": "session.update", "smoothing": "maybe"}', "smoothing"),
        ('{"type": "session.update", "model": "x"}', "model"),
        ('{"type": "session.update", "score_threshold": NaN}', "score_threshold"),
        ("x" * 5000, "4096"),
    ],
)
def test_wrong_texts_are_told_and_the_session_lives_on(text, detail):
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_text(text)
        error = session.receive_json()
        assert set(error) == {"type", "title", "status", "code", "detail"}
        assert (error["type"], error["status"], error["code"]) == ("session.error", 422, "invalid_request")
        assert detail in error["detail"]
        session.send_bytes(picture())
        assert session.receive_json()["type"] == "frame.result"


def test_settings_are_fixed_after_the_first_frame():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        session.receive_json()
        session.send_json({"type": "session.update", "smoothing": False})
        assert "before the first frame" in session.receive_json()["detail"]


def test_smoothing_cannot_be_asked_for_where_the_server_has_none():
    with serve(tracking=False) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "smoothing": True})
        assert session.receive_json()["type"] == "session.error"


def test_annotated_picture_follows_its_result():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "annotate": True})
        session.receive_json()
        for seq in range(2):
            session.send_bytes(encode(gradient(200, 160), "JPEG"))
            result = session.receive_json()
            assert (result["seq"], result["annotated"]) == (seq, True)
            with Pillow.open(io.BytesIO(session.receive_bytes())) as annotated:
                assert (annotated.format, annotated.size) == ("JPEG", (200, 160))


def test_a_frame_too_wide_for_an_annotated_picture_is_refused_alone():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "annotate": True})
        session.receive_json()
        session.send_bytes(encode(gradient(66_000, 10), "PNG"))
        error = session.receive_json()
        assert (error["type"], error["status"], error["code"]) == ("frame.error", 413, "payload_too_large")
        session.send_bytes(encode(gradient(200, 160), "JPEG"))
        assert session.receive_json()["annotated"]


def test_bad_frames_cost_only_themselves():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        for seq, (payload, status, code) in enumerate(
            [
                (b"", 400, "bad_payload"),
                (b"no picture", 415, "unsupported_media"),
                (picture()[:60], 400, "bad_payload"),
                (encode(gradient(2000, 1000)), 413, "payload_too_large"),
            ]
        ):
            session.send_bytes(payload)
            error = session.receive_json()
            assert set(error) == {"type", "seq", "title", "status", "code", "detail"}
            assert (error["type"], error["seq"], error["status"], error["code"]) == ("frame.error", seq, status, code)
        session.send_bytes(picture())
        assert (session.receive_json()["seq"]) == 4


class Insane(FakePipeline):
    """Returns a size that no answer can carry."""

    def detect(self, images, options):
        return [replace(found, width="wide") for found in super().detect(images, options)]


def test_an_unexpected_failure_leaks_nothing_and_the_session_lives_on():
    with serve(Insane()) as client, client.websocket_connect(URL) as session:
        session_id = session.receive_json()["session_id"]
        for seq in range(2):
            session.send_bytes(picture())
            error = session.receive_json()
            assert (error["seq"], error["status"], error["code"]) == (seq, 500, "internal_error")
            assert session_id in error["detail"]
            assert "wide" not in error["detail"]


def test_all_faces_are_new_after_a_reset_and_at_a_cut():
    grid = np.kron(np.random.default_rng(0).integers(0, 256, (9, 16), dtype=np.uint8), np.ones((8, 8), np.uint8))
    other = np.rot90(grid, 2)
    frames = [encode(np.repeat(each[:, :, None], 3, axis=2)) for each in (grid, grid, grid, other, other)]
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        ids = []
        for number, frame in enumerate(frames):
            if number == 2:
                session.send_json({"type": "session.reset"})
                assert session.receive_json() == {"type": "session.was_reset"}
            session.send_bytes(frame)
            [face] = session.receive_json()["faces"]
            ids.append(face["track_id"])
        assert ids == [1, 1, 2, 3, 3]
        session.send_json({"type": "session.reset", "now": True})
        assert session.receive_json()["type"] == "session.error"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stream_looks_again_once_a_second_at_most(wanted):
    pipeline = FakePipeline()
    with serve(pipeline) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "second_looks": wanted})
        session.receive_json()
        began = time.monotonic()
        for seed in range(4):
            session.send_bytes(picture(seed))
            session.receive_json()
        seconds = time.monotonic() - began
    looks = [each.second_looks for each in pipeline.options]
    assert len(looks) == 4
    assert looks[0] == wanted
    assert sum(looks) <= (1 + seconds if wanted else 0)


class EmptyRoom(FakePipeline):
    """Finds nobody."""

    def detect(self, images, options):
        return [replace(each, faces=()) for each in super().detect(images, options)]


@pytest.mark.parametrize(
    ("settings", "update", "asked"),
    [
        ({}, {}, ["whole", "guided", "guided"]),
        ({}, {"search": "whole"}, ["whole"] * 3),
        ({"stream_search_every_s": 0}, {}, ["whole"] * 3),
        ({"tracking": False}, {}, ["whole"] * 3),
    ],
)
def test_where_nothing_happens_the_networks_are_not_asked_unless_all_of_each_frame_is_wanted(settings, update, asked):
    pipeline = EmptyRoom()
    with (
        serve(pipeline, **{"stream_search_every_s": 10, **settings}) as client,
        client.websocket_connect(URL) as session,
    ):
        session.receive_json()
        session.send_json({"type": "session.update", **update})
        assert session.receive_json()["settings"]["search"] == update.get("search", "guided")
        searches = []
        for _ in asked:
            session.send_bytes(picture())
            searches.append(session.receive_json()["search"])
    assert searches == asked
    assert len(pipeline.options) == asked.count("whole")
