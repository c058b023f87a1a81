import csv
from pathlib import Path

import pytest
import torch
from PIL import Image

from app.manifest import LABELS
from app.runtimes.torch.my_model import normalize_faces
from tests.training.splits import make_split
from training.deployed import to_payload
from training.emotion.data import EmotionSplit, load_fer2013
from training.emotion.fer2013 import CSV_CLASSES
from training.emotion.network import MY_MODEL, make_network
from training.emotion.targets import soft_targets, teacher_probabilities
from training.errors import DataError

CPU = torch.device("cpu")

FERPLUS_HEAD = "path,ferplus_name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def in_order(split: EmotionSplit) -> list[tuple[int, bytes]]:
    return sorted(
        (int(target), image.numpy().tobytes()) for image, target in zip(split.images_BCHW, split.targets_B, strict=True)
    )


def test_csv_and_folder_agree(fer2013: tuple[Path, Path]) -> None:
    from_csv, from_folder = (load_fer2013(path) for path in fer2013)
    assert set(from_csv) == set(from_folder) == {"Training", "PublicTest", "PrivateTest"}
    for usage, split in from_csv.items():
        assert split.images_BCHW.shape == (2 * len(LABELS), 1, 48, 48)
        assert in_order(split) == in_order(from_folder[usage])


def test_the_csv_is_found_in_its_folder(fer2013: tuple[Path, Path]) -> None:
    table, _ = fer2013
    assert len(load_fer2013(table.parent, ("PublicTest",))["PublicTest"]) == 2 * len(LABELS)


def test_only_the_asked_splits_are_read(fer2013: tuple[Path, Path]) -> None:
    assert set(load_fer2013(fer2013[1], ("PublicTest",))) == {"PublicTest"}


def test_ferplus_votes_and_majority(fer2013: tuple[Path, Path]) -> None:
    _, folder = fer2013
    lines = (
        "train/angry/Training_00.png,,1,0,0,2,7,0,0,0,0,0",  # anger wins
        "train/angry/Training_01.png,,5,0,0,0,5,0,0,0,0,0",  # a tie
        "train/happy/Training_30.png,,0,2,0,0,0,0,8,0,0,0",  # fear wins: none of ours
    )
    (folder / "ferplus.csv").write_text("\n".join((FERPLUS_HEAD, *lines)) + "\n")
    split = load_fer2013(folder, ("Training",))["Training"]
    assert split.votes_BK[:3].tolist() == [[7, 0, 2, 0, 1], [5, 0, 0, 0, 5], [0, 2, 0, 0, 0]]
    assert split.majority_B[:3].tolist() == [LABELS.index("angry"), -1, -1]
    assert (split.majority_B[3:] == -1).all()
    assert (split.votes_BK[3:] == 0).all()


def test_votes_beside_the_csv_go_by_their_order(fer2013: tuple[Path, Path]) -> None:
    path, _ = fer2013
    with path.open(newline="") as file:
        records = list(csv.DictReader(file))
    head = FERPLUS_HEAD.replace("path,ferplus_name", "Usage,Image name")
    lines = [f"{each['Usage']},,{row % 9},0,0,0,9,0,0,0,0,0" for row, each in enumerate(records)]
    votes = path.with_name("fer2013new.csv")
    votes.write_text("\n".join((head, *lines)) + "\n")
    ours = [CSV_CLASSES.index(label) for label in LABELS]
    for usage, split in load_fer2013(path).items():
        rows = [row for row, each in enumerate(records) if each["Usage"] == usage and int(each["emotion"]) in ours]
        assert split.votes_BK.tolist() == [[9, 0, 0, 0, row % 9] for row in rows]
        assert (split.majority_B == LABELS.index("angry")).all()
    for wrong in ((head, *lines[1:]), (head, *lines[:-1]), (head, *lines, lines[0])):
        votes.write_text("\n".join(wrong) + "\n")
        with pytest.raises(DataError, match=r"fer2013new\.csv has"):
            load_fer2013(path)
    for wrong in ((head.replace("contempt", "pride"), *lines), (head, lines[0].replace(",9,", ",nine,"), *lines[1:])):
        votes.write_text("\n".join(wrong) + "\n")
        with pytest.raises(DataError, match="column"):
            load_fer2013(path)


