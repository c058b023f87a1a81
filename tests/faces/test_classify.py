import numpy as np
import pytest

from app.errors import WeightsError
from app.faces.classify import MAX_FACES_PER_PASS, Classifier
from app.manifest import LABELS
from tests.support.manifest import make_manifest

CARD = make_manifest().emotion


def test_logits_become_calibrated_probabilities():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.3, 0.1]], np.float32)) * 2 + 5
    classifier = Classifier(lambda _: (logits,), CARD.model_copy(update={"temperature": 2.0}))
    [answer] = classifier(np.zeros((1, 1, 48, 48), np.float32))
    assert answer.labels == LABELS
    np.testing.assert_allclose(answer.probabilities, [0.1, 0.2, 0.3, 0.3, 0.1], atol=1e-6)
    assert answer.best[0] == "sad"


def test_a_crowd_is_cut_into_passes():
    sizes = []

    def network(crops):
        sizes.append(len(crops))
        return (crops[:, 0, 0, :5],)

    crops = np.random.default_rng(0).uniform(0, 9, (2 * MAX_FACES_PER_PASS + 3, 1, 48, 48)).astype(np.float32)
    rows = Classifier(network, CARD).probabilities(crops)
    assert sizes == [MAX_FACES_PER_PASS, MAX_FACES_PER_PASS, 3]
    np.testing.assert_array_equal(rows.argmax(axis=1), crops[:, 0, 0, :5].argmax(axis=1))


def test_no_faces():
    assert Classifier(lambda _: pytest.fail("nothing is to be run"), CARD)(np.zeros((0, 1, 48, 48), np.float32)) == []


def test_another_input_size_is_refused():
    with pytest.raises(WeightsError, match="64 px"):
        Classifier(lambda _: (), CARD.model_copy(update={"input_size_px": 64}))
