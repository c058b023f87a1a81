"""The report of a film or camera: one lane a face over time, and a table."""

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np

from app.api.wire.schemas import ModelNames
from app.faces.annotate import shared
from app.manifest import LABELS
from app.plural import counted
from app.report.look import tones
from app.report.markup import bar, clock, legend, new_report, table_head, write_foot, write_head
from app.report.tracks import Track, Tracks, shares_of
from app.tracks.tracker import LOST_S

WIDTH, HEIGHT = 1000, 100
"""Of a lane's coordinates."""
SPACE = "&nbsp;"


def write_film_report(path: Path, title: str, began: datetime, model: ModelNames, tracks: Tracks) -> None:
    """Write a report as one HTML file that needs nothing else.

    Args:
        path: New file.
        title: What was looked at.
        began: When that was, with its time zone.
        model: The networks.
        tracks: The faces; with small pictures if these may be in it.

    Raises:
        InvalidRequest: If it cannot be written.
    """
    with new_report(path) as file:
        write_head(file, title, began, model)
        faces = counted(len(tracks.list) + tracks.left_out, "face")
        file.write(f"<section><h2>In all</h2><p>{clock(tracks.to_s)} min, {counted(tracks.frames, 'frame')}, {faces}.")
        if tracks.left_out:
            file.write(f" Left out below: {counted(tracks.left_out, 'face')} seen in few frames.")
        file.write(f"</p>\n{bar(tracks.shares) if tracks.list else ''}{legend()}</section>\n")
        if tracks.list:
            _write_lanes(file, tracks)
            _write_table(file, tracks)
        write_foot(file)


def name_of(track: Track) -> str:
    """Name a face as in the rows."""
    return "All faces, not followed" if track.number is None else f"Face {track.number}"


def _write_lanes(file: IO[str], tracks: Tracks) -> None:
    file.write(f'<section><h2>Faces</h2><p class="scale"><span>0:00.0</span><span>{clock(tracks.to_s)}</span></p>\n')
    for track in tracks.list:
        [(label, count)] = track.strongest.most_common(1)
        thumb = base64.b64encode(track.thumb).decode()
        image = f'<img src="data:image/jpeg;base64,{thumb}" alt="">' if thumb else ""
        seen = f"{clock(track.first_s)} to {clock(track.last_s)}, {counted(track.frames, 'frame')}"
        seen += f", unclear in {track.unclear / track.frames:.0%} of them" if track.unclear else ""
        seen += "".join(f"; {shared(*said)} in the mean" for said in track.further.values())
        file.write(
            f"<article>{image}<div><h3>{name_of(track)}: mostly {label}, {count / track.frames:.0%} of its frames.</h3>"
            f"<p>{seen}</p>{lane_of(track, tracks.column_s, tracks.to_s)}\n{bar(track.shares)}</div></article>\n"
        )
    file.write("</section>\n")


def _shares_of(track: Track) -> Iterator[float]:
    """Yield the mean shares, and the share of frames that are unclear."""
    yield from track.shares.values()
    yield track.unclear / track.frames


def _further_of(track: Track, attributes: Iterable[str]) -> Iterator[str]:
    """Yield what else is said of a face, by attribute: `female 97%`, or nothing."""
    for attribute in attributes:
        yield shared(*track.further[attribute]) if attribute in track.further else ""


def _write_table(file: IO[str], tracks: Tracks) -> None:
    heads = ("Face", "First", "Last", "Frames", *(label.capitalize() for label in LABELS), "Unclear")
    heads = (*heads, *(attribute.capitalize() for attribute in tracks.attributes))
    file.write(f"<section><h2>Table</h2>{table_head(heads)}")
    for track in tracks.list:
        number = "all" if track.number is None else track.number
        shares = (f"{share:.0%}".replace("%", f"{SPACE}%") for share in _shares_of(track))
        further = _further_of(track, tracks.attributes)
        cells = (number, clock(track.first_s), clock(track.last_s), f"{track.frames:,}", *shares, *further)
        file.write(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n")
    file.write("</tbody></table></section>\n")


def lane_of(track: Track, column_s: float, to_s: float) -> str:
    """Draw shares over time as areas one upon the other; a gap is where the face was missed.

    Args:
        track: The face.
        column_s: Width of its columns.
        to_s: Where the lane ends.
    """
    to_s = max(to_s, column_s)
    areas = "".join(area for run in _runs(track, column_s) for area in _areas(run, track, column_s, to_s))
    return (
        f'<svg class="lane" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{areas}</svg>'
    )


def _runs(track: Track, column_s: float) -> Iterator[list[int]]:
    run: list[int] = []
    for column in sorted(track.columns):
        if run and (column - run[-1] - 1) * column_s > LOST_S:
            yield run
            run = []
        run.append(column)
    yield run


def _areas(run: list[int], track: Track, column_s: float, to_s: float) -> Iterator[str]:
    """Draw a run: from the beginning of its first column to the end of its last, each mean in its column's middle."""
    shares = [shares_of(track.columns[column]) for column in run]
    times_s = [(column + 0.5) * column_s for column in run]
    times_s, shares = [run[0] * column_s, *times_s, (run[-1] + 1) * column_s], [shares[0], *shares, shares[-1]]
    xs = [min(WIDTH, WIDTH * time_s / to_s) for time_s in times_s]
    floor = np.zeros(len(xs))
    for label in LABELS:
        ceiling = floor + [each[label] for each in shares]
        upper = [f"{x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in zip(xs, ceiling, strict=True)]
        lower = [f"{x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in zip(xs, floor, strict=True)]
        yield f'<polygon fill="{tones()[label]}" points="{" ".join([*upper, *reversed(lower)])}"/>'
        floor = ceiling


def table_of(tracks: Tracks, most: int) -> str:
    """Write the table for a terminal: one line a face, at most so many, those in the most frames.

    Returns:
        Lines; empty if there was no face.
    """
    shown = sorted(tracks.list, key=lambda track: -track.frames)[:most]
    if not shown:
        return ""
    lines = [("face", "first", "last", "frames", *LABELS, "unclear", *tracks.attributes)]
    for track in sorted(shown, key=lambda track: track.number or 0):
        number = "all" if track.number is None else str(track.number)
        shares = (f"{share:.0%}" for share in _shares_of(track))
        further = _further_of(track, tracks.attributes)
        lines.append((number, clock(track.first_s), clock(track.last_s), f"{track.frames:,}", *shares, *further))
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    text = "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    hidden = len(tracks.list) - len(shown) + tracks.left_out
    return f"{text}\n{counted(hidden, 'more face')}, seen in fewer frames" if hidden else text
