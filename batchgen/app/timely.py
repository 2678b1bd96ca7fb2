"""A walk through very many records that is given up when it would not be over in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

_EVERY = 256  # items between two looks at the clock


class NoTime(Exception):
    """It would take longer than there is time."""


def in_time(
    items: Iterable[T],
    total: int,
    time_left: Callable[[], float],
    *,
    passes: float = 1.0,
    clock: Callable[[], float] = monotonic,
) -> Iterator[T]:
    """The same items; raises NoTime as soon as it shows that the rest, at the pace so far, would come too late.

    ``total``: how many there are, about; ``passes``: what the whole work takes, in walks like this one.
    """
    began = clock()
    for number, item in enumerate(items):
        if number % _EVERY == 0 and number:
            left = time_left()
            if left <= (clock() - began) / number * (max(total, number) * passes - number):
                raise NoTime
        yield item
