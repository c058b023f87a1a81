"""A pipeline that stops in its first picture until it is let go."""

import threading

from tests.support.pipeline import FakePipeline


class Stuck(FakePipeline):
    def __init__(self):
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()

    def classify(self, images, boxes, asked):
        if images:
            self.entered.set()
            self.open.wait()
        return super().classify(images, boxes, asked)
