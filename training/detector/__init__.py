"""The face detector.

ultralytics is imported through `app.vision.yolov8` first, which keeps it from the network and from patching Pillow;
only its log, which the server silences, is wanted here.
"""

import os

os.environ.setdefault("YOLO_VERBOSE", "true")

import app.vision.yolov8  # noqa: F401
