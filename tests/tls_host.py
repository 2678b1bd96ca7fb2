"""Hosts over TLS: a certificate that nobody has signed but itself, and a host that does not agree to any end."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl to make a certificate with"
)


def own_certificate(folder: Path) -> ssl.SSLContext:
    """What a host shows that has signed its own certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [*command, *files, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def hear(secure: ssl.SSLSocket) -> None:
    """Wait for the head of a request."""
    secure.settimeout(20.0)
    asked = b""
    while b"\r\n\r\n" not in asked:
        came = secure.recv(65536)
        assert came, "the client left before its request was whole"
        asked += came


@asynccontextmanager
async def mute(
    tls: ssl.SSLContext, answer: bytes, requests: int
) -> AsyncIterator[tuple[str, asyncio.Task[list[OSError | None]]]]:
    """A host over TLS that says nothing behind its answers, and how each connection ended below the encryption."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20.0)

    def listen() -> list[OSError | None]:
        ends: list[OSError | None] = []
        for _ in range(requests):
            connection, _ = listener.accept()
            secure = tls.wrap_socket(connection, server_side=True)
            hear(secure)
            secure.sendall(answer)
            with socket.socket(fileno=secure.detach()) as bare:
                bare.settimeout(5.0)
                ends.append(_end_of(bare))
        return ends

    with listener:
        yield (
            f"https://127.0.0.1:{listener.getsockname()[1]}",
            asyncio.create_task(asyncio.to_thread(listen)),
        )


def _end_of(bare: socket.socket) -> OSError | None:
    """Nothing when the other end is gone, and the timeout when it is not."""
    try:
        while bare.recv(65536):
            pass
    except ConnectionError:
        return None
    except OSError as error:
        return error
    return None
