"""README.md and README.vi.md say the same: parts, commands, pictures, links, settings and figures."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from app.api.wire.schemas import DetectOut
from app.manifest import load_manifest
from app.weights import default_weights_dir
from tests.test_docs import CODE, LINK, ROOT

ENGLISH, VIETNAMESE = ROOT / "README.md", ROOT / "README.vi.md"
OTHER = {ENGLISH: VIETNAMESE, VIETNAMESE: ENGLISH}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def shape(page: Path) -> list[str]:
    """Headings by their level, code, pictures and lists, in their order."""
    text = CODE.sub("```\n", page.read_text())
    return re.findall(r"^(#+|```|!|-|>|\|) ?", text, re.MULTILINE)


def commands(page: Path) -> list[str]:
    return [re.sub(r"\s+# .*$", "", block, flags=re.MULTILINE) for block in CODE.findall(page.read_text())]


def links(page: Path) -> Counter[str]:
    """Targets without those within the page and the one to the other page."""
    targets = LINK.findall(CODE.sub("", page.read_text()))
    return Counter(each for each in targets if not each.startswith("#") and each != OTHER[page].name)


def code_words(page: Path) -> Counter[str]:
    """What stands between backticks; where the line ends within it makes no difference."""
    return Counter(" ".join(each.split()) for each in re.findall(r"`([^`]+)`", CODE.sub("", page.read_text())))


def numbers(page: Path) -> Counter[str]:
    """Without separators: 84.3 and 50,000 are 84,3 and 50.000 in Vietnamese."""
    text = re.sub(r"\]\([^)]*\)|`[^`]+`", "", CODE.sub("", page.read_text()))
    return Counter(re.sub("[.,]", "", each) for each in NUMBER.findall(text))


def settings(page: Path) -> list[str]:
    return re.findall(r"^\| (`MIEN_\w+`) \|", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("part", [shape, commands, links, code_words, numbers, settings])
def test_both_have_the_same(part):
    english, vietnamese = part(ENGLISH), part(VIETNAMESE)
    assert len(english) >= 4
    assert english == vietnamese


def test_each_names_the_other_at_its_top():
    for page, other in OTHER.items():
        assert f"]({other.name})" in "".join(page.read_text().splitlines()[:4])


def test_they_are_of_one_length():
    lines = {page: len(page.read_text().splitlines()) for page in OTHER}
    assert max(lines.values()) <= 1.1 * min(lines.values())


ANSWER = re.compile(r"<!-- written by scripts/docs_answers\.py -->\n```json\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_answer_that_the_docs_show_is_one_and_has_every_field():
    pages = (ENGLISH, VIETNAMESE, ROOT / "docs" / "coming-from.md")
    [shown] = {json.dumps(json.loads(block)) for page in pages for block in ANSWER.findall(page.read_text())}
    answer = DetectOut.model_validate_json(shown)
    assert answer.model_dump(mode="json", exclude_none=True).keys() <= json.loads(shown).keys()
    deployed = load_manifest(default_weights_dir()).emotion.sha256
    assert answer.model.emotion.endswith(f"@{deployed[:12]}"), "run scripts/docs_answers.py with the new weights"
    [face] = json.loads(shown)["faces"]
    assert answer.faces[0].model_dump(mode="json", exclude_none=True).keys() <= face.keys()
