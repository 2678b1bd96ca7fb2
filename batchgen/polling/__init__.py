"""When to ask about a task: what is known of task times, the plan that follows from it, and the agenda."""

from batchgen.polling.agenda import Agenda
from batchgen.polling.rules import MOST_ROUNDS, NOT_FOUND_BACKOFF, is_gone, is_lost_for_now
from batchgen.polling.spacing import Spacing
from batchgen.polling.timetable import Timetable

__all__ = [
    "MOST_ROUNDS",
    "NOT_FOUND_BACKOFF",
    "Agenda",
    "Spacing",
    "Timetable",
    "is_gone",
    "is_lost_for_now",
]
