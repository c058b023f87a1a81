"""How far `mien batch` is, on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from app.batch.run import Tell
from app.counts import Counts
from app.plural import counted


class RateColumn(ProgressColumn):
    """Pictures a second of the last half minute."""

    def render(self, task: Task) -> Text:
        """Return the text."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def progress_bar(console: Console) -> Iterator[Tell]:
    """Show pictures, rate, faces, failures and the time left; nothing where the console is no terminal."""
    columns = (
        TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), RateColumn(),
        TextColumn("{task.description}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("finding the pictures", total=None)

        def tell(counts: Counts, names: int) -> None:
            said = f"{counted(counts.faces, 'face')}, {counts.failed:,} failed"
            bar.update(task, completed=counts.pictures, total=names, description=said)

        yield tell
