"""Replies are read as what anyone may have written: only our types and errors come out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import (
    Halting,
    KeyRefused,
    NoBalance,
    NotAccepted,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
    Transient,
)
from batchgen.hailuo.replies import Reply, links, parse, read_reply, submitted, task_state
from batchgen.hailuo.secret import Scrubber
from batchgen.model import Failed, Generated, Links, Running, TaskState

KEY = "sk-0123456789abcdef"
SCRUB = Scrubber(KEY)
OK = {"status_code": 0, "status_msg": "success"}


def reply(body: object, status: int = 200) -> Reply:
    """A reply with this body as JSON."""
    return read_reply(status, json.dumps(body).encode(), SCRUB)


def vendor(code: object, message: str = "m") -> dict[str, object]:
    """The vendor's part of a reply."""
    return {"status_code": code, "status_msg": message}


# --- the submission --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("335492703728059", "335492703728059"),
        (335492703728059, "335492703728059"),
        (" a-1\n", "a-1"),
        ("x" * 128,) * 2,
    ],
)
def test_a_task_id_is_a_string_or_an_integer(task_id: object, expected: str) -> None:
    """Either is taken, and made a string."""
    assert submitted(reply({"task_id": task_id, "base_resp": OK})) == expected


@pytest.mark.parametrize(
    "task_id",
    [
        None,
        "",
        "  ",
        "0",
        0,
        True,
        False,
        1.0,
        330000000000000.0,
        [],
        ["7"],
        {},
        {"id": "7"},
        "x" * 129,
        10**200,
        "a b",
        "a\x00b",
        "a\nb",
        "\ud800",
        f"id-{KEY}",
        KEY,
    ],
)
def test_an_unusable_task_id_is_an_unknown_outcome(task_id: object) -> None:
    """Code 0 without a task id that can be asked about: perhaps a task was made."""
    with pytest.raises(OutcomeUnknown, match="no usable task id") as caught:
        submitted(reply({"task_id": task_id, "base_resp": OK}))
    assert caught.value.code == "lost"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("code", [1000, 1002, 1008, 1026, 9999, "insufficient_quota"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_task_id_beats_a_code(code: object, status: int) -> None:
    """A task that can be asked about is not thrown away because a code speaks against it."""
    assert submitted(reply({"task_id": "7", "base_resp": vendor(code)}, status)) == "7"


def test_no_balance_comes_with_an_empty_task_id() -> None:
    """Seen in the wild: HTTP 200, code 1008, a task id that is there and empty."""
    with pytest.raises(NoBalance, match="insufficient balance") as caught:
        submitted(reply({"task_id": "", "base_resp": vendor(1008, "insufficient balance")}))
    assert caught.value.code == "1008"


def test_what_the_service_tells_is_cleaned() -> None:
    """Message and code are one line, bounded, and without the key."""
    with pytest.raises(ServiceError) as caught:
        submitted(
            reply({"error": {"code": f"bad\n{KEY}", "message": f"key {KEY}\x1b[31m\n" + "x" * 5000}}, 401)
        )
    error = caught.value
    assert isinstance(error, KeyRefused)
    assert error.code == "bad [key]"
    assert error.message.startswith("the API key was refused: HTTP 401, key [key] [31m xxx")
    assert len(error.message) < 350
    assert str(error).isprintable()


# --- the query -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["Preparing", "queueing", "PROCESSING", "Pending", "待机", "Succeeding", "", None, 5, []]
)
def test_any_other_word_is_running(word: object) -> None:
    """What is not an end is running, also a word never seen and none at all."""
    assert task_state(reply({"status": word, "task_id": "7", "base_resp": OK}), "7") == Running()


def test_a_word_needs_no_code() -> None:
    """A status stands for itself when there is no base_resp."""
    assert task_state(reply({"status": "Processing"}), "7") == Running()


@pytest.mark.parametrize("word", ["Success", "success", " SUCCESS "])
@pytest.mark.parametrize("file_id", ["335560631603474", 335560631603474])
def test_success_names_a_file(word: str, file_id: object) -> None:
    """The file's id and the sizes are there on success; the word counts in any case."""
    body = {
        "status": word,
        "file_id": file_id,
        "task_id": 7,
        "base_resp": OK,
        "video_width": 1366,
        "video_height": 768,
    }
    assert task_state(reply(body), "7") == Generated(file_id="335560631603474", width=1366, height=768)


@pytest.mark.parametrize("side", [None, 0, -1, 10**30, 1.5, "768", True, []])
def test_a_size_that_is_none_is_not_told(side: object) -> None:
    """Sizes are pixels or not there; they never spoil a finished task."""
    state = task_state(
        reply({"status": "Success", "file_id": "8", "base_resp": OK, "video_width": side}), "7"
    )
    assert state == Generated(file_id="8")


@pytest.mark.parametrize("file_id", [None, "", 0, 1.5, [], True, "x" * 500])
def test_success_without_a_file_is_asked_again(file_id: object) -> None:
    """A finished task without a usable file id is not given up."""
    with pytest.raises(Transient, match="no usable file id") as caught:
        task_state(reply({"status": "Success", "file_id": file_id, "task_id": "7", "base_resp": OK}), "7")
    assert caught.value.code == "no_file_id"


@pytest.mark.parametrize(
    ("code", "error"), [(1002, RateLimited), (1027, Transient), (1004, KeyRefused), (9, Transient)]
)
def test_success_without_a_file_follows_its_code(code: int, error: type[ServiceError]) -> None:
    """What a code says of the question counts; that it failed is not believed of a task that has succeeded."""
    with pytest.raises(error) as caught:
        task_state(reply({"status": "Success", "base_resp": vendor(code)}), "7")
    assert type(caught.value) is error


@pytest.mark.parametrize("word", ["Fail", "fail", "FAILED", "Failed"])
@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (0, "success", Failed(code="0", message="the service gave no reason")),
        (0, "", Failed(code="0", message="the service gave no reason")),
        (0, "too dark", Failed(code="0", message="too dark")),
        (1027, "output sensitive", Failed(code="1027", message="output sensitive")),
        ("1033", "downstream", Failed(code="1033", message="downstream", sure=False)),
        (1000, "", Failed(code="1000", message="the service gave no reason", sure=False)),
        (1008, "poor", Failed(code="1008", message="poor")),
        (2013, "bad", Failed(code="2013", message="bad", sure=False)),
        (None, "", Failed(code="0", message="the service gave no reason")),
    ],
)
def test_fail_ends_a_task(word: str, code: object, message: str, expected: Failed) -> None:
    """A failed task tells its reason in base_resp, if at all."""
    assert (
        task_state(reply({"status": word, "task_id": "7", "base_resp": vendor(code, message)}), "7")
        == expected
    )


