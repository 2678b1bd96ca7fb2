"""Which service is meant: its origin as the ledger keeps it, and the URL that the calls' paths follow."""

from __future__ import annotations

from yarl import URL

from batchgen.errors import ConfigError

_FORM = "it must read like https://www.dmxapi.cn (a path may follow; no user, no query)"


def normal_origin(base_url: str) -> str:
    """``scheme://host[:port]`` in lower case, the default port dropped.  Raises ConfigError."""
    url = _parsed(base_url)
    host = (url.raw_host or "").lower()
    shown = f"[{host}]" if ":" in host else host
    port = "" if url.is_default_port() else f":{url.port}"
    return f"{url.scheme}://{shown}{port}"


def api_root(base_url: str) -> str:
    """What the paths of the calls are appended to.  Raises ConfigError.

    A trailing ``/v1`` is dropped: other clients of the same gateways want it, and here it would double.
    """
    path = _parsed(base_url).raw_path.rstrip("/").removesuffix("/v1").rstrip("/")
    return normal_origin(base_url) + path


def _parsed(base_url: str) -> URL:
    """A URL that can be a service's.  The messages leave out what may hold a password."""
    text = base_url.strip()
    if not text.isprintable() or any(map(str.isspace, text)):
        raise ConfigError(f"the service's base URL has white space or control characters; {_FORM}")
    try:
        url = URL(text)
        _ = url.port  # read here because it is checked only when it is read
    except ValueError:
        raise ConfigError(f"the service's base URL cannot be understood; {_FORM}") from None
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise ConfigError(f"the service's base URL is not that of a web service; {_FORM}")
    if url.raw_user or url.raw_password or url.raw_query_string or url.raw_fragment:
        raise ConfigError(f"the service's base URL has more than a host and a path; {_FORM}")
    return url
