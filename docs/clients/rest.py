"""Asks Mien for the faces of pictures: python rest.py http://127.0.0.1:8000 a.jpg b.jpg (nothing to install)."""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def detect(server: str, picture: bytes) -> Any:
    try:
        with urlopen(Request(f"{server}/detect", picture, {"Content-Type": "application/octet-stream"})) as answer:
            return json.load(answer)
    except HTTPError as problem:  # RFC 9457: what was wrong, and what to do
        return json.load(problem)


if __name__ == "__main__":
    for file in sys.argv[2:]:
        answer = detect(sys.argv[1], Path(file).read_bytes())
        if "code" in answer:
            print(file, answer["code"], answer["detail"], sep="\t")
        for face in answer.get("faces", []):
            print(file, face["emotion"], f"{face['confidence']:.2f}", sep="\t")
