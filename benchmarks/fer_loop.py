"""The package `fer` in a loop, in its own environment: this file imports nothing from Mien.

    FER_PYTHON benchmarks/fer_loop.py photo.jpg SECONDS

It uses fer's defaults: OpenCV's Haar cascade, and a quantised TensorFlow Lite network for each face. Prints one JSON
object: the time of each picture in milliseconds, decoding included, the number of faces found, and fer's version.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer.fer import FER

WARM_UP_S = 1.0


def main() -> None:
    """Run."""
    encoded, seconds = np.frombuffer(Path(sys.argv[1]).read_bytes(), np.uint8), float(sys.argv[2])
    detector = FER()
    times_ms: list[float] = []
    faces: list[dict[str, Any]] = []
    begin = time.perf_counter() + WARM_UP_S
    while (began := time.perf_counter()) < begin + seconds or not times_ms:
        faces = detector.detect_emotions(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        if began >= begin:
            times_ms.append((time.perf_counter() - began) * 1e3)
    sys.stdout.write(json.dumps({"version": version("fer"), "faces": len(faces), "times_ms": times_ms}) + "\n")


if __name__ == "__main__":
    main()
