"""Bodies that are no picture because of a slip of the sender: which one it was."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import BadPayload, InvalidRequest, MienError, UnsupportedMedia

LONGEST_BYTES = 1_024
"""Of what is looked at: a longer body is none of these, but may be base64."""

FETCHES_NOTHING = (
    "This service fetches nothing: it would have to ask other servers, also inside your network, for whoever sends an "
    "address. Send the picture itself, as a file or as base64."
)

_BASE64 = (b"data:image/", b"/9j/", b"iVBORw0KGgo", b"R0lGOD", b"UklGR")
"""How JPEG, PNG, GIF and WebP begin as base64."""
_WITHOUT_LINE_ENDS = (b"\xff\xd8\xff", b"\x89PNG\x1a", b"GIF8", b"RIFF", b"BM", b"II*", b"MM")
"""How pictures begin, without their line ends."""
_FILE_NAME = re.compile(rb"[^\x00-\x1f\x7f]{1,255}\.(jpe?g|jfif|png|webp|bmp|tiff?|gif|avif|hei[cf])", re.IGNORECASE)
_ADDRESS = re.compile(rb"[a-z][a-z0-9+.-]{1,20}://\S+", re.IGNORECASE)
_PLAIN_FORM = re.compile(rb"[\w.%[\]-]{1,64}=[^=\s][\x20-\x7e\s]*", re.ASCII)
"""A name and a value; base64 has such signs, too, but nothing behind its last =."""


def slip_in(payload: bytes) -> MienError | None:
    """Say what a short text that stands for a picture is, if it is a file's name, an address or a form's fields."""
    if len(payload) > LONGEST_BYTES:
        return None
    payload = payload.strip()
    if _PLAIN_FORM.fullmatch(payload):
        return UnsupportedMedia(
            "The body is a URL-encoded form, which holds no files: send multipart/form-data, with curl "
            "-F file=@photo.jpg, or the file alone, with curl --data-binary @photo.jpg."
        )
    if _ADDRESS.fullmatch(payload):
        return InvalidRequest(FETCHES_NOTHING)
    if _FILE_NAME.fullmatch(payload):
        return UnsupportedMedia(
            "This is a file's name and not the file: with curl write @ before it, as in --data-binary @photo.jpg or "
            "-F file=@photo.jpg; in JSON goes the file's content as base64."
        )
    return None


def base64_in(payload: bytes) -> MienError | None:
    """Say that a file is base64 text, if it is; where text is expected, as in JSON, that is no slip."""
    if not payload[:LONGEST_BYTES].lstrip().startswith(_BASE64):
        return None
    return UnsupportedMedia(
        'This is base64 text: send the file\'s bytes, or application/json with the text in "image", on routes for '
        'several pictures in "images".'
    )


@contextmanager
def told_of_lost_line_ends(payload: bytes) -> Iterator[None]:
    """Say of a picture that cannot be read if something took all bytes out that are line ends in texts.

    Raises:
        BadPayload: Instead of what was raised. Of the files of this length that a sender left whole, and that cannot be
            read for another reason, one in 3,000 is told the same.
    """
    try:
        yield
    except (BadPayload, UnsupportedMedia) as error:
        lost = len(payload) > LONGEST_BYTES and b"\n" not in payload and b"\r" not in payload
        if lost and payload.startswith(_WITHOUT_LINE_ENDS):
            raise BadPayload(
                "The file has lost all its bytes that would be line ends in a text, as curl -d @photo.jpg takes them "
                "out: send it with --data-binary @photo.jpg or -F file=@photo.jpg."
            ) from error
        raise
