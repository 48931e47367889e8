"""Stands in for `python` in a drill: hands its command line to the warm process, waits, ends alike."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys

LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")


def main() -> None:
    """Order the process and end as it ends; a signal that ends this one is passed on."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["DRILL_WARM"])
    order = {"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109
    content = json.dumps(order).encode()
    socket.send_fds(connection, [LENGTH.pack(len(content)) + content], [0, 1, 2])
    (process,) = NUMBER.unpack(connection.recv(NUMBER.size))
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(process, number))
    answer = connection.recv(NUMBER.size)
    code = NUMBER.unpack(answer)[0] if len(answer) == NUMBER.size else 1
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
