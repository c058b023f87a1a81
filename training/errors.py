"""Errors in training, with messages that say what to do.

TrainingError
├── DataError   the data set is missing or not in a supported form
└── RunError    a run's folder cannot be used: missing, or made with other choices
    └── TooCoarse   an 8-bit graph loses more than is allowed
"""


class TrainingError(Exception):
    """A failure that the user can fix; the command line shows its message as one line."""


class DataError(TrainingError):
    """The data set is missing or not in a supported form; the message says what to do."""


class RunError(TrainingError, ValueError):
    """A run's folder or weights cannot be used: missing, or made with other choices."""


class TooCoarse(RunError):
    """An 8-bit graph loses more accuracy than is allowed."""
