"""A step time with textbook physics, so that serving is tested without the fitted model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advisor.cost.array_table import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Textbook:
    """overhead + max(reading the weights, multiplying the tokens) + attention, all in seconds.

    The defaults are near an 8-billion-parameter model at 16 bits on an H100: 16 GB at 2.6 TB/s,
    16 GFLOP per token at 500 TFLOP/s, 131 kB of KV cache per token at 2 TB/s.
    """

    overhead_s: float | Floats = 1e-3
    weights_s: float | Floats = 6.2e-3
    token_s: float | Floats = 32e-6
    kv_token_s: float | Floats = 65e-9
    pair_s: float | Floats = 1.3e-9

    def step_s(
        self,
        decode_sequences: Floats,
        decode_context: Floats,
        prefill_tokens: Floats,
        prefill_context: Floats,
    ) -> Floats:
        gemm = np.maximum(self.weights_s, (decode_sequences + prefill_tokens) * self.token_s)
        attention = (
            decode_sequences * decode_context * self.kv_token_s
            + prefill_tokens * prefill_context * self.pair_s
        )
        return np.asarray(self.overhead_s + gemm + attention)
