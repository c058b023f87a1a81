"""Settings as a process finds them: what is misspelt, emptied or invalid is told in one line."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from app.config import Settings
from app.errors import SettingsError

OF_COMPOSE = frozenset({"MIEN_PUBLISH", "MIEN_GPU_PUBLISH"})
"""Variables that only docker-compose.yml reads."""


def read_settings(**given: Any) -> Settings:
    """Read the settings from the environment.

    Args:
        given: Override the environment; None does not.

    Raises:
        SettingsError: If a variable is no setting, or a value is invalid.
    """
    if unknown := unknown_settings(os.environ):
        raise SettingsError(
            f"{', '.join(unknown)}: no such setting; docs/deployment.md lists all. Unset or correct it."
        )
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        # An error about several settings has no location: its text names them.
        where = "".join(f"MIEN_{str(each).upper()}: " for each in first["loc"][:1])
        raise SettingsError(f"{where}{first['msg'].removeprefix('Value error, ')}.") from error


def check_keys_are_not_emptied(environment: Mapping[str, str]) -> None:
    """See that no lost key leaves a server open.

    Args:
        environment: Names and values of variables.

    Raises:
        SettingsError: If one of keys is set but empty.
    """
    if empty := emptied_keys(environment):
        raise SettingsError(
            f"{', '.join(empty)}: set but empty, which would let everybody ask. Give a key, or unset it."
        )


def unknown_settings(environment: Iterable[str]) -> list[str]:
    """Return the variables with a setting's prefix that are not settings: a misspelt one would have no effect.

    Args:
        environment: Names of variables.
    """
    prefix = str(Settings.model_config["env_prefix"])
    known = {f"{prefix}{name}".upper() for name in Settings.model_fields} | OF_COMPOSE
    return sorted(name for name in environment if name.upper().startswith(prefix) and name.upper() not in known)


def emptied_keys(environment: Mapping[str, str]) -> list[str]:
    """Return the key variables that are set but empty: a lost key must not leave the server open.

    Other settings count as unset if they are empty.

    Args:
        environment: Names and values of variables.
    """
    names = {f"{Settings.model_config['env_prefix']}{name}".upper() for name in ("api_keys", "api_keys_file")}
    return sorted(name for name, value in environment.items() if name.upper() in names and not value)


def with_threads(settings: Settings, cpus: float) -> Settings:
    """Give the networks their share of a machine, where the settings do not say how many threads they have.

    Args:
        settings: Of one pipeline.
        cpus: What is reserved for it.
    """
    return settings if settings.threads else settings.model_copy(update={"threads": max(1, round(cpus))})
