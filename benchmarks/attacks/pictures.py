"""Attacks by files: small or broken up, and dear to whoever opens them without care."""

from PIL import Image as Pillow

from app.pictures.large import USUAL_JPEG_PIXELS
from app.serving.explained import MAX_EXPLAINED
from benchmarks.attacks import files
from benchmarks.attacks.catalogue import attack
from benchmarks.attacks.target import Client, Target, flood
from benchmarks.http_client import post
from benchmarks.pictures import crowd, jpeg

COMMENT, UNKNOWN = 0xFE, 0x42
FORM = "multipart/form-data; boundary=attack"
CLASSIFIED, BATCH = 64, 32
"""Most files in a request to /classify, and to /detect/batch."""

DRAWN = ("image/jpeg", "image/png")

SIDE_PX, STRIDE_PX = 640, 32
"""Longer side of the canvas that is searched; its shorter side is a multiple of the other."""


def _posts(target: Target, made: list[bytes], clients: int) -> list[Client]:
    return flood(target, [post("/detect", each, "application/octet-stream") for each in made], clients)


@attack(6)
def exif_fractions(target: Target) -> list[Client]:
    """8 clients send a PNG, WebP, TIFF and AVIF whose orientation is 2.4 million fractions."""
    exif = files.exif_of_many(files.RATIONAL)
    made = [files.with_exif(name, exif) for name in ("PNG", "WEBP", "AVIF")]
    return _posts(target, [*made, files.tiff_of_many(files.RATIONAL)], 8)


@attack(6)
def exif_numbers(target: Target) -> list[Client]:
    """8 clients send a PNG, WebP and TIFF whose orientation is 4.9 million numbers, and a JPEG of 300 such."""
    exif = files.exif_of_many(files.LONG)
    made = [files.with_exif(name, exif) for name in ("PNG", "WEBP")]
    return _posts(target, [*made, files.tiff_of_many(files.LONG), files.jpeg_of_exif_segments()], 8)


@attack(7)
def crumbs(target: Target) -> list[Client]:
    """10 clients send GIFs of tiny comments or extensions, a PNG, WebP and JPEG of empty chunks; 20 MB each."""
    gifs = [files.gif_of_crumbs(COMMENT), files.gif_of_crumbs(UNKNOWN)]
    return _posts(target, [*gifs, files.png_of_crumbs(), files.webp_of_crumbs(), files.jpeg_of_crumbs()], 10)


@attack(8)
def transparent_giants(target: Target) -> list[Client]:
    """4 clients send transparent pictures of 50 megapixels."""
    png = files.large_png(files.WIDTH, files.HEIGHT, 6)
    return _posts(target, [png, files.large("WEBP", "RGBA", lossless=True, quality=0, method=0)], 4)


@attack(9)
def classify_giants(target: Target) -> list[Client]:
    """4 clients have 64 WebPs of 50 megapixels and a few bytes classified, in each request."""
    webp = files.large("WEBP", "RGBA", lossless=True, quality=0, method=0)
    return flood(target, [post("/classify", files.form_of([webp] * CLASSIFIED), FORM)], 4)


@attack(9)
def classify_large_faces(target: Target) -> list[Client]:
    """4 clients have 64 WebPs of 4 megapixels, the most that are read, and a few bytes classified, in each request."""
    webp = files.large("WEBP", "RGBA", (2000, 2000), lossless=True, quality=0, method=0)
    return flood(target, [post("/classify", files.form_of([webp] * CLASSIFIED), FORM)], 4)


@attack(9)
def batches_of_giants(target: Target) -> list[Client]:
    """4 clients have 32 WebPs of 50 megapixels searched, in each request."""
    webp = files.large("WEBP", "RGB", lossless=True, quality=0, method=0)
    return flood(target, [post("/detect/batch", files.form_of([webp] * BATCH), FORM)], 4)


@attack(9)
def tiny_giants(target: Target) -> list[Client]:
    """100 clients send a WebP of 50 megapixels and a few bytes."""
    return _posts(target, [files.large("WEBP", "RGBA", lossless=True, quality=0, method=0)], 100)


@attack(9)
def all_shapes(target: Target) -> list[Client]:
    """39 clients send a picture without a face each, all of other shapes, for each of which the networks are set up."""
    sides = [(SIDE_PX, side) for side in range(STRIDE_PX, SIDE_PX + 1, STRIDE_PX)]
    shapes = [*sides, *((height, width) for width, height in sides[:-1])]
    return _posts(target, [jpeg(Pillow.new("RGB", shape)) for shape in shapes], len(shapes))


@attack(9)
def crowds(target: Target) -> list[Client]:
    """20 clients send pictures of 288 faces."""
    half = crowd(144)
    whole = Pillow.new("RGB", (half.width, 2 * half.height))
    whole.paste(half, (0, 0))
    whole.paste(half, (0, half.height))
    return _posts(target, [jpeg(whole)], 20)


@attack(12)
def heavy_formats(target: Target) -> list[Client]:
    """16 clients send 50 megapixels as they take most memory: WebP, PNG of a million rows, CMYK, TIFF of 32 bits."""
    made = [
        files.large("WEBP", "RGBA", lossless=True, quality=0, method=0),
        files.large_png(49, 1_000_000, 0),
        files.large("JPEG", "CMYK"),
        files.large("TIFF", "I", compression="tiff_adobe_deflate"),
    ]
    return _posts(target, made, 16)


@attack(12)
def slow_formats(target: Target) -> list[Client]:
    """16 clients send 50 megapixels as they take most time: HEIC, a transparent AVIF, a progressive JPEG, floats."""
    made = [
        files.large_heic(),
        files.large("AVIF", "RGBA", speed=10),
        files.large("JPEG", "RGB", progressive=True),
        files.large("TIFF", "F", compression="tiff_adobe_deflate"),
    ]
    return _posts(target, made, 16)


@attack(12)
def thin_giants(target: Target) -> list[Client]:
    """8 clients send PNGs of 50 million pixels side by side, one below the other, and of a million rows."""
    sizes = ((1, 49_900_000), (49_900_000, 1), (49, 1_000_000), (1_000_000, 49))
    return _posts(target, [files.large_png(width, height, 0) for width, height in sizes], 8)


@attack(12)
def damaged_giants(target: Target) -> list[Client]:
    """16 clients send 50 megapixels that break off in the middle."""
    png, cmyk = files.large_png(files.WIDTH, files.HEIGHT, 2), files.large("JPEG", "CMYK")
    return _posts(target, [png[: len(png) // 2], cmyk[: len(cmyk) // 2]], 16)


@attack(9)
def explanations(target: Target) -> list[Client]:
    """20 clients ask why, of pictures with as many faces as are explained in one answer."""
    return flood(target, [post("/detect?explain=true", jpeg(crowd(MAX_EXPLAINED)))], 20)


@attack(9)
def drawn_giants(target: Target) -> list[Client]:
    """8 clients have JPEGs of 17 and of 50 megapixels drawn, as a JPEG and as a PNG."""
    usual = int(USUAL_JPEG_PIXELS**0.5)
    made = [files.large("JPEG", "RGB", (usual, usual)), files.large("JPEG", "RGB")]
    asked = [post("/detect", each, f"image/jpeg\r\nAccept: {form}") for each in made for form in DRAWN]
    return flood(target, asked, 8)


@attack(9)
def batches_of_photos(target: Target) -> list[Client]:
    """16 clients send 32 photos in each request, all of which are in order."""
    return flood(target, [post("/detect/batch", files.form_of([jpeg(crowd(2))] * BATCH), FORM)], 16)
