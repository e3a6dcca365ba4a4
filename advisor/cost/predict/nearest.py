"""The measured deployment most like another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.fit_file import Evidence, shape_key
from advisor.spec.deployment import Deployment


class EvidenceIndex:
    """Finds the evidence nearest to a deployment: the very one, else by shape and GPU, then format."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._evidence = tuple(evidence)
        self._of_key = {e.key: e for e in sorted(evidence, key=lambda e: e.rows)}
        self._shapes = np.array([e.key.split(" ")[0] for e in evidence])
        self._gpus = np.array([e.gpu for e in evidence])
        self._formats = np.array([e.format for e in evidence])
        self._rows = np.array([e.rows for e in evidence])
        self._found: dict[tuple[str, str, str], str] = {}

    def nearest(self, d: Deployment, keys: Sequence[str]) -> str:
        """In words; empty without any evidence. `keys`: what the deployment's own rows are filed under."""
        for key in keys:
            if key in self._of_key:
                return self._of_key[key].text
        if not self._evidence:
            return ""
        asked = (shape_key(d.model), d.gpu.name, d.format.name)
        if asked not in self._found:
            shape, gpu, fmt = asked
            likeness = 2.0 * (self._shapes == shape) + 2.0 * (self._gpus == gpu) + (self._formats == fmt)
            best = int(np.argmax(likeness + self._rows / (1.0 + self._rows.max())))
            self._found[asked] = self._evidence[best].text
        return self._found[asked]