def rewritten(table: Path, **names: str) -> str:
    """The table with other names of its columns."""
    with table.open(newline="") as file:
        head, *rows = csv.reader(file)
    lines = [",".join(names.get(name, name) for name in head), *(",".join(row) for row in rows)]
    return "\n".join(lines) + "\n"


def test_kaggles_table_is_read_with_its_spaces_and_a_byte_order_mark(fer2013: tuple[Path, Path]) -> None:
    table, _ = fer2013
    expected = load_fer2013(table)
    folder = table.parent / "kaggle" / "challenge"
    folder.mkdir(parents=True)
    content = rewritten(table, pixels=" pixels", Usage=" Usage").replace(",Training", ", Training")
    (folder / "icml_face_data.csv").write_text(content, encoding="utf-8-sig")
    for path in (folder / "icml_face_data.csv", folder, folder.parent):
        assert {usage: split.sha256 for usage, split in load_fer2013(path).items()} == {
            usage: split.sha256 for usage, split in expected.items()
        }


def test_ferplus_is_read_with_spaces_and_a_byte_order_mark(fer2013: tuple[Path, Path]) -> None:
    _, folder = fer2013
    head = FERPLUS_HEAD.replace("path", "Path").replace(",", ", ")
    line = "Train/Angry/Training_00.png, ,1, 0,0,2,7,0,0,0,0,0"
    (folder / "ferplus.csv").write_text(f"{head}\n{line}\n", encoding="utf-8-sig")
    split = load_fer2013(folder, ("Training",))["Training"]
    assert split.votes_BK[0].tolist() == [7, 0, 2, 0, 1]
    assert split.majority_B[0] == LABELS.index("angry")


