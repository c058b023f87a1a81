"""What can go wrong in training, with messages that say what to do.

TrainingError
├── DataError   the data set is missing or not in a form that is read here
└── RunError    the folder of a run cannot be used: missing, or made with other choices
"""


class TrainingError(Exception):
    """A failure that the user can mend; the command line shows its message as one line."""


class DataError(TrainingError):
    """The data set is missing or not in a form that is read here; the message says what to do."""


class RunError(TrainingError, ValueError):
    """A run's folder or weights cannot be used: nothing there, or made with other choices."""
