"""GitHub's expressions, as far as the workflows use them; whatever else is written is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<mark>&&|\|\||==|!=|[!().,]))"
)
_MARKED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}

Functions = Mapping[str, Callable[[], bool]]


class NotPlayable(ValueError):
    """An expression uses what this evaluator does not know."""


def evaluate(expression: str, contexts: Mapping[str, Any], functions: Functions) -> Any:
    """The value of what stands between `${{` and `}}`, or of an `if:`.

    Raises:
        NotPlayable: a function, a context or a mark that is not known here.
    """
    return _Reader(_tokens(expression), contexts, functions).whole()


def filled_in(text: Any, contexts: Mapping[str, Any], functions: Functions) -> str:
    """A value of the workflow with its expressions replaced, as a program gets it."""
    if isinstance(text, bool):
        return _as_text(text)
    return _MARKED.sub(lambda match: _as_text(evaluate(match[1], contexts, functions)), str(text))


def is_true(value: Any) -> bool:
    """What GitHub holds for true: all but false, 0, the empty text and null."""
    return value not in (False, 0, "", None)


def calls_status_function(expression: str) -> bool:
    """Whether an `if:` says itself what happens after a failure; else `success()` is meant too."""
    return bool(re.search(r"\b(?:always|failure|success|cancelled)\(\)", expression))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tokens(expression: str) -> list[str]:
    tokens, at = [], 0
    text = expression.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotPlayable(f"{expression!r} at {text[at:]!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens by precedence: `||`, `&&`, comparison, `!`, value."""

    def __init__(
        self, tokens: list[str], contexts: Mapping[str, Any], functions: Functions
    ) -> None:
        self._tokens = tokens
        self._contexts = contexts
        self._functions = functions

    def whole(self) -> Any:
        value = self._either()
        if self._tokens:
            raise NotPlayable(f"left over: {self._tokens}")
        return value

    def _took(self, *marks: str) -> str | None:
        return self._tokens.pop(0) if self._tokens and self._tokens[0] in marks else None

    def _either(self) -> Any:
        value = self._both()
        while self._took("||"):
            other = self._both()
            value = value if is_true(value) else other
        return value

    def _both(self) -> Any:
        value = self._comparison()
        while self._took("&&"):
            other = self._comparison()
            value = other if is_true(value) else value
        return value

    def _comparison(self) -> Any:
        value = self._negation()
        while mark := self._took("==", "!="):
            equal = _comparable(value) == _comparable(self._negation())
            value = equal if mark == "==" else not equal
        return value

    def _negation(self) -> Any:
        if self._took("!"):
            return not is_true(self._negation())
        return self._value()

    def _value(self) -> Any:
        token = self._tokens.pop(0) if self._tokens else ""
        if token == "(":  # noqa: S105  a bracket
            value = self._either()
            self._expect(")")
            return value
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        return self._call(token) if self._took("(") else self._looked_up(token)

    def _call(self, name: str) -> bool:
        self._expect(")")
        if name not in self._functions:
            raise NotPlayable(f"function {name!r}")
        return self._functions[name]()

    def _looked_up(self, name: str) -> Any:
        if name not in self._contexts:
            raise NotPlayable(f"context {name!r}")
        value = self._contexts[name]
        while self._took("."):
            # A member that is not there is null to GitHub, at any depth.
            value = (value or {}).get(self._tokens.pop(0))
        return value

    def _expect(self, mark: str) -> None:
        if not self._took(mark):
            raise NotPlayable(f"{mark!r} is missing before {self._tokens}")


def _comparable(value: Any) -> Any:
    """Texts are compared without case; null, false and the empty text as numbers are equal."""
    if isinstance(value, str) and value:
        return value.lower()
    return value or 0
