"""The error table of the API: every row, in every shape, for each call."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import errors
from batchgen.errors import (
    Halting,
    InvalidParameters,
    KeyRefused,
    NoBalance,
    NotAccepted,
    NotEntitled,
    NotFound,
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
    Transient,
)
from batchgen.hailuo.replies import Reply, links, read_reply, submitted, task_state
from batchgen.hailuo.secret import Scrubber
from batchgen.hailuo.verdict import Call, cut_short, not_reached, verdict
from batchgen.model import Charged, Failed
from batchgen.pace import retry_after

SCRUB = Scrubber("sk-0123456789abcdef")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Error = type[ServiceError]

#: What a code becomes: on the POST, on a query (None: the task has failed), on a retrieve.
CODES: dict[str, tuple[Error, Error | None, Error]] = {
    **dict.fromkeys(("1002", "1039", "1041", "2045"), (RateLimited, RateLimited, RateLimited)),
    **dict.fromkeys(("1000", "1001", "1013", "1024", "1033"), (OutcomeUnknown, Transient, Transient)),
    **dict.fromkeys(("1004", "2049"), (KeyRefused, KeyRefused, KeyRefused)),
    **dict.fromkeys(("1008", "1028", "1030", "2056"), (NoBalance, NoBalance, NoBalance)),
    **dict.fromkeys(("insufficient_quota", "quota_not_enough"), (NoBalance, NoBalance, NoBalance)),
    **dict.fromkeys(("2038", "2061"), (NotEntitled, NotEntitled, NotEntitled)),
    **dict.fromkeys(("1026", "1042", "1027"), (Refused, None, Refused)),
    "2013": (InvalidParameters, NotFound, NotFound),
    "9999": (OutcomeUnknown, Transient, Transient),
    "-1": (OutcomeUnknown, Transient, Transient),
    "bad_response": (OutcomeUnknown, Transient, Transient),
    "model_not_found": (OutcomeUnknown, Transient, Transient),  # proven under HTTP 503 alone
}

#: Every code as text, and those that are numbers as numbers too.
SPELLINGS: list[object] = [*CODES, *(int(code) for code in CODES if code.lstrip("-").isdigit()), " 1002\n"]

#: What an HTTP status becomes when no code says more: on the POST, on a GET.
STATUSES: dict[int, tuple[Error, Error]] = {
    **dict.fromkeys((200, 201, 204, 301, 302, 307, 308), (OutcomeUnknown, Transient)),
    **dict.fromkeys((400, 405, 409, 413, 418, 422), (OutcomeUnknown, Transient)),
    **dict.fromkeys((500, 501, 502, 503, 504, 520, 524, 599), (OutcomeUnknown, Transient)),
    **dict.fromkeys((401, 403), (KeyRefused, KeyRefused)),
    402: (NoBalance, NoBalance),
    404: (OutcomeUnknown, NotFound),
    429: (RateLimited, RateLimited),
}

Shape = Callable[[object], object]

CODE_SHAPES: dict[str, tuple[int, Shape]] = {
    "vendor": (200, lambda code: {"task_id": "", "base_resp": {"status_code": code, "status_msg": "m"}}),
    "vendor without id": (200, lambda code: {"base_resp": {"status_code": code}}),
    "vendor under 500": (500, lambda code: {"base_resp": {"status_code": code, "status_msg": None}}),
    "gateway": (400, lambda code: {"error": {"message": "m", "type": "x", "param": None, "code": code}}),
    "gateway under 200": (200, lambda code: {"error": {"message": "m", "code": code}}),
    "gateway's type": (400, lambda code: {"error": {"message": "m", "type": str(code), "code": None}}),
    "flat": (400, lambda code: {"code": code, "message": "m", "data": None}),
    "flat under 502": (502, lambda code: {"code": code, "msg": "m"}),
}

STATUS_SHAPES: dict[str, bytes] = {
    "page": b"<html><title>Trouble</title><body>nginx</body></html>",
    "nothing": b"",
    "half a JSON": b'{"error": {"message": "upst',
    "no object": b"[]",
    "null": b"null",
    "empty object": b"{}",
    "gateway without code": b'{"error": {"message": "m", "type": "new_api_error", "param": "", "code": null}}',
    "error as text": b'{"error": "m"}',
    "flat without code": b'{"code": null, "message": "m", "data": null}',
    "vendor without code": b'{"base_resp": {"status_code": null}}',
    "base_resp of a wrong type": b'{"base_resp": [1002], "task_id": []}',
    "code of a wrong type": b'{"base_resp": {"status_code": 1002.5}, "code": true}',
}


def ended(reply: Reply) -> tuple[ServiceError, ServiceError | Failed, ServiceError]:
    """What a reply becomes on each of the three calls."""
    with pytest.raises(ServiceError) as post:
        submitted(reply)
    try:
        query = task_state(reply, "7")
    except ServiceError as error:
        query_end: ServiceError | Failed = error
    else:
        assert isinstance(query, Failed)
        query_end = query
    with pytest.raises(ServiceError) as retrieve:
        links(reply, "8")
    return post.value, query_end, retrieve.value


@pytest.mark.parametrize("shape", CODE_SHAPES)
@pytest.mark.parametrize("spelled", SPELLINGS, ids=repr)
def test_each_code_in_each_shape(spelled: object, shape: str) -> None:
    """A code means the same in every shape and under every HTTP status, as a number or as text."""
    code = str(spelled).strip()
    status, form = CODE_SHAPES[shape]
    raw = json.dumps(form(spelled)).encode()
    post, query, retrieve = ended(read_reply(status, raw, SCRUB))
    on_post, on_query, on_retrieve = CODES[code]
    assert (type(post), type(retrieve)) == (on_post, on_retrieve)
    assert type(query) is (Failed if on_query is None else on_query)
    assert (post.code, query.code, retrieve.code) == (code, code, code)


@pytest.mark.parametrize("shape", ["vendor", "gateway", "flat"])
def test_a_code_that_a_gateway_counted_in_doubles(shape: str) -> None:
    """``1002.0`` is the rate limit that it was."""
    status, form = CODE_SHAPES[shape]
    for end in ended(read_reply(status, json.dumps(form(1002.0)).encode(), SCRUB)):
        assert (type(end), end.code) == (RateLimited, "1002")


@pytest.mark.parametrize("shape", STATUS_SHAPES)
@pytest.mark.parametrize("status", STATUSES)
def test_each_http_status_in_each_shape(status: int, shape: str) -> None:
    """Without a code that is known the HTTP status decides, and a success that says nothing proves nothing."""
    post, query, retrieve = ended(read_reply(status, STATUS_SHAPES[shape], SCRUB))
    on_post, on_get = STATUSES[status]
    assert (type(post), type(query), type(retrieve)) == (on_post, on_get, on_get)
    if on_post is OutcomeUnknown and shape != "gateway without code":
        assert post.code == "lost"


@pytest.mark.parametrize(
    ("status", "code", "post", "get"),
    [
        (503, "model_not_found", NotReached, Transient),
        (500, "model_not_found", OutcomeUnknown, Transient),
        (404, "model_not_found", OutcomeUnknown, NotFound),
        (403, "insufficient_user_quota", NoBalance, NoBalance),
        (500, "insufficient_user_quota", OutcomeUnknown, Transient),
        (429, "insufficient_quota", NoBalance, NoBalance),
        (429, "rate_limit_exceeded", RateLimited, RateLimited),
        (429, "1000", OutcomeUnknown, Transient),
        (401, "1002", RateLimited, RateLimited),
        (401, "invalid_api_key", KeyRefused, KeyRefused),
        (404, "1002", RateLimited, RateLimited),
        (404, "task_not_exist", OutcomeUnknown, NotFound),
        (200, "429", OutcomeUnknown, Transient),
        (200, "INSUFFICIENT_QUOTA", NoBalance, NoBalance),
        (200, "0", OutcomeUnknown, Transient),
        (401, "0", OutcomeUnknown, KeyRefused),
        (429, "0", OutcomeUnknown, RateLimited),
        (404, "0", OutcomeUnknown, NotFound),
        (None, None, OutcomeUnknown, Transient),
        (None, "1002", RateLimited, RateLimited),
    ],
)
def test_the_more_specific_wins(status: int | None, code: str | None, post: Error, get: Error) -> None:
    """A known code beats the HTTP status; a code 0 under an error status proves nothing on the POST."""
    assert type(verdict(Call.POST, status, code, "m")) is post
    assert type(verdict(Call.GET, status, code, "m")) is get


@pytest.mark.parametrize(
    ("code", "charged"),
    [("1026", Charged.NO), ("1042", Charged.NO), ("1027", Charged.PERHAPS), ("2013", Charged.NO)],
)
def test_whether_a_refusal_may_have_cost(code: str, charged: Charged) -> None:
    """A refused prompt costs nothing, a refused result perhaps; refused after generation always perhaps."""
    error = verdict(Call.POST, 200, code, "")
    assert isinstance(error, Refused)
    assert error.charged is charged
    later = verdict(Call.GET, 200, code, "")
    assert isinstance(later, NotFound) or (isinstance(later, Refused) and later.charged is Charged.PERHAPS)


@given(
    status=st.none() | st.integers(100, 599),
    code=st.none() | st.sampled_from(sorted(CODES)) | st.text(max_size=20),
    message=st.text(max_size=20),
)
def test_only_what_is_proven_lets_a_job_be_sent_again(
    status: int | None, code: str | None, message: str
) -> None:
    """On the POST nothing but the proven codes and statuses is an error that a job is sent again after."""
    error = verdict(Call.POST, status, code, message)
    assert isinstance(error, NotAccepted | Refused | OutcomeUnknown)
    proven_code = issubclass(CODES.get((code or "").casefold(), (ServiceError,))[0], NotAccepted)
    proven_status = status in {401, 402, 403, 429} or (status, code) == (503, "model_not_found")
    assert not isinstance(error, NotAccepted) or proven_code or proven_status
    assert isinstance(
        verdict(Call.GET, status, code, message), Transient | NotFound | RateLimited | Halting | Refused
    )


def test_the_message_tells_row_status_and_the_services_words() -> None:
    """A person reads what it means, the HTTP status, and what the service said."""
    assert str(verdict(Call.POST, 429, None, "slow down", 3.0)) == (
        "the service limits the rate: HTTP 429, slow down (code http_429)"
    )
    assert verdict(Call.POST, 200, "1008", "").message == "no balance, or the quota is used up"
    assert str(verdict(Call.POST, 502, None, "")) == (
        "the outcome of the submission is not known: HTTP 502 (code lost)"
    )
    assert verdict(Call.GET, 200, "2013", "bad").message.startswith("the service does not know this task")


def test_trouble_on_the_way() -> None:
    """Never connected is proven not accepted; once connected, a POST's outcome is not known."""
    assert type(not_reached(Call.POST, "refused")) is NotReached
    assert type(not_reached(Call.GET, "refused")) is Transient
    assert cut_short(Call.POST, "cut", timed_out=True).code == "lost"
    assert type(cut_short(Call.POST, "cut", timed_out=False)) is OutcomeUnknown
    assert cut_short(Call.GET, "cut", timed_out=True).code == "timeout"
    assert cut_short(Call.GET, "cut", timed_out=False).code == "disconnected"


@pytest.mark.parametrize("call", Call)
def test_retry_after_is_passed_on(call: Call) -> None:
    """The seconds that the service names reach the caller."""
    error = verdict(call, 200, "1002", "", 7.0)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7.0
    down = verdict(Call.GET, 503, None, "", 9.0)
    assert isinstance(down, errors.Transient)
    assert down.retry_after == 9.0
    no_way = verdict(Call.POST, 503, "model_not_found", "m", 11.0)
    assert isinstance(no_way, NotReached)
    assert no_way.retry_after == 11.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("99999999", 3600.0),
        ("9" * 60, 3600.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 3600.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        (".", None),
        ("1.2.3", None),
        ("٣", None),
        ("soon", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 99999999 12:00:30 GMT", None),
        ("1" * 5000, None),
    ],
)
def test_retry_after_reads_seconds_and_dates(header: str | None, seconds: float | None) -> None:
    """Seconds or an HTTP date, at most an hour; what is neither counts as not said."""
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=70))
def test_retry_after_never_fails(header: str) -> None:
    """Whatever stands in the header, the answer is a bounded number or none."""
    seconds = retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= 3600
