"""How fast to submit: the window, the slots that are learnt, the pauses after a refusal."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.pace import LIMIT_CEILING, WINDOW, QuestionLimit, Slots, SubmissionPace, Window, full_jitter

# --- the window ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "earlier", "sent", "answered", "now", "delay"),
    [
        (None, [], 500, 0, 0.0, 0.0),  # no limit of ours
        (2, [], 0, 0, 0.0, 0.0),
        (2, [], 1, 0, 0.0, 0.0),
        (2, [], 2, 0, 5.0, math.inf),  # both in the air: only an answer can free a place
        (2, [], 2, 1, 5.0, 55.0),  # answered at 0
        (2, [], 2, 2, 59.0, 1.0),
        (2, [], 2, 2, 60.0, 0.0),
        (2, [-59.0], 1, 0, 0.0, 1.0),  # an earlier run's submission counts
        (2, [-59.0], 1, 0, 1.0, 0.0),
        (2, [-60.0, -60.5], 1, 0, 0.0, 0.0),  # these are too long ago
        (1, [-30.0, -10.0, -50.0], 0, 0, 0.0, 50.0),  # more than are allowed now: the newest must be over
        (1, [-30.0], 1, 0, 0.0, math.inf),
    ],
)
def test_the_window_says_when_a_place_is_free(
    most: int | None, earlier: list[float], sent: int, answered: int, now: float, delay: float
) -> None:
    """A submission holds its place from its leaving until 60 s after its answer."""
    window = Window(most, earlier)
    tickets = [window.sent() for _ in range(sent)]
    for ticket in tickets[:answered]:
        window.answered(ticket, 0.0)
    assert window.delay(now) == pytest.approx(delay)


def test_an_answer_counts_once() -> None:
    """A second answer to one ticket, or to none, takes no place."""
    window = Window(2)
    ticket = window.sent()
    for _ in range(3):
        window.answered(ticket, 0.0)
        window.answered(99, 0.0)
    assert window.delay(1.0) == 0.0


@given(
    most=st.integers(1, 5),
    earlier=st.lists(st.floats(-WINDOW, -0.001), max_size=6),
    posts=st.lists(
        st.tuples(st.floats(0.0, 40.0), st.one_of(st.floats(0.0, 5.0), st.floats(0.0, 200.0))), max_size=25
    ),
)
def test_no_sixty_seconds_see_more_than_allowed(
    most: int, earlier: list[float], posts: list[tuple[float, float]]
) -> None:
    """Wherever between leaving and answer each POST arrives, no 60 s hold more than so many of this run.

    Those of earlier runs are counted too: together they exceed the limit only by what these did alone.
    """
    window, now = Window(most, earlier), 0.0
    in_air: list[tuple[float, int]] = []
    spans = [(moment, moment) for moment in earlier]
    for gap, latency in posts:
        now += gap
        while True:
            while in_air and in_air[0][0] <= now:
                answered, ticket = heapq.heappop(in_air)
                window.answered(ticket, answered)
            delay = window.delay(now)
            if delay == 0.0:
                break
            now = min(now + delay, in_air[0][0] if in_air else math.inf)
        heapq.heappush(in_air, (now + latency, window.sent()))
        spans.append((now, now + latency))
    for start in {begin for begin, _ in spans} | {end for _, end in spans}:
        inside = [begin for begin, end in spans if begin < start + WINDOW - 1e-6 and end >= start]
        ours = [begin for begin in inside if begin >= 0.0]
        assert len(inside) <= most or not ours


def test_a_quiet_window_is_filled_at_once() -> None:
    """The limit is no spacing: what is allowed in a minute may leave in its first second."""
    window = Window(20)
    for _ in range(20):
        assert window.delay(0.0) == 0.0
        window.answered(window.sent(), 0.2)
    assert window.delay(1.0) == pytest.approx(59.2)


# --- backoff ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "draw", "wait"),
    [
        (0, 0.5, 0.5),
        (1, 0.0, 0.0),
        (1, 0.999, 0.999),
        (2, 0.5, 1.0),
        (3, 0.5, 2.0),
        (6, 0.5, 15.0),  # 32 s are above the ceiling
        (7, 0.9, 27.0),
        (10_000, 0.9, 27.0),
    ],
)
def test_full_jitter(failures: int, draw: float, wait: float) -> None:
    """Anything between nothing and a bound that doubles up to the ceiling."""
    assert full_jitter(failures, first=1.0, ceiling=30.0, draw=draw) == pytest.approx(wait)


# --- the pause after a refusal ---------------------------------------------------------------------------


def pace(in_flight: int = 40, per_minute: int | None = None, draw: float = 0.5) -> SubmissionPace:
    """A pace whose dice always show the same."""
    return SubmissionPace(in_flight=in_flight, per_minute=per_minute, draw=lambda: draw)


def refused(one: SubmissionPace, now: float) -> None:
    """A submission leaves and is refused at once, with five at the service."""
    ticket = one.sent()
    one.answered(ticket, now)
    one.limited(ticket, now, None, 5)


def test_a_burst_of_refusals_counts_once() -> None:
    """What left before the first refusal was known tells nothing new; what leaves after it does."""
    one = pace()
    tickets = [one.sent() for _ in range(10)]
    for ticket in tickets:
        one.limited(ticket, 100.0, None, 8)
    assert (one.slots, one.delay(100.0)) == (8, 0.5)
    later = one.sent()
    one.answered(later, 101.0)
    one.limited(later, 101.0, None, 8)
    assert one.delay(101.0) == 1.0


@pytest.mark.parametrize("ticket", [1, 2])
def test_retry_after_is_obeyed(ticket: int) -> None:
    """The service's own word on when to come back holds, also when a later refusal of a burst says it."""
    one = pace()
    one.sent(), one.sent()
    one.limited(1, 10.0, 3.0 if ticket == 1 else None, 5)
    one.limited(2, 10.0, 3.0 if ticket == 2 else None, 5)
    assert one.delay(10.0) == 3.0
    assert one.held_by(12.9) == "service limit"
    assert one.delay(13.0) == 0.0


