"""CachedQuality: a quality model that answers each model, format and set of tasks once; no load changes
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from advisor.cost.quality.answer import Recovery
from advisor.cost.quality.models import Traits
from advisor.cost.quality.recipe import Recipe
from advisor.cost.quality.recovery import QualityModel
from advisor.spec.deployment import KvFormat
from advisor.spec.models.model import ModelSpec


@dataclass(frozen=True, kw_only=True)
class CachedQuality(QualityModel):
    """Keeps every recovery that it has given, some hundred bytes each."""

    known: dict[tuple[object, ...], Recovery] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, quality: QualityModel) -> CachedQuality:
        return cls(**{column.name: getattr(quality, column.name) for column in fields(QualityModel)})

    def recovery(
        self,
        model: ModelSpec | Traits,
        format: str,
        tasks: Sequence[str] = (),
        recipe: Recipe | None = None,
        kv_format: KvFormat = "16bit",
    ) -> Recovery:
        key = (model, format, tuple(tasks), recipe, kv_format)
        if key not in self.known:
            self.known[key] = super().recovery(model, format, tasks, recipe, kv_format)
        return self.known[key]
