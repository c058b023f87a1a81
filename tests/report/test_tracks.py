"""What a report remembers of faces over time."""

from dataclasses import replace

import numpy as np
import pytest

from app.api.wire.schemas import model_names
from app.faces.types import Answer, Detection, Face
from app.manifest import LABELS
from app.report.film import lane_of, table_of, write_film_report
from app.report.markup import FURTHER_LIMITS, clock, now
from app.report.tracks import COLUMNS, MOST_FACES, Tracks
from tests.support.manifest import make_manifest
from tests.support.pipeline import emotion

HAPPY, SAD = (0.0, 1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0, 0.0)
IMAGE = np.zeros((40, 60, 3), np.uint8)


def face(number, shares=HAPPY, side=10.0):
    return Face(Detection((5.0, 5.0, 5.0 + side, 5.0 + side), 0.9), emotion(shares), number)


def test_shares_are_means_of_a_face_and_of_all():
    tracks = Tracks()
    tracks.add(0.0, [face(1), face(2, SAD)], IMAGE)
    tracks.add(0.1, [face(1, SAD)], IMAGE)
    first, second = tracks.list
    assert (first.shares["happy"], first.shares["sad"]) == (0.5, 0.5)
    assert second.shares == dict(zip(LABELS, SAD, strict=True))
    assert tracks.shares["sad"] == pytest.approx(2 / 3)
    assert (first.first_s, first.last_s, first.frames, second.frames) == (0.0, 0.1, 2, 1)


def test_a_day_takes_no_more_than_a_minute_does_and_loses_no_frame():
    tracks = Tracks()
    for second in range(0, 86_400, 10):
        tracks.add(float(second), [face(1, HAPPY if second < 43_200 else SAD)], IMAGE)
    [track] = tracks.list
    assert len(track.columns) <= COLUMNS
    assert sum(sums[0] for sums in track.columns.values()) == track.frames == 8_640
    assert track.shares["happy"] == pytest.approx(0.5)
    assert set(track.columns) <= set(range(COLUMNS))


def test_of_very_many_faces_the_brief_ones_are_only_counted():
    tracks = Tracks()
    for number in range(1, 2_000):
        tracks.add(float(number), [face(0), face(number)], IMAGE)
    assert len(tracks.list) <= 2 * MOST_FACES
    assert len(tracks.list) + tracks.left_out == 2_000
    assert tracks.list[0].frames == 1_999
    assert "more faces, seen in fewer frames" in table_of(tracks, 40).splitlines()[-1]


def test_a_lane_has_a_gap_where_the_face_was_missed():
    tracks = Tracks()
    for time_s in (0.0, 0.1, 0.2, 5.0, 5.1):
        tracks.add(time_s, [face(1)], IMAGE)
    [track] = tracks.list
    lane = lane_of(track, tracks.column_s, tracks.to_s)
    assert lane.count("<polygon") == 2 * len(LABELS)
    xs = sorted(
        {float(spot.split(",")[0]) for each in lane.split('points="')[1:] for spot in each.split('"')[0].split()}
    )
    assert max(xs) <= 1000
    assert not [x for x in xs if 100 < x < 950]


def test_small_pictures_are_kept_only_if_asked_for_and_get_better():
    plain, pictured = Tracks(), Tracks(with_pictures=True)
    for tracks in (plain, pictured):
        tracks.add(0.0, [face(1)], IMAGE)
    assert plain.list[0].thumb == b""
    first = pictured.list[0].thumb
    white = np.full_like(IMAGE, 255)
    pictured.add(0.1, [face(1, side=11.0)], white)
    assert pictured.list[0].thumb == first, "hardly larger"
    pictured.add(0.2, [face(1, side=20.0)], white)
    assert pictured.list[0].thumb != first


def test_the_table_of_a_terminal():
    tracks = Tracks()
    tracks.add(0.0, [face(1), face(12, SAD)], IMAGE)
    tracks.add(30.0, [face(12, (0.0, 0.4, 0.2, 0.0, 0.4))], IMAGE)
    tracks.add(61.25, [face(12, HAPPY)], IMAGE)
    assert table_of(tracks, 40).splitlines() == [
        "face   first    last  frames  angry  happy  sad  surprise  neutral  unclear",
        "   1  0:00.0  0:00.0       1     0%   100%   0%        0%       0%       0%",
        "  12  0:00.0  1:01.2       3     0%    47%  40%        0%      13%      33%",
    ]
    assert table_of(Tracks(), 40) == ""


def test_what_else_was_asked_has_its_column_and_is_a_mean_over_the_frames():
    tracks = Tracks()
    for share in (0.9, 0.5):
        gender = {"gender": Answer(("female", "male"), (1 - share, share))}
        tracks.add(0.0, [face(1), replace(face(2), answers={**emotion(SAD), **gender})], IMAGE)
    first, second = tracks.list
    assert (first.further, second.further["gender"][0]) == ({}, "male")
    assert second.further["gender"][1] == pytest.approx(0.7)
    head, one, two = table_of(tracks, 40).splitlines()
    assert (head.split()[-2:], one.split()[-1], two.split()[-2:]) == (["unclear", "gender"], "0%", ["male", "70%"])


def test_a_film_s_report_says_what_else_was_asked(tmp_path):
    tracks, manifest = Tracks(), make_manifest({"gender": ("female", "male")})
    gender = {"gender": Answer(("female", "male"), (0.96, 0.04))}
    tracks.add(0.0, [replace(face(1), answers={**emotion(SAD), **gender})], IMAGE)
    write_film_report(tmp_path / "r.html", "a.mp4", now(), model_names(manifest, ["gender"]), tracks)
    words = (tmp_path / "r.html").read_text()
    assert "<p>0:00.0 to 0:00.0, 1 frame; female 96% in the mean</p>" in words
    assert ("<th>Gender</th>" in words, "<td>female 96%</td>" in words, FURTHER_LIMITS in words) == (True, True, True)


def test_faces_that_are_not_followed_are_told_together():
    tracks = Tracks(with_pictures=True)
    gender = {"gender": Answer(("female", "male"), (0.96, 0.04))}
    tracks.add(0.0, [face(None), replace(face(None), answers={**emotion(SAD), **gender})], IMAGE)
    [track] = tracks.list
    assert (track.frames, track.thumb, track.further) == (2, b"", {})
    assert table_of(tracks, 40).splitlines()[1].split()[0] == "all"


@pytest.mark.parametrize(
    ("time_s", "words"), [(0, "0:00.0"), (59.96, "1:00.0"), (3_725.5, "1:02:05.5"), (-1, "0:00.0")]
)
def test_times(time_s, words):
    assert clock(time_s) == words
