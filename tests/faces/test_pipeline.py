"""What one call of the pipeline classifies, and what it leaves for later turns."""

import numpy as np

from app.faces.crop import crop_square
from app.faces.pipeline import Pipeline
from app.faces.types import Answer, Detection, DetectOptions
from tests.support.manifest import make_manifest

IMAGE = np.zeros((100, 100, 3), np.uint8)


class Finder:
    """Finds as many faces as the picture's first byte says."""

    def __call__(self, images, thresholds):
        return [[Detection((0.0, 0.0, 50.0, 50.0 - at), 0.9) for at in range(image[0, 0, 0])] for image in images]


class Classifier:
    def __init__(self, card):
        self.card, self.asked = card, []

    def __call__(self, crops):
        self.asked.append(len(crops))
        return [Answer(self.card.labels, (1.0,) + (0.0,) * (len(self.card.labels) - 1))] * len(crops)


def pictures(*faces):
    made = [IMAGE.copy() for _ in faces]
    for image, count in zip(made, faces, strict=True):
        image[0, 0, 0] = count
    return made


def detect(most_faces, *faces):
    manifest = make_manifest()
    classifiers = {attribute: Classifier(card) for attribute, (_, card) in manifest.classifiers.items()}
    pipeline = Pipeline(Finder(), classifiers, manifest, "test", second_looks=False, most_faces=most_faces)
    found = pipeline.detect(pictures(*faces), [DetectOptions()] * len(faces))
    return found, [each.asked for each in classifiers.values()]


def test_crowds_are_left_for_later_turns_and_small_groups_are_not():
    found, asked = detect(5, 7, 2, 4, 3, 0)
    assert [len(each.faces) for each in found] == [7, 2, 4, 3, 0]
    assert [each.is_answered for each in found] == [False, True, False, True, True]
    assert asked == [[5]]


def test_without_a_bound_every_face_is_classified():
    found, asked = detect(None, 7, 2)
    assert all(each.is_answered for each in found)
    assert asked == [[9]]


def test_faces_left_for_later_have_their_crop_size():
    [found], _ = detect(0, 1)
    [rule] = make_manifest().crop_rules()
    assert found.faces[0].crop_px == crop_square((0.0, 0.0, 50.0, 50.0), rule)[2]


def asked(*options, most_faces=9):
    manifest = make_manifest({"gender": ("female", "male")})
    classifiers = {attribute: Classifier(card) for attribute, (_, card) in manifest.classifiers.items()}
    pipeline = Pipeline(Finder(), classifiers, manifest, "test", second_looks=False, most_faces=most_faces)
    faces = [3] * len(options)
    found = pipeline.detect(pictures(*faces), [DetectOptions(attributes=each) for each in options])
    return found, {attribute: each.asked for attribute, each in classifiers.items()}


def test_only_faces_of_pictures_that_ask_are_classified_for_more_than_emotion():
    found, passes = asked((), ("gender",))
    assert [set(face.answers) for each in found for face in each.faces] == [{"emotion"}] * 3 + [
        {"emotion", "gender"}
    ] * 3
    assert passes == {"emotion": [6], "gender": [3]}
    assert found[1].faces[0].answers["gender"].labels == ("female", "male")


def test_where_nobody_asks_no_other_network_runs():
    _, passes = asked((), ())
    assert passes == {"emotion": [6], "gender": []}


def test_a_face_that_is_asked_for_more_counts_for_each_network():
    found, _ = asked(("gender",), ("gender",), (), most_faces=8)
    assert [each.is_answered for each in found] == [False, False, True]


def test_the_crop_size_is_that_of_the_networks_that_are_asked():
    manifest = make_manifest({"gender": ("female", "male")})
    name, card = manifest.classifiers["gender"]
    closer = card.model_copy(update={"crop": card.crop.model_copy(update={"margin": 0.0})})
    manifest = manifest.model_copy(update={"networks": {**manifest.networks, name: closer}})
    classifiers = {attribute: Classifier(card) for attribute, (_, card) in manifest.classifiers.items()}
    pipeline = Pipeline(Finder(), classifiers, manifest, "test", second_looks=False)
    options = [DetectOptions(), DetectOptions(attributes=("gender",))]
    found = pipeline.detect(pictures(1, 1), options)
    assert [each.faces[0].crop_px for each in found] == [60.0, 50.0]
