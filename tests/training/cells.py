"""Cell arrays, as Matlab writes them."""

import numpy as np


def column(values: list[object]) -> np.ndarray:
    """A cell array of one column, as Matlab writes WIDER FACE's lists."""
    cells = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        cells[row, 0] = value
    return cells
