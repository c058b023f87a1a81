"""Names that are not known here: what may have been meant, and which of them do no harm."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from app.api.wire.mistakes import FETCHES_NOTHING
from app.errors import InvalidRequest

MAX_NAME_CHARACTERS = 64
"""Of a name that is compared and shown."""

ADDRESSES = frozenset({"url", "uri", "imageurl", "imgurl", "photourl", "pictureurl", "src"})
PICTURES = frozenset(
    {"img", "img1", "imgpath", "img1path", "imagepath", "path", "base64", "imagebase64", "imgbase64", "b64", "bytes"}
    | {"photo", "picture", "content", "data", "requests", "instances", "inputs", "input", "inputbytes"}
)
"""What deepface, cloud services and model servers call a picture; without signs and in lower case."""

FOREIGN_PATHS = frozenset({"/analyze", "/represent", "/verify", "/predict", "/classify/image", "/v1/images:annotate"})
"""Of deepface, of model servers and of Google's Vision API."""

HOW_TO_SEND = (
    'Send the picture to POST /detect as the form field "file", as the whole body, or as JSON: '
    '{"image": "<base64 or data: address>"}.'
)

_HARMLESS = re.compile(r"max_file_size|(?:.*\.)?[xy]", re.IGNORECASE)
"""What PHP's forms hold, and where a picture that serves as submit button was clicked."""


def unknown_name(name: str, known: Collection[str]) -> InvalidRequest:
    """Say that an option is unknown, and what may have been meant."""
    shown = name[:MAX_NAME_CHARACTERS]
    if _plain(shown) in ADDRESSES:
        return InvalidRequest(f"Unknown option {shown!r}. {FETCHES_NOTHING}")
    if _plain(shown) in PICTURES:
        return InvalidRequest(f"Unknown option {shown!r}. {HOW_TO_SEND}")
    close = _closest(shown, known)
    meant = f": did you mean {close}?" if close else "."
    return InvalidRequest(f"Unknown option {shown!r}{meant} Known: {', '.join(sorted(known)) or 'none'}.")


def refuse_unknown(names: Collection[str], known: Collection[str]) -> None:
    """Refuse options that are unknown.

    Raises:
        InvalidRequest: At the first one.
    """
    for name in names:
        if name not in known:
            raise unknown_name(name, known)


def without_extras(fields: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return the fields of a form that are options.

    Browsers, PHP and frameworks add tokens, sizes and the name of the button. An unknown field is passed over unless
    it may be a misspelt option: it has a number or a truth value, its name is like an option's, or other services take
    a picture under it.

    Raises:
        InvalidRequest: If there is such a field.
    """
    for name, value in fields.items():
        if name not in known and _may_be_meant(name, value, known):
            raise unknown_name(name, known)
    return {name: value for name, value in fields.items() if name in known}


def _may_be_meant(name: str, value: str, known: Collection[str]) -> bool:
    if _HARMLESS.fullmatch(name[:MAX_NAME_CHARACTERS]):
        return False
    if _plain(name) in ADDRESSES | PICTURES or _closest(name, known):
        return True
    try:
        float(value[:MAX_NAME_CHARACTERS])
    except ValueError:
        return value.strip().lower() in ("true", "false")
    return True


def _closest(name: str, known: Collection[str]) -> str | None:
    plain = {_plain(each): each for each in known}
    close = difflib.get_close_matches(_plain(name[:MAX_NAME_CHARACTERS]), plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:MAX_NAME_CHARACTERS].lower())


def options_given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options without empty ones: a form's empty field, and JSON's null, mean the default."""
    return {name: value for name, value in values.items() if value is not None and value != ""}
