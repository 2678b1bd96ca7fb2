"""A process that has loaded batchgen once and forks a child for each command: starting takes no time then.

``python -m crash.nursery`` reads an order a line (JSON: ``arguments, folder, environment, out, err``),
answers with the child's pid, and with its exit code when it has ended.  One child lives at a time.  It is reaped
only when the next order comes, so that until then its pid is nobody else's and it may safely be killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

from crash import child

#: Seconds after which a child ends whatever happens, so that none outlives a harness that was stopped.
LIFE = 900


def main() -> None:
    """Serve orders until there are no more."""
    born = 0
    for line in sys.stdin:
        _reap(born)
        order = json.loads(line)
        born = os.fork()
        if born == 0:
            _live(order)
        _say(born)
        os.waitid(os.P_PID, born, os.WEXITED | os.WNOWAIT)
        _say(_exit_code(born))
    _reap(born)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _exit_code(pid: int) -> int:
    """The exit code of a child that has ended and is not reaped; the signal's number, negative, if one ended it."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if ended is None:
        raise ChildProcessError(pid)
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _reap(pid: int) -> None:
    if pid:
        os.waitpid(pid, 0)


def _live(order: dict[str, Any]) -> NoReturn:
    """Be the child: as if Python had just been started for this command."""
    code: int | str | None = 1
    try:
        signal.alarm(LIFE)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        for descriptor, name in ((1, "out"), (2, "err")):
            file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(file, descriptor)
            os.close(file)
        with open(os.devnull) as nothing:  # noqa: PTH123  a descriptor is wanted
            os.dup2(nothing.fileno(), 0)
        child.run(order["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    main()
