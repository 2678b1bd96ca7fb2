"""Which jobs of the ledger go under which ids of the job file, so that what is paid for goes with its request.

People rename jobs, swap two names, or put a scene before the others of a numbered list, and each time ids
and requests come together anew.  A job that was sent follows the request that it was sent with, as far as
every id still has at most one job.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An id of the job file whose job in the ledger, if there is one, was sent with another request."""

    id_folded: str
    digest: str
    held: bool  # by a job that was sent, and so must itself go elsewhere first


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """A job that was sent, and whose id now stands for another request, or for none."""

    key: int
    digest: str  # it was sent with this
    id_folded: str
    left: bool  # the job file does not have its id any more


def assign(wanted: Iterable[Wanted], idle: Iterable[Idle]) -> dict[int, str]:
    """The folded id that each of these jobs goes under; those that stay are left out.

    Both in the order of preference; of ``wanted`` only those count that an idle job was sent with.  First free
    ids take what they ask for, which may free others; then jobs that can only trade their ids do so; then a job
    that nobody asks for leaves the file, under the id of one that had left, so that others can move up.
    """
    wanted, idle = list(wanted), list(idle)
    waiting: dict[str, deque[Idle]] = defaultdict(deque)
    for one in idle:
        waiting[one.digest].append(one)
    by_id = {one.id_folded: one for one in wanted}
    assigned: dict[int, str] = {}
    free = deque(one for one in wanted if not one.held)
    while free:
        taker = free.popleft()
        if waiting[taker.digest]:
            moved = waiting[taker.digest].popleft()
            assigned[moved.key] = taker.id_folded
            if not moved.left and moved.id_folded in by_id:
                free.append(by_id[moved.id_folded])
    rest = [one for one in idle if one.key not in assigned]
    roads = [(one, by_id[one.id_folded].digest) for one in rest if not one.left and one.id_folded in by_id]
    assigned |= _trades(roads)
    return assigned | _moves_up(
        [one for one in rest if one.left], [road for road in roads if road[0].key not in assigned]
    )


def _trades(held: list[tuple[Idle, str]]) -> dict[int, str]:
    """Jobs that can only trade their ids, each with the request that its id asks for.

    A walk from request to request, along jobs as roads; where it meets itself, the round is a trade.
    """
    asks = {one.key: digest for one, digest in held}
    roads: dict[str, list[Idle]] = defaultdict(list)  # by the request that a job was sent with
    for one, _ in reversed(held):
        roads[one.digest].append(one)
    assigned: dict[int, str] = {}
    for start in list(roads):
        path: list[Idle] = []
        passed = {start: 0}  # requests on the path, with the place of each
        at = start
        while path or roads[at]:
            if not roads[at]:  # it leads nowhere
                del passed[at]
                at = path.pop().digest
                continue
            path.append(roads[at].pop())
            at = asks[path[-1].key]
            if at in passed:
                assigned |= _round(path[passed[at] :])
                for one in path[passed[at] + 1 :]:
                    del passed[one.digest]
                del path[passed[at] :]
            else:
                passed[at] = len(path)
    return assigned


def _moves_up(left: list[Idle], held: list[tuple[Idle, str]]) -> dict[int, str]:
    """A job that has left comes back for an id that asks for it; whose job goes on in the same way, or leaves."""
    asking: dict[str, list[Idle]] = defaultdict(list)
    for one, digest in reversed(held):
        asking[digest].append(one)
    assigned: dict[int, str] = {}
    for first in left:
        row = [first]
        while asking[row[-1].digest]:
            row.append(asking[row[-1].digest].pop())
        assigned |= _round(row[::-1]) if len(row) > 1 else {}
    return assigned


def _round(jobs: list[Idle]) -> dict[int, str]:
    """Each id gets the job that was sent with what the id asks for: the next one of the round."""
    return {follower.key: one.id_folded for one, follower in zip(jobs, [*jobs[1:], *jobs[:1]], strict=True)}


