"""The soak command itself, for seconds where a person lets it run for minutes."""

import socket
import subprocess
import sys
import threading

import pytest

from benchmarks.soak import Tally, ask, report
from tests.support.server_process import ROOT


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "JSONDecodeError"),
        (b"nonsense\r\n\r\n", "BadStatusLine"),
    ],
)
def test_an_answer_that_is_cut_off_counts_as_a_failure(sent, outcome, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                received = b""
                while not received.endswith(b"picture"):  # closed with data unread, it would be reset
                    received += connection.recv(65536)
                connection.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask(listening.getsockname()[1], b"picture")[0] == outcome
        thread.join()
    tally = Tally()
    for each in ("200", outcome):
        tally.note(each, 0.1)
    assert not report(tally, [(each, 100.0) for each in range(10)], 10.0)


@pytest.mark.slow
def test_a_short_soak_ends_well():
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.1", "--clients", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'200': " in done.stdout
    assert "slope" in done.stdout
    assert "mixed-up answers: 0" in done.stdout
