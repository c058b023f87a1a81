import pytest
import typer
from typer.testing import CliRunner

from benchmarks.__main__ import _finish, cli
from benchmarks.page import INTRODUCTION, METHOD, REPEAT
from benchmarks.plot import draw
from benchmarks.report import sections
from benchmarks.results import Results
from benchmarks.server import ROOT
from tests.benchmarks.sample import round_of, sample_results


def write(tmp_path, results):
    (tmp_path / "results.json").write_text(results.model_dump_json())
    draw(results, tmp_path / "results.png")
    done = CliRunner().invoke(cli, ["page", "--out", str(tmp_path), "--docs", str(tmp_path)])
    assert done.exit_code == 0, done.output
    return (tmp_path / "benchmarks.md").read_text()


def test_the_page_says_what_where_and_when(tmp_path):
    page = write(tmp_path, sample_results())

    machine = ("Some CPU, 2 cores", "OpenVINO 1.2, all in bf16, cpu", "700 MB", "python 3.11.7")
    for said in ("2026-01-02", "abc1234", *machine):
        assert said in page
    assert "quick run" not in page.partition("## How it is measured")[0]
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_names_the_precision_of_each_contender(tmp_path):
    page = write(tmp_path, sample_results())

    for said in (
        "the usual way by PyTorch in float32",
        "int8 by OpenVINO in 8-bit integers",
        "TensorFlow Lite network",
    ):
        assert said in page


def test_the_page_of_this_version_has_its_words():
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    assert page.startswith(INTRODUCTION)
    assert page.endswith(f"{METHOD}\n{REPEAT}")


def test_the_page_shows_every_cell_of_every_table(tmp_path):
    results = sample_results()

    page = write(tmp_path, results)

    for section in sections(results):
        assert f"## {section.title}\n" in page
        for row in section.rows:
            assert len(row) == len(section.header)
            assert f"| {' | '.join(row)} |" in page
    assert "| mien | 16 | 38.0 | 420.0 | 504.0 | 630.0 | 0 | 0.020 | 1.90 |" in page


def test_a_missed_target_and_what_was_left_out_stand_on_the_page(tmp_path):
    page = write(tmp_path, sample_results(rounds=[round_of(mien_at_16=20.0)], left_out=["fer is not here"]))

    assert "| at least 0.9 | 0.5 | missed |" in page
    assert "## Left out\n\n- fer is not here\n" in page


def test_the_page_says_how_to_measure_memory_until_it_is(tmp_path):
    hint = "- Memory over many requests: python -m benchmarks memory"

    assert hint in write(tmp_path, sample_results(memory=None))
    assert hint not in write(tmp_path, sample_results())


def test_a_quick_run_is_marked(tmp_path):
    assert "**A quick run" in write(tmp_path, sample_results(quick=True))


def test_the_page_needs_a_run_of_this_version(tmp_path):
    (tmp_path / "results.json").write_text('{"quick": true}')

    done = CliRunner().invoke(cli, ["page", "--out", str(tmp_path), "--docs", str(tmp_path)])

    assert done.exit_code == 2
    assert "is not a run of this version" in done.output


def test_memory_is_added_to_a_run_of_the_same_commit_only(tmp_path):
    (tmp_path / "results.json").write_text(sample_results().model_dump_json())

    done = CliRunner().invoke(cli, ["memory", "--out", str(tmp_path)])

    assert done.exit_code == 2
    assert "a run of commit abc1234, not of" in done.output


def test_check_exits_with_1_after_the_run_is_written(tmp_path):
    _finish(sample_results(), tmp_path / "good", check=True)
    missed = sample_results(rounds=[round_of(mien_at_16=20.0)])
    _finish(missed, tmp_path / "unchecked", check=False)

    with pytest.raises(typer.Exit) as exit_of:
        _finish(missed, tmp_path / "checked", check=True)

    assert exit_of.value.exit_code == 1
    assert Results.model_validate_json((tmp_path / "checked" / "results.json").read_text()) == missed
