"""Streams pictures to Mien: python stream.py ws://127.0.0.1:8000/detect/stream a.jpg b.jpg (needs `websockets`)."""

import asyncio
import json
import sys
from pathlib import Path

from websockets.asyncio.client import connect


async def stream(url: str, pictures: list[str], frames_per_second: float = 10) -> None:
    async with connect(url, max_size=None) as server, asyncio.TaskGroup() as tasks:
        print("session", json.loads(await server.recv())["session_id"])

        async def send() -> None:
            for picture in pictures:
                await server.send(Path(picture).read_bytes())
                await asyncio.sleep(1 / frames_per_second)

        tasks.create_task(send())
        for _ in pictures:  # exactly one answer for every picture, in order
            answer = json.loads(await server.recv())
            if answer["type"] == "frame.result":
                faces = [(face["track_id"], face["emotion"], face["confidence"]) for face in answer["faces"]]
                print(answer["seq"], *(f"#{track} {emotion} {share:.0%}" for track, emotion, share in faces), sep="\t")
            else:  # frame.error or frame.dropped
                print(answer["seq"], answer["type"], answer.get("detail") or answer.get("reason"), sep="\t")


asyncio.run(stream(sys.argv[1], sys.argv[2:]))
