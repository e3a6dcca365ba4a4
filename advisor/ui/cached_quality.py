"""CachedQuality: a quality model that answers each question about accuracy once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from advisor.cost.quality.quality_model import QualityModel
from advisor.cost.quality.question_and_recovery import Question, Recovery

MAX_KNOWN = 50_000
"""Recoveries kept: a dozen models in every format on every GPU."""


@dataclass(frozen=True, kw_only=True)
class CachedQuality(QualityModel):
    """Keeps the recoveries that it has given, some hundred bytes each; the oldest go first."""

    known: dict[Question, Recovery] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, quality: QualityModel) -> CachedQuality:
        return cls(**{column.name: getattr(quality, column.name) for column in fields(QualityModel)})

    def answer(self, q: Question) -> Recovery:
        if q not in self.known:
            self.known[q] = super().answer(q)
            while len(self.known) > MAX_KNOWN:
                del self.known[next(iter(self.known))]
        return self.known[q]
