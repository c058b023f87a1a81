"""A manifest without weights."""

from app.manifest import EMOTION, LABELS, ArtifactFile, Artifacts, ClassifierCard, CropRule, DetectorCard, Manifest


def make_manifest(further: dict[str, tuple[str, ...]] | None = None) -> Manifest:
    artifacts = Artifacts(state=ArtifactFile(file="state.safetensors", sha256="0" * 64))
    shared = {
        "artifacts": artifacts, "parameters": 1, "training": {}, "metrics": {}, "licence": "none", "data": (),
    }  # fmt: skip
    detector = DetectorCard(
        architecture="yolov8n", labels=("face",), input_size_px=640, score_threshold=0.4, iou_threshold=0.5, **shared
    )
    classifiers = {
        attribute: ClassifierCard(
            attribute=attribute, architecture="my_model", labels=labels, input_size_px=48,
            crop=CropRule(margin=0.2, shift_y=0.0), temperature=1.0, **shared,
        )
        for attribute, labels in {EMOTION: LABELS, **(further or {})}.items()
    }  # fmt: skip
    return Manifest(networks={"detector": detector, **classifiers})