@pytest.mark.parametrize("code", [1002, 1039, 1041, 2045])
def test_a_limit_is_not_a_tasks_failure(code: int) -> None:
    """A limit in a query's reply is about the query, whatever the status beside it."""
    for word in ("Fail", "Processing", ""):
        with pytest.raises(RateLimited):
            task_state(reply({"status": word, "task_id": "7", "base_resp": vendor(code)}), "7")


def test_a_refused_key_is_not_a_tasks_failure() -> None:
    """The task is not failed because the question was not allowed."""
    with pytest.raises(KeyRefused):
        task_state(reply({"status": "Fail", "base_resp": vendor(1004)}), "7")


@pytest.mark.parametrize("code", [1026, 1027, 1042])
def test_a_refusal_without_a_status_is_a_failure(code: int) -> None:
    """The codes that refuse prompt or result end the task also without a word."""
    state = task_state(reply({"status": "", "task_id": "7", "base_resp": vendor(code, "no")}), "7")
    assert isinstance(state, Failed)
    assert state.code == str(code)


@pytest.mark.parametrize("code", [1026, 1027, 1042])
@pytest.mark.parametrize("word", ["Processing", "queueing", "PREPARING"])
def test_what_runs_is_not_failed_by_a_code_beside_it(word: str, code: int) -> None:
    """The two speak against each other: it is asked again."""
    with pytest.raises(Transient) as caught:
        task_state(reply({"status": word, "task_id": "7", "base_resp": vendor(code, "no")}), "7")
    assert caught.value.code == str(code)


