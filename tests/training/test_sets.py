import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.manifest import LABELS
from tests.training.commands import assert_one_error_line, run, succeed
from training.errors import DataError, RunError
from training.sets.augment import WideAugmentation
from training.sets.loading import FaceSet, load_set
from training.sets.mixture import ABSENT, Mixture, log_prior, shares_to_counts
from training.sets.near_copies import near_copies, read_left_out, summary, without, write_near_copies
from training.sets.pictures import crop, read_boxes, read_textures
from training.sets.plan import RunPlan, SetPlan, read_plan

STILL = WideAugmentation(
    roll_deg=0, lean_share=0, zoom=(1, 1), shift=0, gain=1, small_share=0, blur_share=0, jpeg_share=0, noise_share=0,
    erase_share=0,
)  # fmt: skip
"""Changes nothing but left and right."""


EMOTIONS = RunPlan("emotion", LABELS, ())


def plan_file(tmp_path: Path, *entries: dict[str, object], **more: object) -> Path:
    path = tmp_path / "sets.json"
    path.write_text(json.dumps({"labels": LABELS, "sets": entries, **more}))
    return path


def entry(**more: object) -> dict[str, object]:
    return {"name": "mine", "form": "folders", "path": "mine", "share": 1.0, **more}


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def noise(seed: int, side: int = 64) -> np.ndarray:
    """Soft blobs, so that a small crop still looks like its picture."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return cv2.resize(cells, (side, side), interpolation=cv2.INTER_CUBIC)


def make_set(
    count: int, plan: SetPlan | None = None, labels: tuple[int, ...] = (0, 1, 2, 3, 4), first: int = 0
) -> FaceSet:
    targets_N = torch.tensor([labels[at % len(labels)] for at in range(count)])
    labels_NK = torch.nn.functional.one_hot(targets_N.clamp(min=0), 5).float() * (targets_N >= 0)[:, None]
    images = np.stack([noise(first + at) for at in range(count)])
    names = tuple(f"picture {at}" for at in range(count))
    return FaceSet(plan or SetPlan("made", "made", "folders", 1.0), images, targets_N, labels_NK, names)


def test_folders_are_read_in_the_order_of_the_labels(tmp_path: Path) -> None:
    for k, label in enumerate(LABELS):
        save(tmp_path / "mine" / "train" / label / "a.png", np.full((64, 64), 10 * k, np.uint8))
    save(tmp_path / "mine" / "train" / "sad" / "b.png", np.full((128, 128), 99, np.uint8))
    (tmp_path / "mine" / "train" / "sad" / ".hidden").write_text("no picture")
    found = load_set(SetPlan("mine", "mine", "folders", 1.0), EMOTIONS, tmp_path, "train")
    assert found.targets_N.tolist() == [0, 1, 2, 2, 3, 4]
    assert found.images_NHW.shape == (6, 64, 64)
    assert found.images_NHW[:, 5, 5].tolist() == [0, 10, 20, 99, 30, 40]
    assert found.labels_NK.argmax(1).tolist() == found.targets_N.tolist()
    assert found.names[3] == "sad/b.png"


def test_a_set_may_lack_a_class_but_not_all(tmp_path: Path) -> None:
    save(tmp_path / "mine" / "val" / "happy" / "a.png", noise(0))
    assert load_set(SetPlan("mine", "mine", "folders", 1.0), EMOTIONS, tmp_path, "val").classes == (1,)
    with pytest.raises(DataError, match=r"no faces in .* folders named angry, happy"):
        load_set(SetPlan("mine", "mine", "folders", 1.0), EMOTIONS, tmp_path, "train")


def test_what_is_no_square_picture_is_named(tmp_path: Path) -> None:
    save(tmp_path / "mine" / "train" / "happy" / "a.png", np.zeros((64, 60), np.uint8))
    plan = SetPlan("mine", "mine", "folders", 1.0)
    with pytest.raises(DataError, match=r"a\.png is 60x64"):
        load_set(plan, EMOTIONS, tmp_path, "train")
    (tmp_path / "mine" / "train" / "happy" / "a.png").write_text("words")
    with pytest.raises(DataError, match=r"a\.png is not a picture"):
        load_set(plan, EMOTIONS, tmp_path, "train")


def test_fer2013_brings_votes_and_public_test_is_val(fer2013: tuple[Path, Path]) -> None:
    root = fer2013[1].parent
    plan = SetPlan("fer", "fer2013", "fer2013", 1.0)
    assert load_set(plan, EMOTIONS, root, "train").images_NHW.shape == (10, 48, 48)
    assert load_set(plan, EMOTIONS, root, "val").names[0] == "PublicTest 0"


def test_faces_without_labels_come_from_boxes_and_from_crops(tmp_path: Path) -> None:
    picture = np.zeros((100, 200), np.uint8)
    picture[30:70, 100:150] = 200
    save(tmp_path / "yolo" / "images" / "train" / "a.png", picture)
    labels = tmp_path / "yolo" / "labels" / "train" / "a.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.625 0.5 0.25 0.4\n0 0.1 0.5 0.1 0.3\n")
    [(name, face)] = read_boxes(tmp_path / "yolo", "train")  # the second box is 20x30
    assert name == "a.png 0"
    assert face.shape == (64, 64)
    assert face[32, 32] == 200
    assert face[32, 2] == 0  # surroundings: 62.5 px are shown of a box of 50
    found = load_set(SetPlan("yolo", "yolo", "boxes", 1.0), EMOTIONS, tmp_path, "train")
    assert found.targets_N.tolist() == [-1]
    assert found.labels_NK.sum() == 0
    save(tmp_path / "crops" / "train" / "b.png", noise(1))
    assert load_set(SetPlan("crops", "crops", "pictures", 1.0), EMOTIONS, tmp_path, "train").names == ("b.png",)
    labels.write_text("0 0.5\n")
    with pytest.raises(DataError, match=r"a\.txt: '0 0\.5' is not a class and a box"):
        read_boxes(tmp_path / "yolo", "train")


def test_a_crop_beyond_the_edge_repeats_the_border() -> None:
    picture = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    face = crop(picture, 0.0, 32.0, 64.0)
    assert (face[:, :32] == 0).all()
    assert face[0, 32:].tolist() == list(range(32))


def test_textures_are_squares_and_must_be_there(tmp_path: Path) -> None:
    save(tmp_path / "neg_a.png", np.full((30, 90), 7, np.uint8))
    assert read_textures(tmp_path, "neg_*.png").shape == (1, 64, 64)
    assert len(read_textures(tmp_path, "")) == 0
    with pytest.raises(DataError, match="No pictures without faces"):
        read_textures(tmp_path, "no_*.png")


@pytest.mark.parametrize(
    ("entries", "more", "message"),
    [
        ((), {}, "a list of at least one"),
        ((entry(),), {"texture": "x"}, "may have"),
        ((entry(), entry()), {}, "names a set twice"),
        (({"name": "a"},), {}, "needs name, path, form and share"),
        ((entry(zooom=1),), {}, "unknown key zooom"),
        ((entry(form="csv"),), {}, "none of fer2013, folders"),
        ((entry(share=0),), {}, "above 0"),
        ((entry(share="much"),), {}, "wrong type"),
        ((entry(trust=1.5),), {}, "trust in 0..1"),
    ],
)
def test_a_wrong_description_is_told(
    tmp_path: Path, entries: tuple[dict[str, object], ...], more: dict[str, object], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        read_plan(plan_file(tmp_path, *entries, **more))


def test_the_described_sets_can_be_read() -> None:
    plan = read_plan()
    assert [each.name for each in plan.labelled] == ["fer2013", "rafdb", "affectnet_web", "affectnet_masked"]
    assert len(plan.sets) > len(plan.labelled)


def test_shares_become_counts_that_fill_the_batch() -> None:
    assert shares_to_counts([0.5, 0.3, 0.2], 10) == [5, 3, 2]
    assert shares_to_counts([1, 1, 1], 10) in ([4, 3, 3], [3, 4, 3], [3, 3, 4])
    assert shares_to_counts([0.98, 0.01, 0.01], 20) == [18, 1, 1]
    with pytest.raises(RunError, match="cannot hold 3 sets"):
        shares_to_counts([1, 1, 1], 2)


def test_batches_hold_each_set_by_its_share_and_each_class_alike() -> None:
    plans = SetPlan("a", "a", "folders", 3.0), SetPlan("b", "b", "folders", 1.0)
    rare = make_set(50, plans[0], labels=(0,) * 9 + (1,))  # one in ten is happy
    mixture = Mixture([rare, make_set(5, plans[1])], 40, augmentation=STILL)
    labels_BK = torch.cat([mixture.draw(np.random.default_rng(step), 16).labels_BK[:30] for step in range(40)])
    assert mixture.counts == [30, 10]
    assert labels_BK.mean(0)[:2].tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert labels_BK[:, 2:].sum() == 0


def test_the_same_draws_give_the_same_batch_and_others_another() -> None:
    mixture = Mixture([make_set(20)], 8)
    one, same, other = (mixture.draw(np.random.default_rng(seed), 24) for seed in (1, 1, 2))
    assert torch.equal(one.x_BCHW, same.x_BCHW)
    assert not torch.equal(one.x_BCHW, other.x_BCHW)
    assert one.x_BCHW.shape == (8, 1, 24, 24)
    assert one.x_BCHW.min() >= -1
    assert one.x_BCHW.max() <= 1


def test_trust_is_the_labels_weight_and_unlabelled_faces_have_none() -> None:
    labelled = make_set(5, SetPlan("a", "a", "folders", 1.0, trust=0.8))
    faces = make_set(4, SetPlan("b", "b", "pictures", 1.0), labels=(-1,))
    soft = [torch.eye(5), torch.eye(5)[[1, 1, 1, 4]]]
    alone = Mixture([labelled], 5, augmentation=STILL).draw(np.random.default_rng(0), 16)
    assert alone.trust_B.tolist() == pytest.approx([0.8] * 5)
    assert (alone.soft_BK == 0.2).all()
    taught = Mixture([labelled, faces], 40, soft, label_weight=0.5, augmentation=STILL)
    batch = taught.draw(np.random.default_rng(0), 16)
    assert batch.trust_B[:20].tolist() == pytest.approx([0.4] * 20)
    assert batch.trust_B[20:].tolist() == [0.0] * 20
    assert torch.equal(batch.soft_BK[:20], batch.labels_BK[:20])
    assert 5 <= batch.soft_BK[20:, 4].sum() <= 15  # the teacher's rarer class is drawn as often as the other


def test_a_missing_class_is_hardly_held_against() -> None:
    assert log_prior((0, 1, 2, 3, 4), 5).exp().tolist() == pytest.approx([0.2] * 5)
    prior = log_prior((0, 1, 2, 3), 5).exp()
    assert prior[4] / prior[0] == pytest.approx(ABSENT)
    assert log_prior((-1,), 5).exp().tolist() == pytest.approx([0.2] * 5)


def test_near_copies_are_found_mirrored_and_brighter_and_nothing_else(tmp_path: Path) -> None:
    train = make_set(12)
    copies = train.images_NHW[[3, 7]].copy()
    copies[0] = copies[0][:, ::-1]
    copies[1] = (copies[1] * 0.6 + 20).astype(np.uint8)
    val = make_set(6, first=100)
    with_copies = FaceSet(
        val.plan, np.concatenate([copies, val.images_NHW[2:]]), val.targets_N, val.labels_NK, val.names
    )
    pairs = near_copies([train], [with_copies])
    assert {(pair.train, pair.val) for pair in pairs} == {("picture 3", "picture 0"), ("picture 7", "picture 1")}
    assert summary(pairs) == ["2 of made's val also in made's train"]
    assert near_copies([train], [val]) == []
    path = tmp_path / "pairs.json"
    write_near_copies(pairs, path)
    kept = without(train, read_left_out(path))
    assert len(kept) == len(kept.names) == len(kept.targets_N) == len(kept.labels_NK) == 10
    assert not {"picture 3", "picture 7"} & set(kept.names)
    assert kept.targets_N.tolist() == [0, 1, 2, 4, 0, 1, 3, 4, 0, 1]
    assert without(train, {("other", "picture 3")}) is train
    path.write_text("{}")
    with pytest.raises(RunError, match="does not hold the pairs"):
        read_left_out(path)


def test_check_says_counts_and_near_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, label in enumerate(LABELS):
        save(tmp_path / "mine" / "train" / label / "a.png", noise(number))
        save(tmp_path / "mine" / "val" / label / "a.png", noise(50 + number))
    path = plan_file(tmp_path, entry())
    succeed("sets", "check", "--data", tmp_path, "--sets", path)
    assert "mine, val: 5 pictures" in capsys.readouterr().out
    save(tmp_path / "mine" / "val" / "sad" / "b.png", noise(1))
    assert run("sets", "check", "--data", tmp_path, "--sets", path) == 1
    assert_one_error_line(capsys, "1 val pictures have a near copy")
    succeed("sets", "check", "--data", tmp_path, "--sets", path, "--out", tmp_path / "pairs.json")
    assert read_left_out(tmp_path / "pairs.json") == {("mine", "happy/a.png")}
