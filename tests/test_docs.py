"""The documentation: links lead somewhere, pages keep their length, decisions and dependencies are listed."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LONGEST = {"architecture.md": 150, "training.md": 200}
LONGEST_DECISION = 30


def name_of(page):
    return str(page.relative_to(ROOT))


def anchors_of(page):
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page):
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("name", LONGEST)
def test_pages_can_be_read_in_minutes(name):
    assert len((DOCS / name).read_text().splitlines()) <= LONGEST[name]


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_decisions_are_short_and_in_the_index(decision):
    text = decision.read_text()
    title, index = text.splitlines()[0], (DOCS / "decisions" / "README.md").read_text()
    assert len(text.splitlines()) <= LONGEST_DECISION
    assert title.startswith(f"# {decision.name[:4]} ")
    assert f"[{title[2:]}]({decision.name})" in index


def test_decisions_have_numbers_of_their_own():
    numbers = [decision.name[:4] for decision in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_experiments_are_in_the_index():
    index = (DOCS / "experiments" / "README.md").read_text()
    pages = {page.name for page in (DOCS / "experiments").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def test_tests_and_benchmarks_named_in_the_docs_exist():
    for page in PAGES:
        for path in re.findall(r"`((?:tests|benchmarks)/[a-z0-9_/]+\.py)`", page.read_text()):
            assert (ROOT / path).exists(), f"{name_of(page)}: {path}"


def test_every_dependency_has_a_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [each for group in project["optional-dependencies"].values() for each in group]
    names = {re.split(r"[\[>=<!~;, ]", each)[0].lower() for each in wanted} - {project["name"]}
    _, _, table = (DOCS / "architecture.md").read_text().partition("## Every dependency and its reason")
    listed = set(re.findall(r"[\w.-]+", table.lower()))
    assert names - listed == set()
