"""ApiPrice: what a hosted API asks for the tokens of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from advisor.spec.reading.given_value import Given, plain
from advisor.spec.reading.located_yaml import plain_number
from advisor.units import TOKENS_PER_MILLION

LEAST_USD_PER_MILLION, MAX_USD_PER_MILLION = 1e-6, 10_000.0
"""Ten times what the dearest API asked for a million answer tokens (600 USD, o1-pro in 2025)."""

Role = Literal["prompt", "cached", "answer"]
_ORDERS: Mapping[int, tuple[Role, ...]] = {2: ("prompt", "answer"), 3: ("prompt", "cached", "answer")}
_WORDS: Mapping[Role, str] = {
    "cached": r"cached[ _-](?:input|prompt)|cache[ _-](?:read|hit)|cached|cache",
    "prompt": r"prompt|input|in",
    "answer": r"answer|output|completion|out",
}
_NAME = rf"(?:{'|'.join(_WORDS.values())})(?:[ _-]?tokens)?"
_AMOUNT = (
    r"(?:USD|\$)?\s*([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*(?:USD|\$)?"
    r"(?:\s*(?:/|per)\s*1?\s*(M|K|million|thousand|MTok|kTok)(?![A-Za-z])(?:\s*tok(?:en)?s?)?)?"
)
_BETWEEN = "/,;:|+"
_PIECE = rf"(?i)(?:({_NAME})\s*[=:]?\s*{_AMOUNT}|{_AMOUNT}\s*({_NAME})?)\s*(?:[{_BETWEEN}]\s*|$|(?<=\s))"
_REMEDY = (
    "write USD per million prompt and answer tokens: 0.20/0.60, with cached prompt tokens 0.20/0.02/0.60"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPrice:
    """USD per million tokens, by what they are."""

    prompt: float
    answer: float
    cached: float | None = None
    """Price of prompt tokens that the API has in its cache; None: that of the others."""

    def __post_init__(self) -> None:
        for name in ("prompt", "answer", "cached"):
            usd = getattr(self, name)
            if usd is not None and usd != 0 and not LEAST_USD_PER_MILLION <= usd <= MAX_USD_PER_MILLION:
                raise ValueError(
                    f"{name}: {usd:g} is neither 0 nor from {LEAST_USD_PER_MILLION:g} to "
                    f"{MAX_USD_PER_MILLION:,.0f} USD per million tokens"
                )
        if self.prompt + self.answer <= 0:
            raise ValueError("an API that costs nothing is always cheaper; state what it asks")
        if self.cached is not None and self.cached > self.prompt:
            raise ValueError(
                f"cached prompt tokens cost more than others ({self.cached:g} and {self.prompt:g}); "
                "the order is prompt/cached/answer"
            )

    def usd_per_request(self, prompt_tokens: float, answer_tokens: float, cached_share: float = 0.0) -> float:
        """What a request of these mean lengths costs; `cached_share` of its prompt is in the API's cache."""
        cached = self.prompt if self.cached is None else self.cached
        per_prompt_token = (1.0 - cached_share) * self.prompt + cached_share * cached
        return (prompt_tokens * per_prompt_token + answer_tokens * self.answer) / TOKENS_PER_MILLION

    def __str__(self) -> str:
        """`0.2/0.6`, as it is read."""
        known = (self.prompt, self.answer) if self.cached is None else (self.prompt, self.cached, self.answer)
        return "/".join(str(plain_number(usd)) for usd in known)


def read_api_price(given: Given) -> ApiPrice:
    """A price as people write it: `0.20/0.60`, `0.20/0.02/0.60`, `$0.20/M in, $0.60/M out`.

    In a profile `{prompt: 0.2, answer: 0.6}`, too; a number alone is the price of all tokens.
    Raises InputError.
    """
    value = given.value
    if isinstance(value, Mapping):
        entries = given.keys(("prompt", "cached", "answer"))
        for name in ("prompt", "answer"):
            if name not in entries:
                raise given.error(f"has no {name}; {_REMEDY}")
        named = {name: entry.number(low=0, high=MAX_USD_PER_MILLION) for name, entry in entries.items()}
        return given.build(lambda: ApiPrice(**named))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        usd = given.number(low=LEAST_USD_PER_MILLION, high=MAX_USD_PER_MILLION, unit="USD per million tokens")
        return ApiPrice(prompt=usd, answer=usd)
    text = given.text()
    found = _pieces(text)
    if found is None:
        raise given.error(f"'{plain(text)}' is not a price; {_REMEDY}")
    return given.build(lambda: ApiPrice(**found))


def _pieces(text: str) -> dict[str, float] | None:
    """Prices by what they are for; None where the text says something else."""
    prices: list[tuple[Role | None, float]] = []
    piece, at = re.compile(_PIECE), 0
    if text[-1] in _BETWEEN:
        return None
    while at < len(text):
        match = piece.match(text, at)
        if match is None or match.end() == at:
            return None
        before, usd_before, unit_before, usd_after, unit_after, after = match.groups()
        usd = float(usd_before or usd_after) * _per_million(unit_before or unit_after)
        prices.append((_role(before or after), usd))
        at = match.end()
    roles = [role for role, _ in prices]
    if roles == [None]:
        return {"prompt": prices[0][1], "answer": prices[0][1]}
    if all(role is None for role in roles):
        roles = list(_ORDERS.get(len(prices), ()))
    if None in roles or len(set(roles)) != len(prices) or not {"prompt", "answer"} <= set(roles):
        return None
    return {str(role): usd for role, (_, usd) in zip(roles, prices, strict=True)}


def _per_million(unit: str | None) -> float:
    return 1_000.0 if unit is not None and unit.lower()[0] in "kt" else 1.0


def _role(name: str | None) -> Role | None:
    if name is None:
        return None
    bare = re.sub(r"[ _-]?tokens$", "", name.lower())
    return next(role for role, words in _WORDS.items() if re.fullmatch(words, bare))