def test_folders_as_people_have_them(fer2013: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    """One level deeper, with a capital, and with what Windows and macOS leave behind."""
    _, folder = fer2013
    expected = {usage: split.sha256 for usage, split in load_fer2013(folder).items()}
    for part in ("train", "test"):
        for label in LABELS:
            (folder / part / label).rename(folder / part / label.capitalize())
        (folder / part).rename(folder / part.capitalize())
    for junk in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        (folder / "Train" / "Happy" / junk).write_bytes(b"no picture")
    (folder / "Train" / "Contempt").mkdir()
    (folder / "Train" / "Contempt" / "Training_1.png").write_bytes(b"no picture")
    (folder / "Train" / "read me.txt").write_text("hello")
    above = folder.parent / "archive"
    (above / "__MACOSX" / "train").mkdir(parents=True)
    folder.rename(above / "fer2013")
    caplog.clear()
    assert {usage: split.sha256 for usage, split in load_fer2013(above).items()} == expected
    [record] = caplog.records
    assert record.getMessage() == (
        f"Left out of FER2013 at {above / 'fer2013'}: 1 .DS_Store, 1 Thumbs.db, 1 __MACOSX, 1 desktop.ini, 6 disgust, "
        "6 fear, 1 in Train/Contempt, 1 in Train/read me.txt."
    )


def test_without_names_of_the_challenge_the_folders_are_the_splits(fer2013: tuple[Path, Path]) -> None:
    _, folder = fer2013
    expected = load_fer2013(folder)
    for usage, part in (("Training", "train"), ("PublicTest", "val"), ("PrivateTest", "test")):
        for file in sorted(folder.glob(f"*/*/{usage}_*")):
            target = folder / part / file.parent.name / file.name.replace(f"{usage}_", "im")
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    for usage, split in load_fer2013(folder).items():
        assert split.sha256 == expected[usage].sha256


def test_several_sets_below_a_folder_are_told(fer2013: tuple[Path, Path]) -> None:
    table, folder = fer2013
    (table.parent / "other").mkdir()
    table.rename(table.parent / "other" / "fer2013.csv")
    with pytest.raises(DataError, match=f"several FER2013s: give one of {folder}, .*other/fer2013.csv"):
        load_fer2013(table.parent)


def test_teachers_predict_the_mirror_image_too(tmp_path: Path) -> None:
    files = (tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    for file in files:
        file.write_bytes(to_payload(make_network(MY_MODEL).state_dict()))
    split = make_split(3)
    taught_BK = teacher_probabilities(files, split, CPU, bf16=False)
    assert torch.allclose(taught_BK, teacher_probabilities(files, split.mirrored(), CPU, bf16=False), atol=1e-6)
    alone_BK = [teacher_probabilities((file,), split, CPU, bf16=False) for file in files]
    assert torch.allclose(taught_BK, (alone_BK[0] + alone_BK[1]) / 2, atol=1e-6)
    assert not torch.allclose(alone_BK[0], alone_BK[1], atol=1e-4)
    assert torch.allclose(taught_BK.sum(1), torch.ones(3))
    network = make_network(MY_MODEL, pretrained=files[0]).eval()
    views = (split.images_BCHW, split.images_BCHW.flip(-1))
    with torch.inference_mode():
        expected_BK = sum(network(normalize_faces(view)).softmax(1) for view in views) / 2
    assert torch.allclose(alone_BK[0], expected_BK, atol=1e-5)


def test_soft_targets_sum_to_one_and_are_hard_where_votes_are_silent() -> None:
    split = make_split(3)
    split.votes_BK[0] = torch.tensor([6.0, 0.0, 2.0, 0.0, 0.0])
    targets_BK = soft_targets(split, 0.5)
    assert torch.allclose(targets_BK.sum(1), torch.ones(3))
    assert torch.allclose(targets_BK[0], torch.tensor([0.875, 0.0, 0.125, 0.0, 0.0]))
    assert targets_BK[1:].tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert soft_targets(split, 0.0)[0].tolist() == [1, 0, 0, 0, 0]


def test_head_spreads_over_the_split() -> None:
    split = make_split(20)
    assert len(split.head(5)) == 5
    assert torch.equal(split.head(5).images_BCHW[-1], split.images_BCHW[-1])
    assert len(split.head(50)) == 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "columns must be"),
        ("emotion,pixels,Usage\n0,1 2 3,Training\n", "3 pixels, not 2304"),
        ("emotion,pixels,Usage\nangry,1 2 3,Training\n", "line 2: not an emotion"),
        ("emotion,pixels,Usage\n9,1 2 3,Training\n", "line 2: not an emotion"),
        ("emotion,pixels,Usage\n0,1 300,Training\n", "line 2: not an emotion"),
        ("emotion,pixels,Usage\n", "holds no Training pictures"),
    ],
)
def test_a_wrong_csv_is_a_data_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load_fer2013(path)


def test_no_data_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No FER2013 at"):
        load_fer2013(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds no Training"):
        load_fer2013(tmp_path)


def test_wrong_files_in_the_folder_are_data_errors(fer2013: tuple[Path, Path]) -> None:
    folder = fer2013[1] / "train" / "angry"
    (folder / "Training_broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="not a picture"):
        load_fer2013(fer2013[1])
    Image.new("L", (40, 48)).save(folder / "Training_broken.png")
    with pytest.raises(DataError, match="40x48, not 48x48"):
        load_fer2013(fer2013[1])
    (folder / "Training_broken.png").rename(folder / "face.png")
    with pytest.raises(DataError, match="does not say its split"):
        load_fer2013(fer2013[1])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-1,0 0,Training", "not an emotion 0..6"),
        ("0", "not an emotion 0..6"),
        ("0,0 0", "no Usage; expected Training, PublicTest or PrivateTest"),
        ("0,0 0,Trai", "Usage 'Trai'; expected Training"),
        ("0,0 0,Training", "2 pixels, not 2304"),
    ],
)
def test_a_line_that_is_cut_or_wrong_is_told(fer2013: tuple[Path, Path], line: str, message: str) -> None:
    path, _ = fer2013
    with path.open("a") as file:
        file.write(line)
    with pytest.raises(DataError, match=f"line 44: {message}"):
        load_fer2013(path)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00", b'emotion,pixels,Usage\n0,"' + b"0 " * 70_000])
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fer2013.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not CSV in UTF-8"):
        load_fer2013(path)
