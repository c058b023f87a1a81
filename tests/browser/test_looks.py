"""The page's main states at each width, light and dark, in both languages: axe's rules, no overlap, and a picture each.

The pictures, in out/screenshots/looks, are for people to look at. Minutes: pytest -m long tests/browser/test_looks.py
"""

import io
import re

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from tests.browser.test_film import film  # noqa: F401 - a fixture
from tests.browser.test_page import SIZES, check_accessible
from tests.browser.test_picture import picture_file
from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path

pytestmark = [pytest.mark.slow, pytest.mark.long]

LOOKS = SCREENSHOTS / "looks"

# Words that are cut off without an ellipsis, or buttons that lie upon each other.
CROWDED = """() => {
  const seen = (each) => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length;
  const cut = [...document.querySelectorAll("main :is(button, label, h2, p, dd, dt, .row-name, .row-verdict)")]
    .filter((each) => seen(each) && !each.closest(".hidden, .strip, .skip"))
    .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1);
  const buttons = [...document.querySelectorAll("main :is(button, select, input)")]
    .filter((each) => seen(each) && !each.closest(".strip, .cards, .sources, .lanes-panel"));
  const boxes = buttons.map((each) => each.getBoundingClientRect());
  const upon = buttons.filter((_, index) => boxes.some((other, place) => place > index
    && boxes[index].left < other.right - 1 && other.left < boxes[index].right - 1
    && boxes[index].top < other.bottom - 1 && other.top < boxes[index].bottom - 1));
  const captions = [...document.querySelectorAll(".strip-words")].filter((each) => each.scrollWidth > each.clientWidth);
  return [...cut, ...captions, ...upon].map((each) => each.id || each.className || each.textContent);
}"""


def jpeg(picture):
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def photo(name):
    with Pillow.open(photo_path(name)) as opened:
        return opened.convert("RGB")


def group():
    """Eighteen people in three rows."""
    tiles = {
        "astronaut": photo("astronaut").crop((130, 0, 330, 200)),
        "zidane": photo("zidane").crop((680, 20, 980, 320)),
    }
    picture = Pillow.new("RGB", (6 * 220, 3 * 220), "#7d8c90")
    for index in range(18):
        tile = tiles["astronaut" if index % 2 else "zidane"].resize((220 - 4 * index, 220 - 4 * index))
        picture.paste(tile, (index % 6 * 220, index // 6 * 220))
    return jpeg(picture)


def choose(page, *files):
    page.set_input_files("#picture-file", list(files))
    expect(page.locator("#waiting")).to_be_hidden()


def named(payload, name):
    return picture_file(payload, name, "image/jpeg")


def empty(page, _):
    expect(page.locator("#start-camera")).to_be_visible()


def one(page, _):
    choose(page, photo_path("zidane"))
    expect(page.locator(".card")).to_have_count(2)


def five(page, _):
    names = ("zidane", "astronaut", "coffee")
    broken, small = photo_path("zidane").read_bytes()[:900], jpeg(photo("astronaut").resize((200, 200)))
    photos = [named(photo_path(name).read_bytes(), f"{name} on holiday.jpg") for name in names]
    choose(page, *photos, named(small, "s.jpg"), named(broken, "a picture with quite a long name that is broken.jpg"))
    expect(page.locator('.strip-item:is([data-state="done"], [data-state="failed"])')).to_have_count(5)


def crowd(page, _):
    choose(page, named(group(), "group.jpg"))
    assert page.locator(".card").count() >= 12
    page.locator(".card").nth(2).locator(".row-head").click()


def moving(page, film):  # noqa: F811
    page.set_input_files("#video-file", film)
    expect(page.locator("#recorded")).to_have_text(re.compile("^[1-9]"))
    page.locator("#whole").click()
    page.wait_for_function("() => document.getElementById('whole').getAttribute('aria-pressed') === 'false'")
    expect(page.locator("#axis-to")).to_have_text("0:06")


def doubtful(page, _):
    choose(page, named(jpeg(photo("zidane").crop((780, 20, 1180, 420))), "doubtful.jpg"))
    expect(page.locator(".card.unclear")).not_to_have_count(0)


def reason(page, _):
    choose(page, photo_path("astronaut"))
    page.locator(".why-button").first.click()
    expect(page.locator(".why-words").first).to_be_visible()


def wrong(page, _):
    page.set_input_files("#picture-file", [named(b"no picture", "notes.jpg")])
    expect(page.locator("#notice")).to_be_visible()


STATES = {
    "empty": empty, "one": one, "five": five, "group": crowd, "film": moving, "unclear": doubtful, "why": reason,
    "error": wrong,
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "vi-VN"])
def test_every_state(visit, real_server, film, size, scheme, locale):  # noqa: F811
    wrong_looks = {}
    for name, bring_about in STATES.items():
        seen = visit(real_server, viewport=SIZES[size], color_scheme=scheme, locale=locale)
        page = seen.open()
        bring_about(page, film)
        check_accessible(page)
        page.evaluate(
            "scrollTo({ top: 0, behavior: 'instant' })"
        )  # what sticks to the window's top lies where it begins
        page.screenshot(path=LOOKS / f"{name}-{size}-{scheme}-{locale[:2]}.png", full_page=True)
        if page.evaluate("document.documentElement.scrollWidth") > SIZES[size]["width"]:
            wrong_looks[name] = ["wider than the window"]
        elif crowded := page.evaluate(CROWDED):
            wrong_looks[name] = crowded
        page.close()
    assert wrong_looks == {}