@pytest.mark.parametrize(
    ("status", "word", "sure"),
    [
        (400, "Fail", True),
        (400, "", True),
        (400, "error", False),
        (400, "Processing", False),
        (200, "Expired", False),
    ],
)
def test_a_refusal_is_believed_whatever_stands_beside_it(status: int, word: str, sure: bool) -> None:  # noqa: FBT001
    """Under an HTTP error a word is the gateway's, and one that nobody knows may be an end."""
    raw = json.dumps({"status": word, "task_id": "7", "base_resp": vendor(1027, "no")}).encode()
    state = task_state(read_reply(status, raw, SCRUB), "7")
    assert isinstance(state, Failed)
    assert (state.code, state.sure) == ("1027", sure)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "Success", "file_id": "8", "base_resp": OK},
        {"status": "Fail", "base_resp": OK},
        {"status": "Processing", "base_resp": OK},
        {"status": "", "base_resp": vendor(1026)},
    ],
)
@pytest.mark.parametrize("named", ["8", 77, ["7"], "7 7", 7.0])
def test_another_tasks_state_is_not_believed(body: dict[str, object], named: object) -> None:
    """A reply about another task says nothing about this one."""
    with pytest.raises(Transient, match="another task"):
        task_state(reply({**body, "task_id": named}), "7")


@pytest.mark.parametrize("named", [None, "", "0", 0, "7", 7, " 7 "])
def test_a_reply_need_not_name_its_task(named: object) -> None:
    """An id that is missing, empty or zero names no other task."""
    assert task_state(reply({"status": "Processing", "task_id": named, "base_resp": OK}), "7") == Running()


@pytest.mark.parametrize("status", [301, 400, 500, 503])
def test_an_end_under_an_error_status_is_asked_again(status: int) -> None:
    """An end is believed under a success of HTTP only; asking again is free."""
    for word in ("Success", "Fail"):
        with pytest.raises(Transient):
            task_state(reply({"status": word, "file_id": "8", "base_resp": OK}, status), "7")


# --- the links -------------------------------------------------------------------------------------------

LINK = "https://h/inference_output%2Fvideo%2Fa.mp4?Expires=1&Signature=9Z9%2B3Q%3D"


def test_links_are_kept_to_the_letter() -> None:
    """What is signed is not touched, and the backup comes along."""
    file = {"file_id": 335560631603474, "bytes": 0, "download_url": LINK, "backup_download_url": LINK + "b"}
    expected = Links(url=LINK, backup_url=LINK + "b")
    assert links(reply({"file": file, "base_resp": OK}), "335560631603474") == expected
    assert links(reply({"file": {"download_url": LINK}}), "8") == Links(url=LINK)


def test_a_backup_serves_alone() -> None:
    """A clip is not given up while one of its links can be followed."""
    for primary in (None, "", 7):
        file = {"download_url": primary, "backup_download_url": LINK}
        assert links(reply({"file": file, "base_resp": OK}), "8") == Links(url=LINK)


def test_an_empty_link_is_left_to_who_judges_links() -> None:
    """An empty link is passed on: it can never work, and what fetches it says so at once."""
    assert links(reply({"file": {"download_url": ""}, "base_resp": OK}), "8") == Links(url="")
    with pytest.raises(RateLimited):
        links(reply({"file": {"download_url": ""}, "base_resp": vendor(1002)}), "8")


@pytest.mark.parametrize("file", [None, [], "f", 7, {}, {"download_url": None}, {"download_url": 7}])
def test_no_link_is_asked_again(file: object) -> None:
    """Without a link the code decides, and without a code it is asked again."""
    with pytest.raises(Transient) as caught:
        links(reply({"file": file, "base_resp": OK}), "8")
    assert caught.value.code == "no_link"
    with pytest.raises(NotFound):
        links(reply({"file": file, "base_resp": vendor(2013)}), "8")
    with pytest.raises(Refused):
        links(reply({"file": file, "base_resp": vendor(1027)}), "8")


@pytest.mark.parametrize("link", ["https://h/" + "x" * 8192, "https://h/\ud800", f"https://h/?k={KEY}"])
def test_a_link_is_bounded_and_without_the_key(link: str) -> None:
    """A link that is endless, no text, or would carry the key to the video host is none."""
    with pytest.raises(Transient):
        links(reply({"file": {"download_url": link}, "base_resp": OK}), "8")


@pytest.mark.parametrize("named", [None, 0, "", 9007199254740993, "9007199254740993", 9007199254740992])
def test_a_file_is_the_one_that_was_asked_for(named: object) -> None:
    """The id may be missing, an integer, or rounded by a gateway that counts in doubles."""
    file = {"file_id": named, "download_url": LINK}
    assert links(reply({"file": file, "base_resp": OK}), "9007199254740993").url == LINK


@pytest.mark.parametrize("named", [8, "8", 9007199254740000, "f-1", True])
def test_another_file_is_not_believed(named: object) -> None:
    """A link to another file would put another task's clip under this job's name."""
    with pytest.raises(Transient, match="another file"):
        links(reply({"file": {"file_id": named, "download_url": LINK}, "base_resp": OK}), "9007199254740993")


