"""The model cards beside the weights, in Markdown; every number comes from the manifest entry or the evaluation."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.manifest import ClassifierCard, DetectorCard, GraphFiles, NetworkCard
from training.emotion.data import TEST_SPLIT
from training.emotion.evaluate import accuracy_interval
from training.files import write_payload

DETECTOR_PHOTOS = "../docs/training-runs/detector/photos.jpg"
"""Drawn by `scripts/detector_pictures.py`."""

VAL_CHOSE = (
    "The val split also chose the epoch that was kept and the share of the start weights, where one is given below, so "
    "that its figures are slightly optimistic."
)
FILES_HEADING = "## Files and licence"
LICENCE_NOTE = (
    "The data sets' own terms go on top: they are for research use, several forbid commercial use, and some have no "
    "stated licence. Clear your use with their owners before you rely on these weights commercially."
)


def write_emotion_card(name: str, card: ClassifierCard, evaluation: Mapping[str, Any], weights_dir: Path) -> Path:
    """Write my_model.md from the manifest entry and evaluation.json; return its path."""
    labels = ", ".join(card.labels)
    sections = [
        f"# My_model: emotion classifier\n\nA residual CNN with squeeze-and-excitation and {card.parameters:,} "
        f"parameters. It sees a gray face of {card.input_size_px}x{card.input_size_px} pixels and answers with a "
        f"probability for each of {len(card.labels)} emotions: {labels}. Logits are divided by the temperature "
        f"{card.temperature:.4f} before the softmax.",
        "## Intended use\n\nTo label the expression that a face shows in a picture, for research, teaching and "
        "demonstrations. Faces come from the detector beside it: the crop is a square of "
        f"{1 + card.crop.margin:g} times the box's longer side, shifted by {card.crop.shift_y:g} of its side "
        "(positive: down).",
        "## Limits\n\n"
        "- It tells what an expression looks like to annotators, not what a person feels.\n"
        "- Not for decisions about people: hiring, policing, schooling, health, credit.\n"
        f"- Fear, disgust and contempt are not among its answers; such faces get one of: {labels}.\n"
        "- FER2013 comes from web search: its labels are noisy, and ages, origins and poses are unevenly represented. "
        "Differences between groups of people were not measured.\n"
        "- Small, turned, covered or badly lit faces are recognised less well.",
        data_section(card),
        "## Metrics\n\n" + _emotion_metrics(card, evaluation),
        _classes_section(card.labels, evaluation),
        *_robustness_sections(evaluation),
        recipe_section(card),
        files_section(card),
    ]
    return write_sections(sections, weights_dir / f"{name}.md")


def write_detector_card(name: str, card: DetectorCard, evaluation: Mapping[str, Any], weights_dir: Path) -> Path:
    """Write yolov8n-face.md from the manifest entry and evaluation.json; return its path."""
    threshold = f"{evaluation['score_threshold']:g}"
    rows = [
        ("pictures / faces", f"{evaluation['pictures']:,} / {evaluation['faces']:,}"),
        ("input", f"{evaluation['imgsz']} px"),
        ("AP50", percent(evaluation["ap50"])),
        ("AP50-95", percent(evaluation["ap50_95"])),
        ("precision / recall at the best F1", _both(evaluation["precision"], evaluation["recall"])),
        (
            f"precision / recall as served: score {threshold}, NMS {evaluation['iou_threshold']:g}, IoU 0.5",
            _both(evaluation["precision_at_threshold"], evaluation["recall_at_threshold"]),
        ),
        *_sizes(evaluation["by_size"]),
    ]
    sections = [
        f"# YOLOv8n-face: face detector\n\nYOLOv8n with {len(card.labels)} class (`{card.labels[0]}`) and "
        f"{card.parameters:,} parameters. It sees an RGB picture letterboxed to {card.input_size_px} pixels and "
        f"answers with boxes and scores. Defaults: score at least {card.score_threshold:g}, NMS at IoU "
        f"{card.iou_threshold:g}.",
        "## Intended use\n\nTo find faces in photos and video frames, so that the emotion classifier can look at them. "
        "It tells that there is a face, never whose.",
        "## Limits\n\n"
        "- Not for identification or surveillance.\n"
        "- Faces of few pixels, in profile, covered or in the dark are missed more often; drawings and statues may "
        "be found.\n"
        "- Differences between groups of people were not measured.",
        data_section(card),
        f"## Metrics on the val split\n\n{markdown_table(('figure', 'value'), rows)}\n\n{VAL_CHOSE}",
        *_photos_section(weights_dir),
        recipe_section(card),
        files_section(card),
    ]
    return write_sections(sections, weights_dir / f"{name}.md")


def write_imported_card(name: str, card: DetectorCard, weights_dir: Path) -> Path:
    """Write a card for third-party weights, about which only the origin is known; return its path."""
    sections = [
        f"# Imported face detector\n\nYOLOv8n with {len(card.labels)} class (`{card.labels[0]}`) and "
        f"{card.parameters:,} parameters, letterboxed to {card.input_size_px} pixels. Defaults: score at least "
        f"{card.score_threshold:g}, NMS at IoU {card.iou_threshold:g}. Nothing was measured here.",
        data_section(card),
        recipe_section(card),
        files_section(card),
    ]
    return write_sections(sections, weights_dir / f"{name}.md")


def update_files_section(name: str, card: NetworkCard, weights_dir: Path) -> None:
    """Write the last section of an earlier card anew, after a graph was added."""
    path = weights_dir / f"{name}.md"
    earlier = path.read_text().partition(f"\n\n{FILES_HEADING}")[0].rstrip() if path.is_file() else f"# {name}"
    write_sections([earlier, files_section(card)], path)


def _photos_section(weights_dir: Path) -> Iterable[str]:
    if (weights_dir / DETECTOR_PHOTOS).is_file():
        yield f"## On photos\n\nHits, misses and false alarms at the default score: [photos]({DETECTOR_PHOTOS})."


def _sizes(by_size: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """List the served AP50 by face size; sizes without a face are left out."""
    for name, size in by_size.items():
        if size["ap50"] is not None:
            what = "faces of all sizes" if name == "all" else f"faces {name} px"
            yield (
                f"AP50 of the served detector, all scores, {what}",
                f"{percent(size['ap50'])} ({size['faces']:,} faces)",
            )


def _emotion_metrics(card: ClassifierCard, evaluation: Mapping[str, Any]) -> str:
    rows: list[Sequence[str]] = []
    for name, split in evaluation["splits"].items():
        ferplus = split["ferplus_accuracy"]
        against = "-" if ferplus is None else f"{percent(ferplus)} ({split['ferplus_pictures']:,} pictures)"
        before, after = split["uncalibrated"], split["calibrated"]
        low, high = accuracy_interval(split["accuracy"], split["pictures"])
        rows.append(
            (
                name, f"{split['pictures']:,}", percent(split["accuracy"]), f"{low * 100:.2f} to {percent(high)}",
                percent(split["macro_f1"]), against,
                f"{percent(before['ece'])} -> {percent(after['ece'])}", f"{after['brier']:.4f}",
            )
        )  # fmt: skip
    head = ("split", "pictures", "accuracy", "its 95 % interval", "macro-F1", "accuracy against the FER+ majority",
            "ECE before -> after the temperature", "Brier score")  # fmt: skip
    return f"{markdown_table(head, rows)}\n\n{_chosen(card.training)}"


def _chosen(training: Mapping[str, Any]) -> str:
    """Say which epoch the weights are from, and what was chosen on PublicTest, whose own figures benefit from it."""
    recipe, epoch = training.get("recipe"), training.get("epoch")
    planned = recipe if isinstance(recipe, Mapping) else {}
    epochs, keeps_last = planned.get("epochs"), planned.get("keep") == "last"
    if not keeps_last:
        kept = f"Epoch {epoch} of {epochs} was kept, the best on PublicTest."
    elif epoch == epochs:
        kept = f"Epoch {epoch} of {epochs}, the last one, was kept."
    else:
        kept = f"Epoch {epoch} of {epochs}, where the run was stopped, was kept."
    return (
        f"{kept} PublicTest is the validation split: it chose the recipe, its FER+ share and the crop rule, and the "
        "temperature was fitted on it, so that its figures are slightly optimistic and its ECE is in-sample. Only "
        "`evaluate --final` reads PrivateTest."
    )


def _classes_section(labels: Sequence[str], evaluation: Mapping[str, Any]) -> str:
    """Show per-class figures and the confusion matrix, on the split that chose nothing if it was measured."""
    name = TEST_SPLIT if TEST_SPLIT in evaluation["splits"] else next(iter(evaluation["splits"]))
    split = evaluation["splits"][name]
    classes = split["per_class"]
    figures = [
        (label, *(percent(classes[label][key]) for key in ("precision", "recall", "f1")), classes[label]["pictures"])
        for label in labels
    ]
    confusion = [(label, *row) for label, row in zip(labels, split["confusion"], strict=True)]
    by_class = markdown_table(("emotion", "precision", "recall", "F1", "pictures"), figures)
    counts = markdown_table(("", *labels), confusion)
    return (
        f"### By emotion, {name}\n\n{by_class}\n\n"
        f"Confusion in pictures, true emotion by row, predicted by column:\n\n{counts}"
    )


def _robustness_sections(evaluation: Mapping[str, Any]) -> Iterable[str]:
    """Show the accuracy under each distortion, one column per split, the one that chose nothing first."""
    robustness = evaluation["robustness"]
    names = sorted(robustness, key=lambda name: name != TEST_SPLIT)
    if names:
        as_they_are = [evaluation["splits"][name]["accuracy"] for name in names]
        distorted = [(what, [robustness[name][what] for name in names]) for what in robustness[names[0]]]
        rows = [(what, *map(percent, shares)) for what, shares in [("as they are", as_they_are), *distorted]]
        yield f"### Robustness: accuracy under distortions\n\n{markdown_table(('pictures', *names), rows)}"


def data_section(card: NetworkCard) -> str:
    """List the data sets with their terms."""
    return "## Data and its terms\n\n" + "\n".join(f"- {each}." for each in card.data)


def recipe_section(card: NetworkCard) -> str:
    """Show what the training says of itself."""
    return f"## Training\n\n```json\n{json.dumps(card.training, indent=2)}\n```"


def files_section(card: NetworkCard) -> str:
    """List the files with their hashes, and say what the graphs were compared with."""
    artifacts = card.artifacts
    rows: list[Sequence[object]] = [(artifacts.state.file, "tensors, safetensors, float16", artifacts.state.sha256)]
    graphs = (
        (artifacts.openvino, "OpenVINO's graph, values in float16"),
        (artifacts.openvino_int8, "the same with 8-bit weights and activations"),
    )
    for files, what in graphs:
        if files is not None:
            rows += [(files.graph.file, what, files.graph.sha256), (files.weights.file, "", files.weights.sha256)]
    named = [(f"`{file}`" if file else "", what, f"`{sha256}`") for file, what, sha256 in rows]
    figures = "".join(_figures(files, what) for files, what in graphs if files is not None)
    return (
        f"{FILES_HEADING}\n\n{markdown_table(('file', 'what', 'sha256'), named)}{figures}\n\n"
        f"Licence of the weights: {card.licence}. {LICENCE_NOTE}"
    )


def _figures(files: GraphFiles, what: str) -> str:
    """Show what a graph was compared with; figures named AP, accuracy or ECE are shares of 1."""
    return f"\n\nCompared when it was written, {what}:\n\n```json\n{json.dumps(files.metrics, indent=2)}\n```"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def percent(share: float) -> str:
    """Return a share of 1 in percent, with two digits."""
    return f"{share:.2%}"


def _both(first: float, second: float) -> str:
    return f"{percent(first)} / {percent(second)}"


def write_sections(sections: Sequence[str], path: Path) -> Path:
    """Write a card; return its path."""
    write_payload(("\n\n".join(sections) + "\n").encode(), path)
    return path
