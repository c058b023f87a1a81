"""GET /source: the program's own source, as section 13 of the AGPL requires of a server."""

import functools
import io
import zipfile
from pathlib import Path

from fastapi import APIRouter, Response

from app.api.guards.needs import needs

PACKAGE = Path(__file__).resolve().parents[1]
BESIDE = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE")
"""What it takes to build and install; in a wheel these lie inside the package, in a checkout beside it."""
SUFFIXES = frozenset({".py", ".html", ".js", ".css", ".svg", ".json", ".md"})

router = APIRouter(tags=["service"])


@needs(key=False, rate=False)
@router.head("/source", include_in_schema=False)
@router.get("/source", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
async def source() -> Response:
    """Download the source of this very server (the weights are described at /models)."""
    headers = {"Content-Disposition": 'attachment; filename="mien-source.zip"'}
    return Response(source_archive(), media_type="application/zip", headers=headers)


@functools.cache
def source_archive() -> bytes:
    """Return the source as a ZIP, as it was when this process first asked for it."""
    archive, inside = io.BytesIO(), PACKAGE / "about"
    beside = inside if inside.is_dir() else PACKAGE.parent
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
        for name in BESIDE:
            file.write(beside / name, name)
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and inside not in path.parents:
                file.write(path, Path(PACKAGE.name) / path.relative_to(PACKAGE))
    return archive.getvalue()
