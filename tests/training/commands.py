"""The commands of training, run in this process."""

import pytest

from training.cli import main


def run(*arguments: object) -> int:
    """Run `python -m training` here and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    code = exit_.value.code
    assert isinstance(code, int)
    return code


def succeed(*arguments: object) -> None:
    """Run `python -m training` here, without a failure."""
    assert run(*arguments) == 0


def assert_one_error_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Stderr holds one line, that of the error, with these words."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert all(word in lines[0] for word in words)
