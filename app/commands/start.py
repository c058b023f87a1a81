"""How a command begins, and how it ends where the user can mend what is wrong: one line on standard error."""

import logging
from typing import Any

import typer
from rich.console import Console

from app.config import Settings
from app.environment import read_settings
from app.errors import MienError, SettingsError
from app.logs import is_json

to_stderr = Console(stderr=True)
logger = logging.getLogger(__name__)


def settings_of(**given: Any) -> Settings:
    """Read the settings; options given on the command line override the environment.

    Raises:
        typer.Exit: If one is wrong; the user has been told.
    """
    try:
        return read_settings(**given)
    except SettingsError as error:
        raise fail(str(error)) from error


def further_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return what is asked of a face besides its emotion, with its labels.

    Raises:
        typer.Exit: If there is no network for it; the user has been told.
    """
    from app.main import deployed

    try:
        return deployed(settings).further
    except MienError as error:
        raise fail(str(error)) from error


def fail(message: str) -> typer.Exit:
    """Tell the user what is wrong; return what to raise."""
    if is_json():
        logger.error(message)
    else:
        typer.echo(f"mien: {message}", err=True)
    return typer.Exit(1)
