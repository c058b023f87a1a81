"""Which form of an answer a request accepts (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from starlette.requests import Request

from app.errors import NotAcceptable

JSON, CSV, JPEG, PNG = "application/json", "text/csv", "image/jpeg", "image/png"


def accepted(request: Request, offered: Sequence[str]) -> str:
    """Return the media type to answer with: of those that are liked equally, the first one offered.

    Args:
        request: Its `Accept` is read; the guards bound its length and its parts.
        offered: The media types that there are.

    Raises:
        NotAcceptable: If the request accepts none of them.
    """
    wanted = ",".join(request.headers.getlist("accept")).lower()
    if not wanted.strip():
        return offered[0]
    ranges = dict(_weighted(each) for each in wanted.split(","))
    best = max(offered, key=lambda each: _weight(each, ranges))
    if _weight(best, ranges) <= 0:
        raise NotAcceptable(f"The answer can be {', '.join(offered)}; the request accepts {wanted[:100]!r}.")
    return best


def _weighted(text: str) -> tuple[str, float]:
    """Return a media range and its weight, 0 to 1."""
    media_range, *parameters = (each.strip() for each in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, min(1.0, max(0.0, float(value)))
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _weight(media_type: str, ranges: dict[str, float]) -> float:
    """Return the weight of a media type: that of the most specific range which it is in."""
    kind = media_type.partition("/")[0]
    return next((ranges[each] for each in (media_type, f"{kind}/*", "*/*") if each in ranges), 0.0)
