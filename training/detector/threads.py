"""All cores for training and validation on a CPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_threads() -> Iterator[Callable[[object], None]]:
    """Restore the number of threads on exit; yield a callback that restores it in between.

    On a CPU, ultralytics uses one core fewer than there are whenever it selects the device (8.4.190, `select_device`):
    on two cores, a training step then took 1.7 times as long. The callback is for its `on_train_start` and
    `on_val_start`, which come after that.
    """
    threads = torch.get_num_threads()

    def restore(_: object = None) -> None:
        torch.set_num_threads(threads)

    try:
        yield restore
    finally:
        restore()
