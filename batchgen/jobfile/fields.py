"""The keys of a job file, declared once: reader, JSON Schema and messages are all made from these.

Defaults of settings are not repeated here: they are those of ``batchgen.settings``.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchgen.jobfile import (
    editions,
    filenames,
    kinds,
    matrix_kinds,
    request_kinds,
    setting_kinds,
    source_kinds,
    template_kinds,
)
from batchgen.jobfile.budget_fields import BUDGET
from batchgen.jobfile.kinds import Field, Fields, fields
from batchgen.jobfile.offers import DURATIONS, MODELS, OFFERED
from batchgen.model import API_DEFAULTS
from batchgen.settings import OnUnknown

MAX_REPEAT = 10_000
MAX_JOBS = 10_000_000  # of one job file
MAX_PROMPT = 2000  # characters


def _request(name: str, kind: kinds.Kind, about: str) -> Field:
    return Field(name=name, kind=kind, help=about, default=API_DEFAULTS[name])


#: The request keys that jobs share with `defaults`.  A key that nobody names is not sent.
REQUEST = fields(
    _request(
        "model",
        kinds.Choice(words=MODELS),
        "The model. MiniMax-Hailuo-2.3 is preferred.",
    ),
    _request("duration", kinds.Integer(choices=DURATIONS), "Seconds: 6 or 10 at 768P, 6 at 1080P."),
    _request(
        "resolution",
        kinds.Choice(words=tuple(OFFERED)),
        "768P is 1366x768, 1080P is 1920x1080; 24 frames a second.",
    ),
    _request("prompt_optimizer", kinds.Boolean(), "Whether the service may rewrite the prompt."),
    _request("fast_pretreatment", kinds.Boolean(), "A shorter rewriting; acts only with the optimizer on."),
    _request("aigc_watermark", kinds.Boolean(), "Whether the clip is marked as made by AI."),
)

PROMPT = request_kinds.Prompt(longest=MAX_PROMPT)

METADATA = Field(
    name="metadata",
    kind=request_kinds.Metadata(),
    help="Whatever you want to find again in the manifest. Never sent.",
)

DEFAULTS: Fields = {**REQUEST, "metadata": METADATA}

FILENAME = Field(
    name="filename",
    kind=filenames.FileName(),
    help='Another path of the clip below videos/, with names in braces: "{model}/{id}.mp4".',
)

#: Keys that make many jobs of one entry; with `matrix` or `from`, texts have {names}.
MANY = fields(
    Field(
        name="matrix",
        kind=matrix_kinds.Lists(),
        help="Every combination of these lists; a list under a request key sets that key.",
    ),
    Field(
        name="include",
        kind=matrix_kinds.Picks(),
        help="Values added to the combinations that they agree with, or combinations of their own.",
    ),
    Field(
        name="exclude",
        kind=matrix_kinds.Picks(),
        help="Combinations that are left out: all that agree with these values.",
    ),
    Field(
        name="from",
        kind=source_kinds.TablePath(),
        help="A row a job: a .csv, .tsv, .jsonl, .txt or .parquet file, a pattern of such, or - for JSON lines on "
        "standard input.",
    ),
    Field(
        name="columns",
        kind=source_kinds.Columns(keys=("prompt", *REQUEST)),
        help="Request keys that are taken from columns; an empty cell counts as absent.",
    ),
)
#: Either of these makes an entry one of many jobs.
MAKES_MANY = frozenset({"matrix", "from"})

_REPEAT = Field(
    name="repeat",
    kind=kinds.Integer(minimum=1, maximum=MAX_REPEAT),
    help="How many clips of this job: ID, ID-2, ID-3 and so on.",
    default=1,
)
_ID_HELP = "The clip's file name, without .mp4. Without it, it is made from the request."
_PROMPT_HELP = "What the clip shall show, 1 to 2000 characters. Camera commands stand in [brackets]."

JOB: Fields = {
    **fields(
        Field(name="id", kind=request_kinds.Identifier(), help=_ID_HELP),
        Field(name="prompt", kind=PROMPT, help=_PROMPT_HELP),
        _REPEAT,
    ),
    **DEFAULTS,
    **fields(FILENAME),
    **MANY,
}

#: The keys of an entry that stands for many jobs.
MANY_JOBS: Fields = {
    **JOB,
    **fields(
        Field(name="id", kind=template_kinds.Text(), help=_ID_HELP),
        Field(name="prompt", kind=template_kinds.Text(), help=_PROMPT_HELP),
        Field(name="metadata", kind=template_kinds.FilledMetadata(), help=METADATA.help),
    ),
}

SERVICE = fields(
    Field(name="base_url", kind=setting_kinds.Url(), help="Any host that speaks the same three calls."),
    Field(
        name="api_key_env",
        kind=setting_kinds.VariableName(),
        help="The name of the variable that holds the key. The key itself is refused in this file.",
    ),
    Field(
        name="allow_http",
        kind=kinds.Boolean(),
        help="Accept http beyond this machine: the key and the clips then travel unencrypted.",
    ),
)

LIMITS = fields(
    Field(name="in_flight", kind=kinds.Integer(minimum=1, maximum=100_000), help="Tasks at the service at once."),
    Field(
        name="submits_per_minute",
        kind=kinds.Integer(minimum=1, maximum=1_000_000, nullable=True),
        help="Submissions in any 60 s; null: no limit of ours.",
    ),
    Field(name="downloads", kind=kinds.Integer(minimum=1, maximum=1000), help="Downloads at once."),
    Field(name="download_patience", kind=setting_kinds.Duration(), help="How long one run tries to fetch one clip."),
    Field(
        name="task_patience",
        kind=setting_kinds.Duration(),
        help="How long after its submission a run with nothing else left waits for a task.",
    ),
    Field(
        name="halt_after_failures",
        kind=kinds.Integer(minimum=1, maximum=1_000_000),
        help="Stop after so many charged failures in a row.",
    ),
    Field(
        name="halt_after_unknown",
        kind=kinds.Integer(minimum=1, maximum=1_000_000),
        help="Stop after so many unknown outcomes in a row.",
    ),
    Field(name="max_clip_bytes", kind=kinds.Integer(minimum=1), help="A clip of more bytes is not fetched."),
    Field(
        name="min_free_bytes",
        kind=kinds.Integer(minimum=0),
        help="With less room on the disk nothing new is submitted.",
    ),
)  # fmt: skip

POLLING = fields(
    Field(
        name="interval",
        kind=setting_kinds.Duration(auto=True),
        help="auto: learnt from finished tasks; or the time between two questions about one task.",
    ),
    Field(
        name="max_per_second",
        kind=setting_kinds.Rate(),
        help="Questions a second over all tasks; null: no ceiling.",
    ),
)

#: Mappings above the jobs; their values are read key by key.
SECTIONS: Mapping[str, Fields] = {
    "service": SERVICE,
    "limits": LIMITS,
    "polling": POLLING,
    "budget": BUDGET,
    "defaults": DEFAULTS,
}
SECTION_HELP = {
    "service": "Which service, and under which variable its key stands.",
    "limits": "How much at once, how fast, how long, and when to stop.",
    "polling": "When to ask about a task.",
    "budget": "What clips cost, and where spending ends.",
    "defaults": "Request keys, and metadata, for every job that does not name them itself.",
}

#: Single values above the jobs.
TOP = fields(
    Field(
        name="output",
        kind=setting_kinds.FilePath(),
        help="The output folder, relative to this file. No placeholders.",
    ),
    Field(
        name="ledger",
        kind=setting_kinds.FilePath(nullable=True),
        help="Another place for the ledger, relative to this file. It must be on a local disk.",
    ),
    Field(
        name="edition",
        kind=editions.Edition(),
        help='Orders everything afresh under another edition, such as "{date}": the day on which a run starts.',
    ),
    Field(name="filename", kind=filenames.FileName(nullable=True), help=FILENAME.help),
    Field(
        name="on_unknown",
        kind=kinds.Choice(words=tuple(OnUnknown)),
        help="What happens to a job whose submission's outcome is not known: hold it, or resubmit once.",
    ),
)
