"""Which proxy a connection goes through, by the environment's rules.

The libraries' own reading of the environment is not used: it brings credentials from ``~/.netrc`` along.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from batchgen.errors import ConfigError


def proxy_for(url: str) -> str | None:
    """The proxy for ``url``, or ``None`` for a direct connection.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count in either case; a loopback address
    never goes through one.  The answer may hold the proxy's password.  Raises ConfigError for a proxy that is
    not an HTTP proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(host if parts.port is None else f"{host}:{parts.port}"):
        return None
    with_scheme = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(with_scheme).scheme.lower() not in {"http", "https"}:
        raise ConfigError(
            f"the environment names a {urlsplit(with_scheme).scheme} proxy for {parts.scheme} connections;"
            " only HTTP proxies can be used (unset it, or name the host in NO_PROXY)"
        )
    return with_scheme


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its name: 127.0.0.0/8, ::1, localhost."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
