"""A mapping of the job file is held against its declaration, and everything wrong with it is collected."""

from __future__ import annotations

from batchgen.jobfile.flaws import Flaw, Wrong, WrongInside, close_to, secret_name, secret_value, shown
from batchgen.jobfile.kinds import Fields
from batchgen.jobfile.nodes import Broken, Mapping, Node, Scalar
from batchgen.jobfile.scalars import described, resolve

Values = dict[str, object]


def read_mapping(
    node: Node,
    fields: Fields,
    flaws: list[Flaw],
    *,
    where: str,
    entry: str = "key",
) -> Values:
    """The values of the keys that are right; what is wrong is added to ``flaws``.

    ``where`` and ``entry`` name the mapping and its keys in messages.
    """
    values: Values = {}
    if not isinstance(node, Mapping):
        _refuse_other(node, flaws, where)
        return values
    for key, value in node.pairs:
        field = fields.get(key.text)
        if field is None:
            flaws.append(unknown_key(key, fields, where=where, entry=entry))
        elif type(value) is not Broken:
            try:
                values[key.text] = field.kind.read(value)
            except Wrong as wrong:
                flaws.append(wrong_value(key, value, wrong))
            except WrongInside as inside:
                flaws.extend(inside.flaws)
    return values


def wrong_value(key: Scalar, value: Node, wrong: Wrong) -> Flaw:
    """The flaw of a value that its key does not take."""
    # An empty value has no place of its own: its mark may be lines further on.
    place = key if isinstance(value, Scalar) and value.plain and not value.text else value
    message = f"`{key.text}` {wrong.message}"
    line, column = wrong.at or (place.line, place.column)
    return Flaw(line=line, column=column, message=message, remedy=wrong.remedy)


def _refuse_other(node: Node, flaws: list[Flaw], where: str) -> None:
    if isinstance(node, Broken) or (isinstance(node, Scalar) and resolve(node) is None):
        return
    message = f"{where} must be a mapping of keys, not {described(node)}"
    flaws.append(
        Flaw(line=node.line, column=node.column, message=message, remedy="write `key: value` below it")
    )


def unknown_key(key: Scalar, known: Fields, *, where: str, entry: str = "key") -> Flaw:
    """The flaw of a key that has no place here."""
    message, remedy = _secret(key.text) or _unknown(key.text, known, where, entry)
    return Flaw(line=key.line, column=key.column, message=message, remedy=remedy)


def _secret(name: str) -> tuple[str, str] | None:
    if not secret_name(name) and not secret_value(name):
        return None
    remedy = "remove it, put the key into the variable DMXAPI_API_KEY, and renew it if the file was shared"
    return "a key or password in the job file is refused (its value is not shown)", remedy


def _unknown(name: str, known: Fields, where: str, entry: str) -> tuple[str, str | None]:
    near = close_to(name, known)
    names = (
        f"the {entry}s are {', '.join(known)}"
        if len(known) > 1
        else f"the only {entry} is {next(iter(known))}"
    )
    return f"{where} has no {entry} {shown(name)}", f"did you mean `{near}`?" if near else names
