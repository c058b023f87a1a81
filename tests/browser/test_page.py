"""The page as a whole: accessibility, languages, policy, looks."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow

SIZES = {
    "phone": {"width": 390, "height": 844},
    "tablet": {"width": 768, "height": 1024},
    "desktop": {"width": 1440, "height": 900},
}
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


def check_accessible(page):
    violations = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks_and_accessibility(visit, real_server, size, scheme):
    """Axe's rules hold and nothing scrolls sideways; the screenshots are for people to look at."""
    locale = "vi-VN" if size == "phone" else "en-GB"
    seen = visit(real_server, viewport=SIZES[size], color_scheme=scheme, locale=locale)
    page = seen.open()
    expect(page.locator("#start-camera")).to_be_visible()
    check_accessible(page)
    page.screenshot(path=SCREENSHOTS / f"{size}-{scheme}-start.png", full_page=True)
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(page.locator(".card")).to_have_count(2)
    check_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    page.screenshot(path=SCREENSHOTS / f"{size}-{scheme}-picture.png", full_page=True)
    seen.check()


def test_message_is_accessible(visit, fake_server):
    page = visit(fake_server).open()
    page.route("**/detect", lambda route: route.fulfill(status=401, json={"status": 401, "detail": "Send a key."}))
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(page.get_by_label("API key")).to_be_visible()
    check_accessible(page)


def test_language_follows_the_browser_and_is_remembered(visit, fake_server):
    page = visit(fake_server, locale="vi-VN").open()
    expect(page.get_by_role("button", name="Bật camera")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()


COUNTED = """async () => {
  const { counted, useLanguage } = await import("/web/language.js");
  return ["en", "vi"].map((language) => {
    useLanguage(language);
    return [0, 1, 2, 1234].map((count) => counted("faces", count));
  });
}"""


def test_counts_have_their_nouns_form(visit, fake_server):
    assert visit(fake_server).open().evaluate(COUNTED) == [
        ["0 faces", "1 face", "2 faces", "1,234 faces"],
        ["0 khuôn mặt", "1 khuôn mặt", "2 khuôn mặt", "1.234 khuôn mặt"],
    ]


def test_both_languages_have_every_text(visit, fake_server):
    page = visit(fake_server).open()
    texts = {
        language: page.evaluate(f"import('/web/texts/{language}.js').then(module => module.default)")
        for language in ("en", "vi")
    }
    assert texts["en"].keys() == texts["vi"].keys()
    for key, english in texts["en"].items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", texts["vi"][key])), key
    for key in (key for key in texts["en"] if key.endswith("One")):
        assert key.removesuffix("One") + "Many" in texts["en"]
    used = page.evaluate(
        "[...document.querySelectorAll('[data-text], [data-label]')].map(e => e.dataset.text ?? e.dataset.label)"
    )
    assert set(used) <= texts["en"].keys()


def test_the_page_says_what_must_be_said(visit, fake_server):
    page = visit(fake_server).open()
    for words in ("not a reading of a person", "Nothing is stored", "AGPL-3.0-or-later"):
        expect(page.get_by_role("contentinfo")).to_contain_text(words)
    with page.expect_download() as download:
        page.get_by_role("link", name="Source of this server").click()
    assert download.value.suggested_filename == "mien-source.zip"


def test_keyboard(visit, fake_server):
    page = visit(fake_server).open()
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.value || document.activeElement.textContent.trim()"))
    assert order == ["Skip to the content", "English", "Tiếng Việt", "camera", "Start the camera"]
    page.locator("input[value=camera]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()


def test_docs_ask_no_other_host(visit, fake_server):
    seen = visit(fake_server)
    page = seen.open("/docs")
    page.locator(".opblock-summary-control").first.click()
    expect(page.get_by_role("button", name="Try it out")).to_be_visible()
    schema = json.loads(page.evaluate("fetch('openapi.json').then(answer => answer.text())"))
    expect(page.locator(".opblock")).to_have_count(sum(len(each) for each in schema["paths"].values()))
    seen.check()
