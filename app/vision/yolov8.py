"""The only door to ultralytics in `app`: its definition of YOLOv8n, without its side effects.

At import ultralytics would look for updates, report usage, offer to pip-install what it misses, and replace
`PIL.Image.open` by a version that does so for every picture it cannot read. A server must do none of that.
"""

import os

from PIL import Image as Pillow

for name, value in {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}.items():
    os.environ.setdefault(name, value)
_pillow_open = Pillow.open

from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: E402 - only after the lines above

Pillow.open = _pillow_open

ARCHITECTURE = "yolov8n.yaml"


def build_yolov8n(num_classes: int) -> DetectionModel:
    """Build YOLOv8n with random weights.

    Args:
        num_classes: Outputs of the class branch; one for faces.
    """
    return DetectionModel({**yaml_model_load(ARCHITECTURE), "nc": num_classes}, verbose=False)
