"""`python -m benchmarks`: measures Mien, the usual way and its peers side by side on this machine.

Writes results.json and results.png to a folder and prints tables. `python -m benchmarks memory` adds a long measurement
to them, and `python -m benchmarks page` turns them into docs/benchmarks.md. `benchmarks.soak`, `benchmarks.storm`,
`benchmarks.stream` and `benchmarks.attacks` are separate commands.
"""

import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

if missing := [name for name in ("psutil", "matplotlib", "ultralytics") if find_spec(name) is None]:
    sys.exit(f"error: {', '.join(missing)} is not installed: pip install -e '.[bench]' in Mien's sources")

from benchmarks.check import judge
from benchmarks.growth import measure_growth
from benchmarks.machine import describe_machine
from benchmarks.page import write_page
from benchmarks.plot import draw
from benchmarks.report import sections, what_is_left_out
from benchmarks.results import Results
from benchmarks.run import FULL, QUICK, Run
from benchmarks.server import ROOT, ServerFailed

MEMORY_REQUESTS = 20_000
RESULTS, FIGURE = "results.json", "results.png"
OUT = Path("out/benchmarks")
Folder = Annotated[Path, typer.Option(help="Folder for results.json and results.png.")]
Check = Annotated[bool, typer.Option("--check", help="Exit with 1 if a target is missed.")]

cli = typer.Typer(add_completion=False, help="Measure Mien, the usual way and its peers side by side.")


@cli.callback(invoke_without_command=True)
def measure(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Under 4 minutes on 2 cores; not to quote.")] = False,
    check: Check = False,
    fer_python: Annotated[Path | None, typer.Option(help="Python of an environment with fer.")] = None,
    out: Folder = OUT,
) -> None:
    """Measure, print tables, write JSON and a PNG."""
    if context.invoked_subcommand is not None:
        return
    started = time.monotonic()

    def tell(what: str) -> None:
        typer.echo(f"[{time.monotonic() - started:5.0f} s] {what}", err=True)

    try:
        results = Run(QUICK if quick else FULL, fer_python, tell).measure()
    except RuntimeError as error:  # ChildFailed, ServerFailed, or a picture without what it should show
        raise _fail(str(error)) from error
    _finish(results, out, check)


@cli.command()
def memory(out: Folder = OUT, check: Check = False) -> None:
    """Send 20,000 pictures of mixed sizes, and add the server's memory to a run of the same commit."""
    results = _read(out)
    if (commit := describe_machine().commit) != results.machine.commit:
        raise _fail(f"{out / RESULTS} is a run of commit {results.machine.commit}, not of {commit}.")
    try:
        growth = measure_growth(MEMORY_REQUESTS)
    except ServerFailed as error:
        raise _fail(str(error)) from error
    _finish(results.model_copy(update={"memory": growth}), out, check)


@cli.command()
def page(
    out: Folder = OUT,
    docs: Annotated[Path, typer.Option(help="Folder for benchmarks.md and benchmarks.png.")] = ROOT / "docs",
) -> None:
    """Write docs/benchmarks.md and its figure from a run's results."""
    results = _read(out)
    shutil.copyfile(out / FIGURE, docs / "benchmarks.png")
    write_page(results, docs / "benchmarks.md", "benchmarks.png")


def show(results: Results) -> None:
    """Print all tables, and what was left out."""
    console = Console()
    for section in sections(results):
        table = Table(*section.header, title=section.title, caption=section.note or None)
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
    for line in what_is_left_out(results):
        console.print(f"left out: {line}", markup=False)


def report_missed(results: Results) -> bool:
    """Print each missed target on stderr; return whether there is one."""
    missed = [verdict for verdict in judge(results) if verdict.missed]
    for verdict in missed:
        target = verdict.target
        typer.echo(f"missed: {target.name}: {verdict.median:.3g}, not {target.direction} {target.limit:g}", err=True)
    return bool(missed)


def _finish(results: Results, out: Path, check: bool) -> None:
    """Write and print a run; the JSON first, so that nothing measured is lost.

    Raises:
        typer.Exit: With 1, if `check` is set and a target is missed.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / RESULTS).write_text(results.model_dump_json(indent=1) + "\n")
    draw(results, out / FIGURE)
    show(results)
    if check and report_missed(results):
        raise typer.Exit(1)


def _read(out: Path) -> Results:
    try:
        return Results.model_validate_json((out / RESULTS).read_bytes())
    except (OSError, ValidationError) as error:
        raise _fail(f"{out / RESULTS} is not a run of this version: {error}") from error


def _fail(message: str) -> typer.Exit:
    typer.echo(f"benchmarks: {message}", err=True)
    return typer.Exit(2)


if __name__ == "__main__":
    cli(prog_name="python -m benchmarks")
