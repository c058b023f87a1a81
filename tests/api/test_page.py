import re
from html.parser import HTMLParser

import pytest

from app.api.page import WEB

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


def test_unchanged_files_are_not_sent_again(client):
    etag = client.get("/web/app.js").headers["etag"]
    again = client.get("/web/app.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/web/nothing.js", "/web/../main.py", "/web/%2e%2e/main.py", "/redoc"])
def test_other_paths_are_problems(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_user_data_is_never_written_as_html():
    for path in WEB.rglob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()), path
