"""``netwright serve MODEL``: a model over HTTP until it is told to stop."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace

from netwright.commands.run_folder import model_path
from netwright.core.errors import InvalidParameter, problem
from netwright.files import load
from netwright.serving.answering import Answering
from netwright.serving.server import LOOPBACK, Limits, Server


def run(options: Namespace) -> int:
    """Run the command; 0 when it is stopped by Ctrl-C or SIGTERM."""
    answering = Answering(load(model_path(options.model), options.sha256))
    limits = Limits(options.max_megabytes, options.max_rows, options.timeout, options.max_connections)
    log = None if options.quiet else _tell
    try:
        server = Server(answering, (options.host, options.port), limits, log)
    except (OSError, OverflowError) as error:
        where, remedy = f"{options.host}:{options.port}", "Choose another: --host, --port."
        raise InvalidParameter(problem("serve", f"a free address, not {where}", f"{error}", remedy)) from error
    about = answering.describe()
    print(f"{about['model']} at {server.url}, takes {about['takes']}; Ctrl-C stops it", flush=True)
    if options.host not in LOOPBACK:
        _tell("everybody who reaches this machine may ask: put a server with passwords and TLS before it")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server:
            server.serve_forever()
    except KeyboardInterrupt:
        _tell("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
