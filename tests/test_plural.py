"""Numbers with their nouns, where people read them."""

import pytest

from app.counts import Counts
from app.manifest import LABELS
from app.plural import counted

FACE = {"emotion": "sad", "unclear": False, "probabilities": dict.fromkeys(LABELS, 0.2)}


@pytest.mark.parametrize(("count", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_234, "1,234 rows")])
def test_a_noun_stands_alone_only_with_one(count, words):
    assert counted(count, "row") == words


def test_closing_lines_count_one_and_more():
    counts = Counts()
    counts.add({"faces": [FACE]})
    assert counts.summary(0.5).startswith("1 picture, 1 face, 0 without a face, 0 failed, 0.5 pictures a second")
    counts.add({"faces": [FACE]})
    assert counts.summary(2.0).startswith("2 pictures, 2 faces, 0 without a face, ")
