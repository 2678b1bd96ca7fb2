"""When something goes wrong: rules that pick an act for an exchange, in the order in which they were set."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from batchgen.simulator import plain
from batchgen.simulator.acts import ACTS, WORDS, Act, Alter, Ending, Expired
from batchgen.simulator.behaviour import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an exchange is about, as far as it is known before it is answered."""

    task_id: str = ""
    prompt: str = ""
    age: float = 0.0  # seconds since the task was made
    target: str = ""  # of the request, raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which exchanges a rule applies to; every condition that is given must hold."""

    task_id: str | None = None
    prompt: str | None = None  # a part of it
    target: str | None = None  # a part of the raw request target
    younger_than: float | None = None  # seconds since the task was made
    skip: int = 0  # leave the first matches alone
    times: int | None = None  # the next so many; None: every one
    per_task: bool = False  # count skip and times for each task (on submit: each prompt) by itself
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        plain.require(0 <= self.probability <= 1, "probability lies between 0 and 1")

    def about(self, subject: Subject) -> bool:
        """Whether the subject is one that is meant."""
        return (
            self.task_id in (None, subject.task_id)
            and (self.prompt is None or self.prompt in subject.prompt)
            and (self.target is None or self.target in subject.target)
            and (self.younger_than is None or subject.age < self.younger_than)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An act for one of the calls, under conditions."""

    call: Call
    act: Act
    when: Conditions

    def __post_init__(self) -> None:
        match self.act, self.call:
            case (Ending(), Call.QUERY | Call.RETRIEVE | Call.VIDEO):
                raise plain.Unreadable("an ending is decided when the task is made: it belongs to submit")
            case (Alter(), Call.VIDEO):
                raise plain.Unreadable("a clip has no fields to alter")
            case (Expired(), Call.SUBMIT | Call.QUERY | Call.RETRIEVE):
                raise plain.Unreadable("only links to clips expire")


class _Armed:
    """A rule that counts its matches and draws its chances."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.fired = 0
        self._matches: Counter[str] = Counter()
        self._fires: Counter[str] = Counter()
        self._random = random.Random(rule.when.seed)  # noqa: S311  repeatable draws, no secret

    def fires(self, call: Call, subject: Subject) -> bool:
        when = self.rule.when
        if call is not self.rule.call or not when.about(subject):
            return False
        key = (subject.task_id or subject.prompt) if when.per_task else ""
        if when.times is not None and self._fires[key] >= when.times:
            return False
        self._matches[key] += 1
        if self._matches[key] <= when.skip or self._random.random() >= when.probability:
            return False
        self._fires[key] += 1
        self.fired += 1
        return True


class Faults:
    """The rules in force; the first that fires decides."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def __bool__(self) -> bool:
        return bool(self._armed)

    def add(self, rule: Rule) -> None:
        """Put a rule in force, after those that are."""
        self._armed.append(_Armed(rule))

    def clear(self) -> None:
        """Nothing goes wrong any more; what was decided for tasks stays."""
        self._armed.clear()

    def pick(self, call: Call, subject: Subject) -> Act | None:
        """What goes wrong with this exchange."""
        for armed in self._armed:
            if armed.fires(call, subject):
                return armed.rule.act
        return None

    def list(self) -> list[tuple[Rule, int]]:
        """The rules in order, each with how often it has fired."""
        return [(armed.rule, armed.fired) for armed in self._armed]


def read_rule(data: object) -> Rule:
    """A rule from JSON: ``{"call": "query", "act": "code", "code": 1002, "when": {"times": 3}}``.

    Keys beside ``call``, ``act`` and ``when`` belong to the act.  Raises ``plain.Unreadable``.
    """
    if not isinstance(data, Mapping):
        raise plain.Unreadable("a rule is an object")
    rest = dict(data)
    call, word, when = rest.pop("call", None), rest.pop("act", None), rest.pop("when", {})
    if call not in list(Call):
        raise plain.Unreadable(f"call: one of {', '.join(Call)} is needed")
    if word not in ACTS:
        raise plain.Unreadable(f"act: one of {', '.join(ACTS)} is needed")
    act = plain.build(ACTS[word], rest, word)
    return Rule(call=Call(call), act=act, when=plain.build(Conditions, when, "when"))


def dump_rule(rule: Rule) -> dict[str, object]:
    """The JSON that ``read_rule`` reads."""
    return {
        "call": rule.call,
        "act": WORDS[type(rule.act)],
        **plain.fields_of(rule.act),
        "when": plain.dump(rule.when),
    }