def test_a_shorter_pause_never_cuts_a_longer_one() -> None:
    """Retry-After stands, whatever backoff is drawn after it."""
    one = pace(draw=0.0)
    tickets = [one.sent() for _ in range(3)]
    one.limited(tickets[0], 0.0, 50.0, 5)
    one.limited(tickets[1], 1.0, None, 5)
    one.unreached(tickets[2], 1.0)
    assert one.delay(1.0) == 49.0


def test_pauses_grow_to_a_ceiling_and_an_acceptance_ends_them() -> None:
    """Refusals in a row double the pause, to a minute at most; one acceptance starts anew."""
    one = pace(draw=0.999999)
    waits = []
    for _ in range(9):
        refused(one, 0.0)
        waits.append(round(one.delay(0.0)))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waits) == LIMIT_CEILING
    one.accepted(5)
    refused(one, 1000.0)
    assert round(one.delay(1000.0)) == 1


def test_an_unreachable_service_costs_no_slots() -> None:
    """Who can't be reached has refused nothing: only a pause follows, half a minute at most."""
    one = pace(draw=0.999999)
    waits = []
    for _ in range(7):
        ticket = one.sent()
        one.answered(ticket, 0.0)
        one.unreached(ticket, 0.0)
        waits.append(round(one.delay(0.0)))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert (one.slots, one.held_by(0.0)) == (40, "service out of reach")


def test_the_window_and_a_pause_hold_together() -> None:
    """The longer of the two decides; the pause is named while it lasts."""
    one = pace(per_minute=1)
    one.answered(one.sent(), 0.0)
    one.limited(1, 0.0, 5.0, 1)
    assert (one.delay(1.0), one.held_by(1.0)) == (59.0, "service limit")
    assert (one.delay(6.0), one.held_by(6.0)) == (54.0, "pace")


def test_after_a_pause_one_leaves_alone() -> None:
    """What was refused is tried with one submission; the others wait for its answer."""
    one = pace()
    one.answered(one.sent(), 0.0)
    one.limited(1, 0.0, None, 5)
    assert one.delay(0.5) == 0.0
    probe = one.sent()
    assert (one.delay(0.5), one.held_by(0.5)) == (math.inf, "service limit")
    one.answered(probe, 0.7)
    one.accepted(5)
    for _ in range(3):
        assert one.delay(0.7) == 0.0
        one.sent()


# --- slots -----------------------------------------------------------------------------------------------


def test_a_refusal_tells_the_limit() -> None:
    """The service takes as many as it has; at least one is always tried."""
    slots = Slots(40)
    slots.refused(8)
    assert slots.limit == 8
    slots.refused(0)
    assert slots.limit == 1


def test_more_is_tried_only_when_all_slots_are_taken() -> None:
    """Acceptances below the limit say nothing of what lies above it."""
    slots = Slots(40)
    slots.refused(8)
    for _ in range(100):
        slots.accepted(7)
    assert slots.limit == 8


def test_the_limit_never_passes_the_ceiling() -> None:
    """The user's word is the most that is ever tried."""
    slots = Slots(10)
    slots.refused(8)
    for taken in itertools.chain(itertools.repeat(8, 50), itertools.repeat(12, 50)):
        slots.accepted(max(taken, slots.limit))
        assert slots.limit <= 10
    assert slots.limit == 10


def test_a_known_limit_is_tried_ever_more_rarely() -> None:
    """The same limit met again and again costs at most one refusal in twenty-four."""
    slots, tries = Slots(40), []
    slots.refused(8)
    for _ in range(8):
        taken = 0
        while slots.limit == 8:
            slots.accepted(8)
            taken += 1
        tries.append(taken)
        slots.refused(8)
    assert tries == [2, 8, 24, 24, 24, 24, 24, 24]


