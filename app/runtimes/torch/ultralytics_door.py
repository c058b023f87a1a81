"""The only door to ultralytics in `app`: YOLOv8's definition, without the package's side effects.

On import ultralytics would check for updates, report usage, offer to pip-install missing packages, and replace
`PIL.Image.open` with a version that does so for every picture it cannot read. A server must do none of that. It also
sets OMP_NUM_THREADS to 1 if it is unset, which OpenMP reads when torch is loaded: so torch is imported first.
"""

import os

import torch  # noqa: F401 - see above
from PIL import Image as Pillow

for name, value in {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}.items():
    os.environ.setdefault(name, value)
_pillow_open = Pillow.open

from ultralytics.nn.tasks import DetectionModel, yaml_model_load  # noqa: E402 - only after the lines above

Pillow.open = _pillow_open

__all__ = ["DetectionModel", "yaml_model_load"]
