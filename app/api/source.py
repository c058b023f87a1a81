"""GET /source: the program's own source, as section 13 of the AGPL asks of a server."""

import io
import zipfile
from pathlib import Path

from fastapi import APIRouter, Response

PACKAGE = Path(__file__).resolve().parents[1]
SUFFIXES = frozenset({".py", ".html", ".js", ".css", ".svg", ".json", ".md"})

router = APIRouter(tags=["service"])


@router.get("/source", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def source() -> Response:
    """Download the source of this very server (the weights are described at /models)."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES:
                file.write(path, Path(PACKAGE.name) / path.relative_to(PACKAGE))
    headers = {"Content-Disposition": 'attachment; filename="mien-source.zip"'}
    return Response(archive.getvalue(), media_type="application/zip", headers=headers)