# --- bytes and shapes that anyone may have written ----------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b'{"task_id": NaN}',
        b'{"task_id": -Infinity}',
        b'{"task_id": 1} trailing',
        b'{"a": "\xff\xfe"}',
        '{"task_id": "7"}'.encode("utf-16"),
        '{"task_id": "甲"}'.encode("gb18030"),
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b'{"task_id": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda raw: repr(raw[:16]),
)
def test_what_is_no_json_object_is_none(raw: bytes) -> None:
    """Anything but one JSON object in UTF-8 is no reply, and no trap either."""
    assert parse(raw) is None
    what = "not a JSON object" if raw else "the reply is empty"
    with pytest.raises(OutcomeUnknown, match=what):
        submitted(read_reply(200, raw, SCRUB))
    with pytest.raises(Transient, match=what) as caught:
        task_state(read_reply(200, raw, SCRUB), "7")
    assert caught.value.code == "not_json"


def test_a_web_page_is_called_one() -> None:
    """Who reads the reason should think of a proxy or a gateway, and not of JSON."""
    with pytest.raises(OutcomeUnknown, match="HTTP 502, a web page came in place of a reply"):
        submitted(read_reply(502, b"\r\n <!DOCTYPE html><html>", SCRUB))


def test_a_byte_order_mark_is_no_harm() -> None:
    """Some gateways put one before their JSON."""
    assert submitted(read_reply(200, b'\xef\xbb\xbf{"task_id": "7"}', SCRUB)) == "7"


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        [0, 1002, 1008, 1026, 2013, "1004", "Success", "Fail", "model_not_found", KEY, "7", "8"]
    )
)
_ANY = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
_NAMES = ("task_id", "file_id", "status", "base_resp", "error", "code", "message", "file", "video_width")
_INNER = st.dictionaries(
    st.sampled_from(["status_code", "status_msg", "code", "type", "message", "download_url", "file_id"]),
    _ANY,
    max_size=5,
)
_BODIES = st.dictionaries(st.sampled_from(_NAMES), _ANY | _INNER, max_size=7)


@given(body=_BODIES | _ANY, status=st.integers(100, 599))
def test_only_our_types_and_errors_come_out(body: object, status: int) -> None:
    """Whatever JSON comes as a reply to any call, what it becomes is named in the protocol."""
    told = reply(body, status)
    try:
        task_id = submitted(told)
    except (NotAccepted, Refused, OutcomeUnknown) as error:
        _shown(error)
    else:
        assert 0 < len(task_id) <= 128
        assert task_id.isprintable()
    try:
        state: TaskState = task_state(told, "7")
    except (Transient, NotFound, RateLimited, Halting) as error:
        _shown(error)
    else:
        assert KEY not in repr(state)
    try:
        found = links(told, "8")
    except (Transient, NotFound, RateLimited, Halting, Refused) as error:
        _shown(error)
    else:
        assert KEY not in found.url


@given(raw=st.binary(max_size=60), status=st.integers(100, 599))
def test_any_bytes_are_a_reply(raw: bytes, status: int) -> None:
    """Bytes that are no JSON end in an error of ours as well."""
    with pytest.raises((NotAccepted, Refused, OutcomeUnknown)):
        submitted(read_reply(status, raw, SCRUB))


def _shown(error: ServiceError) -> None:
    """What a person may read of an error: bounded, one line, no key."""
    text = f"{error} {error.code}"
    assert KEY not in text
    assert text.isprintable()
    assert len(text) < 600


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"base_resp": {"status_code": 9}, "message": "later words"}, "9", "later words"),
        ({"base_resp": {"status_msg": "early words"}, "code": 9, "message": "its own"}, "9", "its own"),
        ({"base_resp": {"status_msg": "early words"}, "code": 9}, "9", "early words"),
        ({"base_resp": {"status_code": 9, "status_msg": "first"}, "code": 8, "message": "x"}, "9", "first"),
        ({"base_resp": {"status_msg": "first"}, "error": "second", "message": "third"}, None, "first"),
    ],
)
def test_a_code_tells_its_own_message_or_else_the_first_there_is(
    body: dict[str, object], code: str | None, said: str
) -> None:
    """Gateways put the code in one place and the words in another."""
    told = reply(body)
    assert (told.code, told.message) == (code, said)