def rename(connection: sqlite3.Connection) -> int:
    """Let jobs follow their requests to the ids of the staged jobs; the number of those that moved.

    Expects the jobs that have left in ``temp.gone``, and takes those that moved out of it.
    """
    connection.execute("DROP TABLE IF EXISTS temp.idle")
    connection.execute(_IDLE)
    idle = [
        Idle(key=key, digest=digest, id_folded=id_folded, left=bool(left))
        for key, digest, id_folded, left in connection.execute(
            "SELECT key, digest, id_folded, left FROM temp.idle ORDER BY rowid"
        )
    ]
    wanted = [
        Wanted(id_folded=id_folded, digest=digest, held=bool(held))
        for id_folded, digest, held in connection.execute(_WANTED)
    ]
    assigned = assign(wanted, idle)
    moves = [(id_folded, key) for key, id_folded in assigned.items()]
    connection.executemany(_STEP_ASIDE, [(key,) for key in assigned])
    connection.executemany(_DISPLACE, [(id_folded,) for id_folded, _ in moves])
    connection.executemany(_MOVE, moves)
    connection.executemany("DELETE FROM temp.gone WHERE key = ?", [(key,) for key in assigned])
    connection.executemany(_LEAVE, [(key,) for key in assigned])
    connection.execute("DROP TABLE temp.idle")
    return len(moves)


#: A submission that was paid for, may be, or will be; or a clip that was reused and stands there all the same.
RUNNING_OR_CHARGED = """(state IN ('submitting', 'unknown', 'submitted', 'generated', 'succeeded')
  OR (charged <> 'no' AND state <> 'not_accepted'))"""

# What a job was sent with: what was paid for before what was refused.  The job may have been edited after that.
_SENT = f"""(SELECT digest FROM submissions WHERE job = old.key AND state <> 'not_accepted'
  ORDER BY {RUNNING_OR_CHARGED} DESC, key DESC LIMIT 1)"""

# A job of another job file that shares the folder keeps what is its own.
_FREE = "(key IN (SELECT key FROM temp.gone) OR NOT in_job_file)"

# Jobs that left in an earlier run may come back under a new id as well, after those that leave now.
_IDLE = f"""
CREATE TEMP TABLE idle AS
WITH found AS (
  SELECT old.key, old.id, old.id_folded, old.explicit_id, old.in_job_file, old.position,
    new.digest AS wanted, {_SENT} AS digest
  FROM main.jobs AS old LEFT JOIN staged.jobs AS new ON new.id_folded = old.id_folded
)
SELECT key, digest, id, id_folded, explicit_id, wanted IS NULL AS left FROM found
WHERE wanted IS NULL AND {_FREE} AND digest IN (SELECT digest FROM staged.jobs) OR wanted <> digest
ORDER BY wanted IS NOT NULL, in_job_file DESC, position"""

# A job that was never sent gives way: nothing hangs on its name.
_WANTED = f"""
SELECT new.id_folded, new.digest, {_SENT} IS NOT NULL
FROM staged.jobs AS new LEFT JOIN main.jobs AS old ON old.id_folded = new.id_folded
WHERE new.digest IN (SELECT digest FROM temp.idle) AND {_SENT} IS NOT new.digest
ORDER BY old.key IS NOT NULL, new.position"""

_STEP_ASIDE = "UPDATE jobs SET id_folded = '/' || key WHERE key = ?"  # no id has a slash

# What the service did not accept from it stays in the ledger, under a name that no job file can give ("~").
_DISPLACE = """
UPDATE jobs SET id = id || '~' || key, id_folded = id_folded || '~' || key, in_job_file = 0
WHERE id_folded = ?"""

_MOVE = """
UPDATE jobs SET (id, id_folded, explicit_id) = (
  SELECT id, id_folded, explicit_id FROM staged.jobs WHERE id_folded = ?1
  UNION ALL SELECT id, id_folded, explicit_id FROM temp.idle WHERE id_folded = ?1 AND left LIMIT 1)
WHERE key = ?2"""

# A job that took the id of one that had left has left in its stead.
_LEAVE = """
INSERT INTO temp.gone SELECT key, id, id_folded, digest, prompt, position FROM main.jobs
WHERE key = ? AND id_folded NOT IN (SELECT id_folded FROM staged.jobs)"""
