"""`mien serve`."""

import asyncio
import os
from typing import Annotated

import typer

from app.commands.options import Device
from app.commands.start import fail, settings_of
from app.environment import check_keys_are_not_emptied
from app.errors import MienError, SettingsError
from app.logs import configure_logging, written_on_a_thread


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    device: Device = None,
) -> None:
    """Start the server; every setting is also a MIEN_... environment variable (see docs/deployment.md)."""
    from app.main import create_app, make_engine
    from app.metrics import Metrics
    from app.transport.descriptors import raise_limit
    from app.transport.listen import why_not_to_listen
    from app.transport.pauses import shorten_pauses
    from app.transport.server import end_by_signal, make_server

    if os.environ.get("MIEN_LOG_FORMAT") == "json":
        configure_logging("info", "json")  # for what stops the start
    try:
        check_keys_are_not_emptied(os.environ)
    except SettingsError as error:
        raise fail(str(error)) from error
    settings = settings_of(host=host, port=port, device=device)
    configure_logging(settings.log_level, settings.log_format)
    if told := why_not_to_listen(settings.host, settings.port):
        raise fail(told if "MIEN_HOST" in told else f"{told} In the environment: MIEN_PORT or MIEN_HOST.")
    raise_limit()
    metrics = Metrics()
    engine = make_engine(settings, metrics)
    try:
        api = create_app(settings, engine, metrics)
        asyncio.run(engine.start())
    except (MienError, OSError) as error:
        raise fail(str(error)) from error
    server = make_server(settings, api, engine)
    shorten_pauses()
    with written_on_a_thread():
        server.run()
    if server.failed:
        raise typer.Exit(1)
    if server.stopped_by is not None:
        end_by_signal(server.stopped_by)
