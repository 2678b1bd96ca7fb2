"""Exports to object storage: a real service that speaks S3, in a process of its own on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import ConfigError, FolderNotWritable
from batchgen.export import Limits, open_target
from batchgen.export.local import LocalFolder
from export.clips import contents, pack, sample, samples

WHY = "is not installed (extra `test`): no S3 service to export to"
fsspec = pytest.importorskip("fsspec", reason=f"fsspec {WHY}")
s3fs = pytest.importorskip("s3fs", reason=f"s3fs {WHY}")
for library in ("moto", "flask_cors"):
    pytest.importorskip(library, reason=f"{library} {WHY}")

Files = Any  # of s3fs, which has no types

#: So small that an archive of a few clips goes up in several parts (S3 asks for 5 MiB each, but the last).
PART = 5 << 20
_SERVE = """
import sys, threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The service's address; it ends with its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        yield process.stdout.readline().strip()
    process.wait(30)


@pytest.fixture
def s3(service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """An empty service with one bucket, found as any is: by the environment."""
    for name, value in environment(service).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"default_block_size": PART})
    reset = urllib.request.Request(f"{service}/moto-api/reset", method="POST")  # noqa: S310  loopback
    urllib.request.urlopen(reset).close()  # noqa: S310
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    yield files
    s3fs.S3FileSystem.clear_instance_cache()


def environment(service: str) -> dict[str, str]:
    """What a user sets to reach a service of his own."""
    return {
        "AWS_ENDPOINT_URL": service,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "FSSPEC_S3": json.dumps({"default_block_size": PART}),
    }


def uploads(s3: Files) -> list[Any]:
    """Uploads that were begun and neither finished nor given up: they are paid for."""
    found = s3.call_s3("list_multipart_uploads", Bucket="bucket")
    return list(found.get("Uploads", []))


def test_an_export_stands_there_to_the_byte(tmp_path: Path, s3: Files) -> None:
    """As in a folder, small archives and those that go up in parts; nothing is left under way."""
    clips = [*samples(tmp_path / "clips"), sample(tmp_path / "clips", "狐狸-large", os.urandom(PART + 12345))]
    target, folder = (
        open_target("s3://bucket/some/prefix", tmp_path / "out"),
        LocalFolder(tmp_path / "folder"),
    )
    for place in (target, folder):
        pack(clips, place)
    assert contents(target) == contents(folder)
    assert sorted(s3.ls("bucket/some/prefix")) == sorted(
        f"bucket/some/prefix/{name}" for name in folder.sizes()
    )
    assert uploads(s3) == []
    before = s3.info("bucket/some/prefix/set-000000.tar")["LastModified"]
    _, heard = pack(clips, open_target("s3://bucket/some/prefix/", tmp_path / "out"), verify=True)
    assert (len(heard.kept), heard.written) == (3, [])
    assert s3.info("bucket/some/prefix/set-000000.tar")["LastModified"] == before


def test_a_shard_with_a_damaged_clip_is_given_up(tmp_path: Path, s3: Files) -> None:
    """Although its first parts were sent already: no such object appears, and no part is kept."""
    big = os.urandom(2 * PART)
    clips = [
        sample(tmp_path / "clips", "a", big),
        sample(tmp_path / "clips", "b"),
        sample(tmp_path / "clips", "c"),
    ]
    clips[1].clip.write_bytes(b"damaged")
    target = open_target("s3://bucket/x", tmp_path / "out")
    packed, _ = pack(clips, target, Limits(size=1 << 30, clips=2))
    assert (packed.spoiled, packed.written) == (1, 1)
    assert sorted(target.sizes()) == ["set-000001.tar", "set.index"]
    assert uploads(s3) == []
    sample(tmp_path / "clips", "b")
    packed, heard = pack(clips, target, Limits(size=1 << 30, clips=2))
    assert (heard.written, heard.kept) == (["set-000000.tar"], ["set-000001.tar"])
    assert packed.clips == 3


def test_a_bucket_that_is_not_there_is_told_and_not_made(tmp_path: Path, s3: Files) -> None:
    """It is a misspelled one, most likely."""
    with pytest.raises(FolderNotWritable, match=r"s3://buckte/x: "):
        pack(samples(tmp_path / "clips"), open_target("s3://buckte/x", tmp_path))
    s3.invalidate_cache()
    assert s3.ls("") == ["bucket"]


def test_what_stands_there_is_not_overwritten(tmp_path: Path, s3: Files) -> None:
    """Also when it came after the export had begun."""
    target = open_target("s3://bucket/x", tmp_path)
    s3.pipe_file("bucket/x/set-000001.tar", b"mine")
    with pytest.raises(ConfigError, match="left alone"):
        pack(samples(tmp_path / "clips"), target)
    with pytest.raises(ConfigError, match="stands there already"), target.new("set-000001.tar") as sink:
        sink.write(b"ours")
    assert contents(target) == {"set-000001.tar": b"mine"}


_EXPORT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from batchgen.cli import signals
from batchgen.export import open_target
from export.clips import pack, sample, Limits
clips = [sample(Path(sys.argv[2]), "a", bytes(20 << 20)), sample(Path(sys.argv[2]), "b", b"b")]
class Slow:
    def __init__(self, behind): self.behind = behind
    def __getattr__(self, name): return getattr(self.behind, name)
target = open_target("s3://bucket/x", Path("out"))
import batchgen.export.shards as shards
def slow(sample, before=shards.pieces):
    for number, piece in enumerate(before(sample)):
        yield piece
        if number == 12:
            print("midway", flush=True)
            sys.stdin.read()
shards.pieces = slow
try:
    with signals.raised():
        pack(clips, target, Limits(size=1, clips=1))
except KeyboardInterrupt:
    sys.exit(4)
"""


@pytest.mark.parametrize(("number", "left"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1)])
def test_a_process_that_is_ended_leaves_no_object_and_is_carried_on(
    tmp_path: Path,
    s3: Files,
    service: str,
    number: signal.Signals,
    left: int,
) -> None:
    """Asked to end it gives up what it has sent; killed it can't, but nothing appears either."""
    tests = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _EXPORT, str(tests), str(tmp_path / "clips")],
        env={**os.environ, **environment(service)},
        cwd=tests.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == "midway\n"
        assert len(uploads(s3)) == 1
        process.send_signal(number)
        assert process.wait(30) == (4 if number is signal.SIGTERM else -number)
    s3.invalidate_cache()
    assert s3.ls("bucket/x") == ["bucket/x/set.index"]
    assert len(uploads(s3)) == left
    clips = [sample(tmp_path / "clips", "a", bytes(20 << 20)), sample(tmp_path / "clips", "b", b"b")]
    packed, _ = pack(clips, open_target("s3://bucket/x", tmp_path), Limits(size=1, clips=1))
    assert (packed.clips, packed.written) == (2, 2)


def test_a_service_that_is_not_there_is_told(
    tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do."""
    for name, value in {**environment(service), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"retries": {"max_attempts": 0}}})
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(FolderNotWritable, match=r"s3://bucket/x: .*the same command carries on"):
        pack(samples(tmp_path / "clips"), open_target("s3://bucket/x", tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