@dataclass
class World:
    """A service that admits so many at once, and a submitter as the pipeline has it, on a clock of its own."""

    pace: SubmissionPace
    admits: int
    jobs: int
    seed: int = 0
    refusals: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    slots_seen: list[tuple[float, int]] = field(default_factory=list)
    taken: int = 0  # slots, as the submitter counts
    events: list[tuple[float, int, str, int]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def run(self, raise_at: float = math.inf, raise_to: int = 0) -> float:
        """Seconds until the last job has ended."""
        dice = random.Random(self.seed)  # noqa: S311  no secret
        at_service = known = 0
        now = 0.0
        self._send(now)
        while self.events:
            now, _, what, ticket = heapq.heappop(self.events)
            admits = raise_to if now >= raise_at else self.admits
            match what:
                case "arrived" if at_service < admits:
                    at_service += 1
                    self._plan(now + 0.1, "taken", ticket)
                    self._plan(now + dice.lognormvariate(4.0, 0.4), "ends")
                case "arrived":
                    self._plan(now + 0.1, "refused", ticket)
                case "taken":
                    known += 1
                    self.pace.answered(ticket, now)
                    self.pace.accepted(known)
                case "refused":
                    self._refused(now, ticket, known)
                case "ends":
                    at_service -= 1
                    self._plan(now + dice.uniform(0.5, 2.5), "seen")
                case "seen":
                    self.taken, known = self.taken - 1, known - 1
            self.slots_seen.append((now, self.pace.slots))
            self._send(now)
        return now

    def _plan(self, at: float, what: str, ticket: int = 0) -> None:
        heapq.heappush(self.events, (at, next(self.numbers), what, ticket))

    def _refused(self, now: float, ticket: int, known: int) -> None:
        self.refusals.append(now)
        self.taken, self.jobs = self.taken - 1, self.jobs + 1
        self.pace.answered(ticket, now)
        self.pace.limited(ticket, now, None, known)

    def _send(self, now: float) -> None:
        while self.jobs and self.taken < self.pace.slots:
            if wait := self.pace.delay(now):
                if wait < math.inf:
                    self._plan(now + wait, "wake")
                return
            self.taken, self.jobs = self.taken + 1, self.jobs - 1
            self.left.append(now)
            self._plan(now + 0.1, "arrived", self.pace.sent())


@pytest.mark.parametrize("admits", [*range(1, 13), 16, 20, 25, 30, 35, 38, 39, 40, 41, 45, 50])
def test_a_limit_that_nobody_told_is_learnt(admits: int) -> None:
    """At least 95 % of what knowing it would give, and after a minute at most one refusal in twenty."""
    jobs = 400 if admits > 4 else 100 * admits
    knowing = World(pace(min(40, admits)), admits, jobs).run()
    world = World(pace(40), admits, jobs)
    learning = world.run()
    late = [moment for moment in world.refusals if moment > 60.0]
    assert knowing / learning >= 0.95
    assert len(late) * 20 <= len([moment for moment in world.left if moment > 60.0])


def test_a_raised_limit_is_found_again() -> None:
    """From 8 to 30 at once: the new one is in use within six task times."""
    world = World(pace(40), 8, 800)
    world.run(raise_at=1000.0, raise_to=30)
    before = max(slots for at, slots in world.slots_seen if 200.0 < at < 1000.0)
    found = next(at for at, slots in world.slots_seen if at > 1000.0 and slots >= 30)
    assert before <= 9
    assert found - 1000.0 < 6 * 55.0


def test_a_lowered_limit_is_obeyed() -> None:
    """From 30 down to 8: refusals stay rare."""
    world = World(pace(40), 30, 600)
    world.run(raise_at=500.0, raise_to=8)
    late = [moment for moment in world.refusals if moment > 560.0]
    assert len(late) * 20 <= len([moment for moment in world.left if moment > 560.0])


def test_a_limit_on_questions_is_met_less_and_less_often() -> None:
    """Refusals in a row double the pause, to a minute at most, until one is answered; the service's word beats it."""
    limit, now = QuestionLimit(), 0.0
    waits = []
    for _ in range(8):
        wait = limit.met(now, now, None, 0.999999)
        waits.append(round(wait))
        now += wait
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert limit.met(now, now, 7.0, 0.999999) == 7.0
    limit.answered()
    assert round(limit.met(now, now, None, 0.999999)) == 1


def test_questions_that_had_left_together_meet_one_limit() -> None:
    """Those that left before the last refusal say no more than it did, unless they name a time."""
    limit = QuestionLimit()
    assert limit.met(0.0, 1.0, None, 0.5) == 0.5
    assert limit.met(0.5, 1.1, None, 0.5) == 0.0
    assert limit.met(0.5, 1.2, 9.0, 0.5) == 9.0
    assert limit.met(2.0, 2.1, None, 0.5) == 1.0
