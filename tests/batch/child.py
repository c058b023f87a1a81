"""A batch in a process of its own, to be killed: python -m tests.batch.child OUT STOP_AT LIMIT_BYTES SOURCE..."""

import resource
import sys
import threading
from pathlib import Path

from app.errors import MienError
from tests.batch.runs import batch
from tests.support.pipeline import FakePipeline


class Stopping(FakePipeline):
    """Says so and waits for ever when it is given its picture number `stop_at`, warm-up apart."""

    def __init__(self, stop_at):
        super().__init__()
        self.left = stop_at

    def detect(self, images, options):
        self.left -= len(images)
        if self.left <= 0:
            sys.stdout.write("stopped\n")
            sys.stdout.flush()
            threading.Event().wait()
        return super().detect(images, options)


def main(out, stop_at, limit, *given):
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        sys.stdout.write(batch(given, Path(out), Stopping(int(stop_at))))
    except (MienError, OSError) as error:
        sys.stdout.write(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
