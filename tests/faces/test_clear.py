"""Clear and unclear answers, and how they are drawn."""

import numpy as np
import pytest

from app.faces.annotate import COLOURS, annotate_image, caption
from app.faces.classify import Classifier
from app.faces.types import Answer, Detection, Face, ImageFaces
from app.manifest import EMOTION, LABELS, ClearRule
from tests.support.manifest import make_manifest
from tests.support.pipeline import emotion

RULE = ClearRule(margin=0.2, floor=0.5)


@pytest.mark.parametrize(
    ("probabilities", "unclear"),
    [
        ((0.05, 0.75, 0.1, 0.05, 0.05), False),
        ((0.05, 0.46, 0.05, 0.04, 0.4), True),
        ((0.05, 0.45, 0.2, 0.15, 0.15), True),  # far ahead, but improbable
        ((0.05, 0.5, 0.45, 0.0, 0.0), True),  # probable, but not ahead
        ((0.0, 0.5, 0.25, 0.25, 0.0), False),  # at both bounds
    ],
)
def test_an_answer_is_unclear_if_the_second_is_close_or_the_best_is_low(probabilities, unclear):
    answer = Answer(LABELS, probabilities, clear=RULE)
    assert answer.best[0] == "happy"
    assert answer.unclear is unclear
    assert answer.margin == pytest.approx(sorted(probabilities)[-1] - sorted(probabilities)[-2])


def test_a_classifier_takes_the_bounds_of_its_entry():
    card = make_manifest().emotion.model_copy(update={"clear": ClearRule(margin=0.9, floor=0.9)})
    [answer] = Classifier(lambda crops: (np.tile(np.float32([0, 2, 0, 0, 0]), (len(crops), 1)),), card)(
        np.zeros((1, 1, 48, 48), np.float32)
    )
    assert answer.clear == card.clear
    assert answer.unclear


def test_a_picture_says_between_which_two_it_is_unclear():
    sure, unsure = (0.02, 0.9, 0.02, 0.03, 0.03), (0.05, 0.05, 0.38, 0.06, 0.46)
    assert caption(emotion(sure)) == "happy 90%"
    assert caption(emotion(unsure)) == "unclear: neutral or sad"
    gender = {"gender": Answer(("female", "male"), (0.03, 0.97))}
    assert caption({**emotion(sure), **gender}) == "happy 90% · male 97%"
    assert caption({**emotion(unsure), **gender}) == "unclear: neutral or sad · male 97%"
    shares = []
    for probabilities in (sure, unsure):
        face = Face(Detection((20.0, 60.0, 180.0, 190.0), 0.9), emotion(probabilities))
        drawn = np.asarray(annotate_image(np.zeros((200, 200, 3), np.uint8), ImageFaces(200, 200, (face,))))
        colour = COLOURS[face.answers[EMOTION].best[0]]
        side = drawn[80:170, 20]  # the left edge of the box
        shares.append((side == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=1).mean())
    assert shares[0] == 1.0
    assert 0.3 < shares[1] < 0.7  # dashes
