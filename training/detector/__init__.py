"""The face detector.

ultralytics is imported through `app.runtimes.torch.yolov8` first, which keeps it off the network and off Pillow;
only its log, which the server silences, is wanted here.
"""

import os

os.environ.setdefault("YOLO_VERBOSE", "true")

import app.runtimes.torch.yolov8  # noqa: F401
