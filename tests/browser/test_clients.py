"""docs/clients/mien.mjs in a page of another origin."""

import http.server
import threading
from functools import partial

import pytest

from tests.support.photos import photo_path
from tests.support.server_process import ROOT, running_server

pytestmark = pytest.mark.slow

PAGE = '<!doctype html><title>A page</title><input type="file"><script type="module">{script}</script>'
SCRIPT = 'import { detect } from "./mien.mjs"; window.detect = detect;'


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def origin(tmp_path):
    """Where a page that uses the module is served."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE.format(script=SCRIPT))
    (folder / "mien.mjs").write_bytes((ROOT / "docs" / "clients" / "mien.mjs").read_bytes())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_module_works_in_a_page_of_a_listed_origin(browser, origin, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    ask = "server => window.detect(server, document.querySelector('input').files[0])"
    with running_server(tmp_path, cors_origins=origin) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(origin)
        page.locator("input").set_input_files(photo_path("zidane"))
        assert len(page.evaluate(ask, server.address)["faces"]) == 2
        page.locator("input").set_input_files(broken)
        assert page.evaluate(ask, server.address)["code"] == "unsupported_media"
