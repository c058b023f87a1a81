"""New files that the command line writes into."""

from pathlib import Path

from app.errors import InvalidRequest

TABLES = (".csv", ".jsonl")
"""What rows and answers are written as."""


REPORT = "report.html"
"""In a folder."""


def check_output(path: Path | None, what: str, suffixes: tuple[str, ...], new: bool = True) -> None:
    """See that a file can be made under this name; None is standard output, or nothing.

    Args:
        path: The file.
        what: Is to be written, for the message, with its verb.
        suffixes: What the name may end in.
        new: Whether a file of this name is an error.

    Raises:
        InvalidRequest: If it ends in something else, is taken, or its folder is not there.
    """
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise InvalidRequest(f"{path}: {what} written as {' or '.join(suffixes)}.")
    if new and path.exists():
        raise InvalidRequest(f"{path} exists already and is not overwritten; choose another name.")
    if not path.parent.is_dir():
        raise InvalidRequest(f"There is no folder {path.parent} to write {path.name} into.")


def check_report(path: Path | None, with_pictures: bool) -> Path | None:
    """See that a report can be written, if one is asked for, and return its file: in a folder, `report.html`.

    Args:
        path: The file, or a folder, which is made: one that exists, or a name without an ending.
        with_pictures: Whether pictures are asked for.

    Raises:
        InvalidRequest: If it cannot, or if pictures are asked for and no report.
    """
    if with_pictures and path is None:
        raise InvalidRequest("--with-pictures says that the report may show pictures: give --report FILE.html, too.")
    if path is not None and (path.is_dir() or not path.suffix):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(f"The folder {path} cannot be made: {error.strerror}.") from error
        path /= REPORT
    check_output(path, "the report is", (".html",))
    return path


def is_csv(path: Path) -> bool:
    """Whether the name, one of `TABLES`, means CSV."""
    return path.suffix.lower() == ".csv"
