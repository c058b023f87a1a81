"""TIFFs of any layout, written from pixels: TIFF 6.0, and Adobe's Technical Note 3 for floats."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH = 7, 32, 16
GRAY, WHITE_IS_ZERO, RGB, CMYK = 1, 0, 2, 5
COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8}


@dataclass(frozen=True)
class Layout:
    """How pixels are written; `bits` below 16 and other than 8 are packed without gaps but at the end of a row."""

    order: str = "<"
    separate: bool = False
    compression: str = "none"
    cut: str = "strips"
    predictor: bool = False
    bits: int | None = None

    def segments(self, pixels: np.ndarray) -> list[bytes]:
        """Return the strips or tiles of pixels of shape (H, W, C)."""
        planes = [pixels[..., [each]] for each in range(pixels.shape[2])] if self.separate else [pixels]
        return [self._coded(block) for plane in planes for block in self._blocks(plane)]

    def _blocks(self, plane: np.ndarray) -> Iterator[np.ndarray]:
        height, width, _ = plane.shape
        if self.cut != "tiles":
            rows = ROWS_PER_STRIP if self.cut == "strips" else height
            yield from (plane[top : top + rows] for top in range(0, height, rows))
            return
        padded = np.pad(plane, ((0, -height % TILE_LENGTH), (0, -width % TILE_WIDTH), (0, 0)))
        for top in range(0, height, TILE_LENGTH):
            yield from (padded[top : top + TILE_LENGTH, x : x + TILE_WIDTH] for x in range(0, width, TILE_WIDTH))

    def _coded(self, block: np.ndarray) -> bytes:
        if self.predictor:
            block = _difference_of_bytes(block) if block.dtype.kind == "f" else _difference(block)
        if self.bits is not None:
            data = _packed(block, self.bits)
        else:
            data = block.astype(block.dtype.newbyteorder(self.order)).tobytes()
        if self.compression == "deflate":
            return zlib.compress(data)
        return lzw(data) if self.compression == "lzw" else data


def tiff(
    pixels: np.ndarray,
    photometric: int,
    layout: Layout | None = None,
    extra: tuple[int, ...] = (),
    more: dict[int, int] | None = None,
) -> bytes:
    """Return a TIFF of pixels of shape (H, W, C).

    Args:
        pixels: Whole numbers or floats.
        photometric: PhotometricInterpretation.
        layout: How to write them.
        extra: ExtraSamples: 0 unspecified, 1 transparency already multiplied in, 2 transparency.
        more: Further tags, each one number.
    """
    layout = layout or Layout()
    height, width, samples = pixels.shape
    segments = layout.segments(pixels)
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags = {
        256: [width], 257: [height], 258: [layout.bits or pixels.dtype.itemsize * 8] * samples,
        259: [COMPRESSIONS[layout.compression]], 262: [photometric], 277: [samples],
        284: [2 if layout.separate else 1], 339: [kind] * samples,
    }  # fmt: skip
    if layout.predictor:
        tags[317] = [3 if kind == 3 else 2]
    if extra:
        tags[338] = list(extra)
    tags |= {tag: [value] for tag, value in (more or {}).items()}
    lengths = [len(each) for each in segments]
    if layout.cut == "tiles":
        tags |= {322: [TILE_WIDTH], 323: [TILE_LENGTH], 324: [0] * len(segments), 325: lengths}
    else:
        tags |= {278: [ROWS_PER_STRIP if layout.cut == "strips" else height], 273: [0] * len(segments), 279: lengths}
    return _file(layout.order, tags, segments)


def _file(order: str, tags: dict[int, list[int]], segments: list[bytes]) -> bytes:
    """The header, the directory, values that do not fit into it, the pixels."""
    head_bytes = 8 + 2 + 12 * len(tags) + 4
    outside = sum(4 * len(values) for values in tags.values() if len(values) > 1)
    places = np.cumsum([head_bytes + outside, *map(len, segments)])[:-1].tolist()
    tags |= {tag: places for tag in (273, 324) if tag in tags}
    entries, data = b"", b""
    for tag, values in sorted(tags.items()):
        short = tag not in (273, 279, 324, 325)
        packed = struct.pack(f"{order}{len(values)}{'H' if short else 'I'}", *values)
        if len(packed) > 4:
            value = struct.pack(f"{order}I", head_bytes + len(data))
            data += packed
        else:
            value = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, 3 if short else 4, len(values)) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + data.ljust(outside, b"\0") + b"".join(segments)


def lzw(data: bytes) -> bytes:
    """Code bytes one by one, beginning the table anew before codes get longer than 9 bits."""
    codes = [code for at, byte in enumerate(data) for code in ((256, byte) if at % 200 == 0 else (byte,))]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _difference(block: np.ndarray) -> np.ndarray:
    return np.concatenate([block[:, :1], block[:, 1:] - block[:, :-1]], axis=1)


def _difference_of_bytes(block: np.ndarray) -> np.ndarray:
    """The bytes of a row, all first ones before all second ones, each less the one a pixel before it."""
    height, width, samples = block.shape
    big = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(height, width * samples, -1)
    flat = big.transpose(0, 2, 1).reshape(height, -1, samples)
    return _difference(flat)


def _packed(block: np.ndarray, bits: int) -> bytes:
    rows = block.reshape(block.shape[0], -1)
    as_bits = (rows[..., None] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)
    return np.packbits(as_bits.reshape(rows.shape[0], -1), axis=1).tobytes()
