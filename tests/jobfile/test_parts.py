"""The small rules: ids, durations, addresses, camera commands, identity."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.jobfile import is_clear_text, parse_amount, parse_base_url, parse_duration, parse_id
from batchgen.jobfile.camera import COMMANDS, camera_warnings
from batchgen.model import API_DEFAULTS, Request

from .reading import jobs_of, read, write


@pytest.mark.parametrize(
    ("job", "digits"),
    [
        ("{prompt: x}", "a87499ab4eb4"),
        ("{prompt: x, duration: 10}", "a7b9f0b92c7c"),
        ("{prompt: '海浪拍打礁石，浪花飞溅 [固定]'}", "46554dcca247"),
        (
            "{prompt: x, fast_pretreatment: true, prompt_optimizer: true, aigc_watermark: true}",
            "e06d46035d69",
        ),
        ("{prompt: x, model: MiniMax-Hailuo-02, resolution: 1080P}", "8ae0e002b1a6"),
    ],
)
def test_ids_made_from_requests_are_frozen(tmp_path: Path, job: str, digits: str) -> None:
    """The id of a job without one never changes, from version to version."""
    assert [made.id for made in jobs_of(tmp_path, f"jobs: [{job}]\n")] == [digits]


def test_the_canonical_request_is_frozen(tmp_path: Path) -> None:
    """The id is the hash of all API defaults and named keys, sorted, as compact UTF-8 JSON."""
    (job,) = jobs_of(tmp_path, "jobs: [{prompt: 狐狸, duration: 10}]\n")
    canonical = (
        '{"aigc_watermark":false,"duration":10,"fast_pretreatment":false,"model":"MiniMax-Hailuo-2.3",'
        '"prompt":"狐狸","prompt_optimizer":true,"resolution":"768P"}'
    )
    assert job.digest == hashlib.sha256(canonical.encode()).hexdigest()
    assert job.id == job.digest[:12]


@pytest.mark.parametrize(
    "key",
    [
        "duration: 6",
        "resolution: 768P",
        "model: MiniMax-Hailuo-2.3",
        "prompt_optimizer: true",
        "fast_pretreatment: false",
        "aigc_watermark: false",
        "metadata: {a: b}",
    ],
)
def test_writing_out_a_default_changes_no_id(tmp_path: Path, key: str) -> None:
    """Neither an API default that is written out, in the job or above, nor metadata make another job."""
    for content in (f"jobs: [{{prompt: x, {key}}}]\n", f"defaults: {{{key}}}\njobs: [{{prompt: x}}]\n"):
        assert [job.id for job in jobs_of(tmp_path, content)] == ["a87499ab4eb4"]


@pytest.mark.parametrize(
    "text", ["a", "A-1_b.c", "狐狸", "Ωmega", "नमस्ते", "ไทย", "-a", "a" * 120, "狐" * 40, "console"]
)
def test_ids_of_any_script_are_file_names(text: str) -> None:
    """Letters with their vowel signs, digits, dots, underscores and hyphens make an id."""
    assert parse_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ".a", "..", "a b", "a/b", "a\\b", "a:b", "a\0", "a\n", "½", "²", "a\u200bb", "🦊"),
        *("a" * 121, "狐" * 41, "con", "NUL", "com1", "LPT9.x", "aux.b.c"),
    ],
)
def test_what_is_no_file_name_is_no_id(text: str) -> None:
    """Separators, spaces, invisible characters, devices of Windows and more than 120 bytes are refused."""
    with pytest.raises(ValueError, match=r".+"):
        parse_id(text)


def test_two_spellings_of_the_same_letters_are_one_id() -> None:
    """Ids are brought to the form NFC."""
    assert parse_id("cafe\u0301") == parse_id("caf\u00e9") == "caf\u00e9"


@given(st.text(max_size=130))
def test_an_id_is_safe_whatever_was_written(text: str) -> None:
    """What is accepted has no separator, no leading dot and at most 120 bytes, and is accepted again."""
    try:
        word = parse_id(text)
    except ValueError:
        return
    assert not set(word) & set("/\\:\0\n ")
    assert not word.startswith(".")
    assert 0 < len(word.encode()) <= 120
    assert parse_id(word) == word


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h1m1.5s", 3661.5),
        ("45", 45),
        ("0.5", 0.5),
        (" 2m ", 120),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    """Hours, minutes and seconds in this order, or a number of seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "10 min", "m", "5d", "-5s", "1e3", "5m1h", "1:30", "٣s", "inf", "9" * 30, "9999h" * 20],
)
def test_what_is_no_duration_is_told_with_the_forms(text: str) -> None:
    """Other texts raise ValueError, and say what to write."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["0", "2", "2.0", "2.50", " 500 ", "0.000001", "1000000000", "1000000000.000"]
)
def test_amounts_are_read_to_the_digit(text: str) -> None:
    """Digits, with or without a dot between them."""
    assert str(parse_amount(text)) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "+1", "1e3", ".5", "5.", "2,50", "1_000", "007", "2 CNY", "¥2", "٣", "nan", "inf"),
        *("0x1", "1.2.3", "0.0000001", "1000000000.01", "9" * 5000, "Infinity", "2\n3"),
    ],
)
def test_what_is_no_amount_is_told_with_the_form(text: str) -> None:
    """Signs, exponents, commas, currencies and what is out of bounds raise ValueError with what to write."""
    with pytest.raises(ValueError, match=r"amount .*; "):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://www.dmxapi.cn",
        "https://a.b:8443/v",
        "http://127.0.0.1:80",
        "http://127.9.9.9",
        "http://[::1]:8080",
        "http://localhost",
        "https://a.b.",
        "https://日本.cn",
        "https://my_host/v",
        "https://" + "a" * 63 + ".cn",
    ],
)
def test_good_addresses_lose_only_their_last_slash(text: str) -> None:
    """Accepted are https and http with a host."""
    assert parse_base_url(text) == parse_base_url(text + "/") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "www.dmxapi.cn",
        "file:///etc",
        "https://",
        "https://:80",
        "https://u@a.cn",
        "https://u:p@a.cn",
        "https://a.cn?b",
        "https://a.cn/#b",
        "https://a.cn?",
        "https://a.cn:99999",
        "https://a.cn:x",
        "https://a b.cn",
        "https://a.cn\n",
        "https://a.cn\\@b.cn",
        "https://[::1",
        "https://a..b",
        "https://a.b..",
        "https://.a:80/v",
        "https://日..cn",
        "https://" + "a" * 64 + ".cn",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    """No user, query, fragment or odd character, and no host that no name server can be asked for."""
    with pytest.raises(ValueError, match=r".+") as told:
        parse_base_url(text)
    assert len(text) < 14 or text not in str(told.value)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://www.dmxapi.cn", True),
        ("http://localhost.evil.cn", True),
        ("http://127.0.0.1.evil.cn:80/v", True),
        ("http://0.0.0.0", True),
        ("http://10.0.0.1", True),
        ("http://[::2]", True),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("http://127.9.9.9:1", False),
        ("https://www.dmxapi.cn", False),
    ],
)
def test_clear_text_beyond_this_machine_is_known(url: str, clear: bool) -> None:  # noqa: FBT001  a column
    """Only http counts, and not to 127.0.0.0/8, ::1 and localhost themselves."""
    assert is_clear_text(url) is clear


@pytest.mark.parametrize("command", [*COMMANDS, *COMMANDS.values()])
def test_all_camera_commands_are_known_in_both_languages(command: str) -> None:
    """The 15 commands, in any letter case and spacing, give no warning."""
    assert list(camera_warnings(f"a [{command}] b [ {command.upper()} ] [{command},{command}]")) == []


@pytest.mark.parametrize(
    ("prompt", "message", "remedy"),
    [
        ("[Push on]", "[Push on] is no camera command", "`[Push in]`"),
        ("[zoom-in]", "[zoom-in] is no camera command", "`[Zoom in]`"),
        ("[推镜,左移]", "[推镜] is no camera command", "`[推进]`"),
        ("[航拍]", "[航拍] is no camera command", "左移, 右移"),
        ("[Push in, and then a very long sentence about it]", "is no camera command", ""),
        ("[左移，右移、推进, Shake]", "4 camera commands in one bracket", "others"),
        ("【推进】", "full-width", "`[推进]`"),
    ],
)
def test_odd_camera_commands_are_told(prompt: str, message: str, remedy: str) -> None:
    """An unknown command, more than three at once, or the wrong brackets: one warning with what to do."""
    ((told, what_to_do),) = camera_warnings(f"A fox {prompt} runs")
    assert message in told
    assert remedy in what_to_do


@pytest.mark.parametrize(
    "prompt",
    ["[]", "[1]", "[2024-05]", "[a long aside that cannot be meant for a command]", "a ] b [", "【标题】"],
)
def test_brackets_that_mean_something_else_are_left_alone(prompt: str) -> None:
    """Numbers and sentences in brackets give no false alarm."""
    assert list(camera_warnings(prompt)) == []


def test_a_camera_warning_stands_with_the_job_and_in_the_list(tmp_path: Path) -> None:
    """The job is made, to the letter, and carries the warning; the list has it with its line."""
    problem, job = read(write(tmp_path, 'jobs:\n  - prompt: "fox [Push on]"\n'))
    assert (problem.source.line, getattr(problem, "warning", None)) == (2, True)
    assert getattr(job, "warnings", None) == ("[Push on] is no camera command",)


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"])),
    model=st.sampled_from(["MiniMax-Hailuo-2.3", 'a "model"']),
    duration=st.sampled_from([None, 6, 10]),
    resolution=st.sampled_from([None, "768P", "1080P"]),
    flags=st.tuples(*[st.sampled_from([None, True, False])] * 3),
    edition=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
)
def test_the_canonical_request_is_what_a_writer_of_json_writes(
    prompt: str,
    model: str,
    duration: int | None,
    resolution: str | None,
    flags: tuple[bool | None, bool | None, bool | None],
    edition: str | None,
) -> None:
    """Though it is put together by hand, for speed."""
    request = Request(
        prompt=prompt,
        model=model,
        duration=duration,
        resolution=resolution,
        prompt_optimizer=flags[0],
        fast_pretreatment=flags[1],
        aigc_watermark=flags[2],
    )
    told = {**API_DEFAULTS, **request.body(), **({} if edition is None else {"edition": edition})}
    assert request.canonical(edition) == json.dumps(
        told, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
