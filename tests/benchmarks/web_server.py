"""An nginx of our own on loopback, for as long as it is needed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_PATIENCE = 10.0  # seconds until it must serve

_CONFIG = """
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
worker_processes 2;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    types {{ video/mp4 mp4; }}
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


class ProgramMissing(click.ClickException):
    """A program that the measurement needs is not there; says how to get it."""


def program(name: str) -> str:
    """The path of a program; raises ProgramMissing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise ProgramMissing(
            f"{name} is not installed; get it by: apt-get install {name}   (brew install {name})"
        )
    return path


@contextmanager
def serving(root: Path, home: Path) -> Iterator[str]:
    """Serve the files of ``root``; yields the address.  Its own files go to ``home``.  Raises ProgramMissing."""
    port = _free_port()
    config = home / "nginx.conf"
    config.write_text(_CONFIG.format(home=home, root=root, port=port, user=_user()), encoding="utf-8")
    with subprocess.Popen([program("nginx"), "-p", home, "-c", config, "-e", home / "error.log"]) as server:
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _user() -> str:
    """Root's nginx hands its work to somebody who may not read temporary folders, unless it is told."""
    return f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return
