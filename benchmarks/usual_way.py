"""The usual way to serve two networks: a FastAPI handler that calls `YOLO.predict` and then a classifier for each face.

    uvicorn benchmarks.usual_way:app

It has Mien's weights, thresholds and crop rule, and is written as in tutorials, with no faults added. Its handler is
measured both as `async def` (the networks block the event loop) and as `def` (a thread per request; ultralytics locks
its predictor).
"""

import io
from typing import Annotated, Any

import torch
from fastapi import FastAPI, File, UploadFile
from PIL import Image
from torchvision.transforms import functional
from ultralytics import YOLO

from app.faces.crop import crop_square
from app.manifest import EMOTION, INPUT_SIZE_PX, load_manifest
from app.runtimes.torch.my_model import MyModel
from app.runtimes.torch.state import fill, parse_state
from app.runtimes.torch.yolov8 import ARCHITECTURE, build_yolov8n
from app.weights import default_weights_dir, network_files

weights_dir = default_weights_dir()
manifest = load_manifest(weights_dir)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def state_of(name: str) -> dict[str, torch.Tensor]:
    """Read a network's weights."""
    return parse_state(network_files(manifest, name, weights_dir).read_state(), name)


network = build_yolov8n(len(manifest.detector.labels))
fill(network, state_of(manifest.detector_name), manifest.detector_name)
yolo = YOLO(ARCHITECTURE)
yolo.model = network.eval()
yolo.predict(Image.new("RGB", (1280, 720)), verbose=False)  # or the first requests would set it up, several at once

classifier = MyModel(len(manifest.emotion.labels))
fill(classifier, state_of(manifest.classifiers[EMOTION][0]), EMOTION)
classifier = classifier.eval().to(device)

app = FastAPI()


def find_faces(payload: bytes) -> dict[str, Any]:
    """Answer one picture."""
    picture = Image.open(io.BytesIO(payload)).convert("RGB")
    card = manifest.detector
    result = yolo.predict(picture, conf=card.score_threshold, iou=card.iou_threshold, verbose=False)[0]
    boxes = result.boxes.xyxy.tolist()
    return {"faces": [{"box": box, "probabilities": classify(picture, box)} for box in boxes]}


@torch.inference_mode()
def classify(picture: Image.Image, box: list[float]) -> dict[str, float]:
    """Classify one face."""
    x, y, side = crop_square((box[0], box[1], box[2], box[3]), manifest.emotion.crop)
    corners = (round(x - side / 2), round(y - side / 2), round(x + side / 2), round(y + side / 2))
    face = picture.crop(corners).convert("L").resize((INPUT_SIZE_PX, INPUT_SIZE_PX))
    tensor = functional.normalize(functional.to_tensor(face), [0.5], [0.5])
    logits = classifier(tensor.unsqueeze(0).to(device))[0] / manifest.emotion.temperature
    return dict(zip(manifest.emotion.labels, logits.softmax(dim=0).tolist(), strict=True))


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Answer once everything is loaded."""
    return {"ready": True}


@app.post("/detect")
async def detect(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Find faces and emotions, on the event loop."""
    return find_faces(await file.read())


@app.post("/detect-in-threads")
def detect_in_threads(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Find faces and emotions, in FastAPI's thread pool."""
    return find_faces(file.file.read())
