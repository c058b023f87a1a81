import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.api.pagefiles import SLICE_BYTES, SWAGGER_UI, WEB, page_files
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.api.asgi import Exchange
from tests.support.pipeline import FakePipeline

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Addresses(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]


def test_browsers_get_the_page_and_programs_the_index(client):
    page = client.get("/", headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    index = client.get("/", headers={"Accept": "*/*"})
    assert index.json()["source"] == "/source"
    assert page.headers["vary"] == index.headers["vary"] == "Accept"


@pytest.mark.parametrize("path", ["/", "/docs", "/web/app.js", "/web/swagger-ui/swagger-ui.css"])
def test_headers(client, path):
    headers = client.get(path, headers=HTML).headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert headers["permissions-policy"].startswith("camera=(self)")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_address_is_the_servers_own_and_answers(client, path):
    addresses = Addresses(client.get(path, headers=HTML).text).found
    assert addresses
    for address in addresses:
        assert "//" not in address
        assert client.get(f"/{address}").status_code == 200


def test_nothing_is_inline(client):
    for path in ("/", "/docs"):
        html = client.get(path, headers=HTML).text
        assert not re.search(r"<style|<script[^>]*>[^<]|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize(("suffix", "media_type"), [(".js", "javascript"), (".css", "text/css"), (".svg", "svg+xml")])
def test_media_types(client, suffix, media_type):
    paths = [path.relative_to(WEB) for path in WEB.rglob(f"*{suffix}")]
    assert paths
    assert all(media_type in client.get(f"/web/{path}").headers["content-type"] for path in paths)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/web/app.js"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_unchanged_files_are_not_sent_again(client, path, form):
    first = client.get(path, headers=HTML)
    again = client.get(path, headers={**HTML, "If-None-Match": form.format(first.headers["etag"])})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "content-security-policy"):
        assert again.headers[name] == first.headers[name]
    assert client.get(path, headers={**HTML, "If-None-Match": '"other"'}).content == first.content


def test_files_arrive_whole_whatever_part_is_asked_for(client):
    whole = (SWAGGER_UI / "swagger-ui-bundle.js").read_bytes()
    assert len(whole) > 2 * SLICE_BYTES
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=" + ",".join(["0-"] * 100)}):
        answer = client.get("/web/swagger-ui/swagger-ui-bundle.js", headers=headers)
        assert (answer.status_code, answer.content) == (200, whole)
        assert int(answer.headers["content-length"]) == len(whole)


def test_only_the_pages_files_are_served():
    suffixes = {Path(path).suffix for path in page_files()}
    assert suffixes == {".css", ".html", ".jpg", ".js", ".svg", ".txt"}
    assert sum(len(file.body) for file in page_files().values()) < 3_000_000  # they stay in memory


@pytest.mark.parametrize("path", ["/web/nothing.js", "/web/../main.py", "/web/%2e%2e/main.py", "/redoc"])
def test_other_paths_are_problems(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/web" + "/a" * 30_000, "/a" * 30_000, "/web/" + "../" * 20_000])
def test_a_long_path_is_not_repeated(path):
    async def run():
        app = create_app(engine=Engine(FakePipeline, EngineLimits()))
        exchange = Exchange(app, [], path=path, headers=())
        exchange.scope["method"] = "GET"
        return await exchange.run()

    answer = asyncio.run(run())
    assert (answer.status, answer.problem["code"]) == (404, "not_found")
    assert len(answer.problem["detail"]) < 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/web/app.js", "/livez", "/readyz"])
def test_what_is_only_read_takes_no_other_method(client, method, path):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_user_data_is_never_written_as_html():
    for path in WEB.rglob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()), path
