"""The pipeline of a run, put together from its parts.

It brings what sends and receives, an HTTP library among it: imported by a run that has something to do, and by
nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from batchgen.app.ground import Ground
from batchgen.app.rebuilding import ACCOUNT
from batchgen.app.reporting import Appender
from batchgen.app.secrets import fingerprint
from batchgen.app.this_run import Run
from batchgen.download import FolderStore
from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.hailuo.client import Hailuo
from batchgen.ledger import Ledger, LedgerBook, queries, task_times
from batchgen.ledger.intending import Account
from batchgen.ledger.spending import Purse, begin_run
from batchgen.pace import WINDOW, SubmissionPace
from batchgen.pipeline.run import Parts, Pipeline, Rules
from batchgen.settings import OnUnknown


async def assemble(
    this: Run,
    ledger: Ledger,
    key: str,
    base_url: str,
    *,
    submits: bool,
    appender: Appender,
    held: Ground,
    stack: AsyncExitStack,
) -> Pipeline:
    """Put the pipeline together from the parts that this run needs; ``stack`` closes them."""
    place, limits = this.place, this.place.settings.limits
    print_ = fingerprint(key, ledger.fact("salt"))
    account = Account(name=ACCOUNT, origin=place.origin, key_print=print_)
    sent = await ledger.read(
        lambda db: queries.answered_between(
            db, place.origin, this.now() - timedelta(seconds=WINDOW), this.now()
        )
    )
    number = await asyncio.to_thread(ledger.change, begin_run)
    clock, now = asyncio.get_running_loop().time(), this.now()
    session = await stack.enter_async_context(video_session())
    progress, store = _Progress(), FolderStore(place.output)
    parts = Parts(
        book=LedgerBook(ledger, account, this.now, Purse(budget=place.settings.budget, run=number)),
        service=await stack.enter_async_context(Hailuo(base_url, key)),
        fetcher=HttpFetcher(
            session,
            root=store.root,
            max_clip_bytes=limits.max_clip_bytes,
            allow_http=place.settings.service.allow_http,
            progress=progress,
            now=this.now,
        ),
        store=store,
        pace=SubmissionPace(
            in_flight=limits.in_flight,
            per_minute=limits.submits_per_minute,
            earlier=[clock - (now - at).total_seconds() for at in sent],
        ),
        next_orders=lambda after, most: ledger.read(
            lambda db: queries.orders(db, place.name, after, most, ledger.among)
        ),
        observers=[*this.observers, appender],
        now=this.now,
        free_bytes=held.free_bytes,
        task_times=await ledger.read(lambda db: task_times.read(db, place.origin)),
    )
    rules = Rules(
        limits=limits,
        polling=place.settings.polling,
        output=place.output,
        key_print=print_,
        drain=this.options.drain,
        submit=submits,
        resubmit=place.settings.on_unknown is OnUnknown.RESUBMIT,
        max_clips=this.options.max_clips,
        deadline=this.options.deadline,
        last_answer=await ledger.read(lambda db: queries.last_answer(db, place.origin, print_)),
    )
    pipeline = Pipeline(parts, rules)
    progress.tell = pipeline.downloaded
    return pipeline


class _Progress:
    """Hands byte counts on to the pipeline, which is made after the fetcher."""

    def __init__(self) -> None:
        self.tell: Callable[[int], None] = lambda _: None

    def __call__(self, count: int) -> None:
        self.tell(count)
