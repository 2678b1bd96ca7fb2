"""What people write first: a thread for each job, ``requests``, a poll every so many seconds.

``python -m benchmarks.thread_per_job BASE_URL FOLDER JOBS INTERVAL``.  It keeps nothing and checks nothing: no
ledger, no manifest, no hash; a fair script otherwise, with a session for each thread, so that connections are kept.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import requests

_PIECE = 64 * 1024  # bytes


def one(base_url: str, folder: Path, number: int, interval: float) -> None:
    """One clip, from its prompt to its file."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['DMXAPI_API_KEY']}"
    body = {"model": "MiniMax-Hailuo-2.3", "prompt": f"A fox walks through the snow, take {number}"}
    reply = session.post(f"{base_url}/v1/video_generation", json=body, timeout=60)
    reply.raise_for_status()
    task = reply.json()["task_id"]
    while True:
        time.sleep(interval)
        reply = session.get(f"{base_url}/v1/query/video_generation", params={"task_id": task}, timeout=60)
        reply.raise_for_status()
        answer = reply.json()
        if answer["status"] == "Success":
            break
        if answer["status"] == "Fail":
            raise RuntimeError(f"task {task} has failed")
    which = {"file_id": answer["file_id"], "task_id": task}
    reply = session.get(f"{base_url}/v1/files/retrieve", params=which, timeout=60)
    reply.raise_for_status()
    with (
        requests.get(reply.json()["file"]["download_url"], stream=True, timeout=60) as video,
        (folder / f"{number}.mp4").open("wb") as file,
    ):
        video.raise_for_status()
        for piece in video.iter_content(_PIECE):
            file.write(piece)


def main(base_url: str, folder: Path, jobs: int, interval: float) -> None:
    """All clips at once."""
    threads = [
        threading.Thread(target=one, args=(base_url, folder, number, interval)) for number in range(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
