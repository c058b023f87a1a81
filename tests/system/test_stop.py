"""Signals that ask a real server process to stop."""

import signal
import socket
import time

import pytest

from tests.support.server_process import running_server

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("signals", "longest_s"),
    [([signal.SIGHUP], 30), ([signal.SIGINT, signal.SIGINT], 10)],
    ids=["hangup", "ctrl-c twice"],
)
def test_stops_by_signals_are_orderly(tmp_path, signals, longest_s):
    """The half-sent upload keeps a stop waiting; the second Ctrl-C cuts it off."""
    with running_server(tmp_path, upload_timeout_s=2 if len(signals) == 1 else 300, deadline_s=60) as server:
        with socket.create_connection((server.host, server.port), timeout=30) as upload:
            upload.sendall(b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf")
            started = time.monotonic()
            for each in signals:
                server.process.send_signal(each)
                server.wait_for_log("Waiting for connections to close")  # two signals at once would be one
            server.process.wait(timeout=60)
        assert time.monotonic() - started < longest_s
        assert server.process.returncode == -signals[-1]
        assert "Finished server process" in server.log
        assert "Traceback" not in server.log
