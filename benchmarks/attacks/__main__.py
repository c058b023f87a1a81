"""Attacks on a server, one by one, while honest clients ask: what does it cost them?

    python -m benchmarks.attacks                               # all, each against a server of its own: 50 minutes
    python -m benchmarks.attacks --only long_paths --rest 5    # one; `--list` names them
    python -m benchmarks.attacks --only long_paths --page docs/reliability.md   # its row there, the others stay
    python -m benchmarks.attacks --url http://127.0.0.1:8000 --pid PID
    python -m benchmarks.attacks --soak 60 --page docs/reliability.md

Attackers are one process, which stands back on the processor (`--nice`): on one machine it shares the cores with the
server, and its share is a column of the table. They come from one address, each honest client from another: a client is
an address, unless it has a key. Writes attacks.json and attacks.md; exit code 1 if a limit of
`benchmarks.attacks.report` is broken.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

if missing := [name for name in ("psutil", "ultralytics", "uvloop") if find_spec(name) is None]:
    sys.exit(f"error: {', '.join(missing)} is not installed: pip install -e '.[bench]' in Mien's sources")

import psutil

from benchmarks.attacks import report
from benchmarks.attacks.catalogue import Attack, all_attacks
from benchmarks.attacks.measure import Aim, Figures, Plan, measure
from benchmarks.attacks.rows import write_rows
from benchmarks.attacks.soak import run_soak, write_into
from benchmarks.server import MIEN, RunningServer, ServerFailed, running, soft_limit_of_files

FILES = 1024
"""What a server may open where nobody has raised it; started so, it must know how to do with it."""


def main(
    only: Annotated[list[str] | None, typer.Option(help="Name of an attack; may be given again.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the attacks, and stop.")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each attack.")] = Plan.seconds,
    quiet: Annotated[float, typer.Option(min=1, help="Seconds of honest clients alone, before each.")] = Plan.quiet_s,
    rest: Annotated[
        float, typer.Option(min=0, help="Seconds from an attack to the reading of the memory.")
    ] = Plan.rest_s,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Honest clients of /detect.")] = Plan.clients,
    nice: Annotated[int, typer.Option(min=0, max=19, help="How far attackers stand back.")] = Plan.nice,
    url: Annotated[
        str | None, typer.Option(help="A server that runs; default: one is started for each attack.")
    ] = None,
    pid: Annotated[int | None, typer.Option(help="Its process, whose memory is then read.")] = None,
    soak: Annotated[float, typer.Option(min=0, help="Minutes: all attacks by turns against one server.")] = 0.0,
    page: Annotated[Path | None, typer.Option(help="Markdown file to write the figures into, too.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for attacks.json and attacks.md.")] = Path("out/attacks"),
) -> None:
    """Attack, print a table, write it and the JSON."""
    catalogue = all_attacks()
    if list_:
        for each in catalogue.values():
            typer.echo(f"{each.name:26} {each.point:2}  {each.what}")
        return
    if unknown := [name for name in only or () if name not in catalogue]:
        raise typer.BadParameter(f"there is no attack {unknown[0]!r}; --list names them", param_hint="--only")
    chosen = [catalogue[name] for name in only] if only else list(catalogue.values())
    plan = Plan(seconds, quiet, rest, clients, nice)
    try:
        well = _soak(chosen, plan, soak, page) if soak else _attack_all(chosen, plan, url, pid, out, page)
    except (ServerFailed, RuntimeError, ConnectionError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if well else 1)


def _attack_all(
    chosen: Sequence[Attack], plan: Plan, url: str | None, pid: int | None, out: Path, page: Path | None
) -> bool:
    measured: list[Figures] = []
    well, promise_mb = True, report.promised_mb()
    for attack in chosen:
        with _aim(attack, url, pid) as aim:
            figures = asyncio.run(measure(attack, aim, plan))
        measured.append(figures)
        broken = report.faults(figures, promise_mb)
        well = well and not broken
        typer.echo(f"{attack.name}: {'; '.join(broken) or 'all limits kept'}", err=True)
        _write(measured, plan, out)
    if page is not None:
        write_rows(page, measured, conditions(plan))
    typer.echo((out / "attacks.md").read_text())
    return well


def _write(measured: Sequence[Figures], plan: Plan, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "attacks.json").write_text(report.as_json(measured, conditions(plan)))
    (out / "attacks.md").write_text(f"{conditions(plan)}\n\n{report.table(measured)}\n")


def _soak(chosen: Sequence[Attack], plan: Plan, minutes: float, page: Path | None) -> bool:
    usual = [each for each in chosen if not each.settings]
    with soft_limit_of_files(FILES), running(MIEN) as server:
        result = asyncio.run(run_soak(usual, _aim_at(server), plan, minutes))
    text = f"{conditions(plan)}\n\n{result.text()}"
    typer.echo(text)
    if page is not None:
        write_into(page, text)
    broken = result.faults()
    typer.echo("; ".join(broken) or "all limits kept", err=True)
    return not broken


def conditions(plan: Plan) -> str:
    """Say when and how it was measured."""
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f} in the last five "
        f"minutes; attacks of {plan.seconds:g} s by one process at nice {plan.nice}, {plan.clients} honest clients of "
        f"/detect."
    )


@contextmanager
def _aim(attack: Attack, url: str | None, pid: int | None) -> Iterator[Aim]:
    """Start a server for the attack, or take the one that runs, with the settings that it has."""
    if url is None:
        with soft_limit_of_files(FILES), running(MIEN, attack.settings) as server:
            yield _aim_at(server)
        return
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise typer.BadParameter("write http://HOST:PORT", param_hint="--url")
    running_one = None if pid is None else RunningServer(parts.port or 80, 0.0, psutil.Process(pid))
    yield Aim(parts.hostname, parts.port or 80, None if running_one is None else running_one.resident_mb)


def _aim_at(server: RunningServer) -> Aim:
    return Aim("127.0.0.1", server.port, server.resident_mb)


if __name__ == "__main__":
    typer.run(main)
