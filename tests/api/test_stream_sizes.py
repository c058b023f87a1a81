"""WS /detect/stream: how large its frames are decoded."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.api.streams import URL
from tests.support.bright import bright_pipeline
from tests.support.pictures import encode


@pytest.mark.parametrize(
    ("side", "search", "widths"),
    [
        (400, "guided", [2560, 640, 640]),
        (100, "guided", [2560, 1280, 1280]),
        (60, "guided", [2560, 2560, 2560]),
        (400, "whole", [2560, 2560, 2560]),
    ],
)
def test_later_frames_are_decoded_no_larger_than_their_faces_need(side, search, widths):
    image = np.full((1440, 2560, 3), 60, np.uint8)
    image[400 : 400 + side, 900 : 900 + side] = 220
    pipeline, sizes = bright_pipeline()[0], []

    class Watched:
        def __getattr__(self, name):
            return getattr(pipeline, name)

        def detect(self, images, options):
            sizes.extend(each.shape[1] for each in images)
            return pipeline.detect(images, options)

    app = create_app(Settings(stream_search_every_s=10), Engine(Watched, EngineLimits()))
    with TestClient(app) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "search": search})
        session.receive_json()
        results = []
        for _ in widths:
            session.send_bytes(encode(image, "JPEG"))
            results.append(session.receive_json())
    assert [each.get("search", each) for each in results] == ["whole", search, search]
    assert sizes == widths
    for result in results:
        assert result["image"] == {"width": 2560, "height": 1440}
        [face] = result["faces"]
        assert face["track_id"] == 1
        np.testing.assert_allclose(list(face["box"].values()), [900, 400, side, side], atol=8)
