"""Parameters of the modules that transformers builds from configurations. `count_modules.py ROWS OUT`

Runs in an environment with torch and transformers; the weights are never allocated. Per name: all parameters
and those of quantizable matrices, or the reason why there are none.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import re
import sys
from typing import Any

TOWERS = re.compile(r"vision|visual|multi_modal|multimodal|audio|mm_projector")
ROUTERS = re.compile(
    r"lm_head|altup|\.(gate|router|shared_expert_gate|wg|weights_proj|per_layer_model_projection)$"
)
ROUTERS_INSIDE = re.compile(r"router\.(proj|layer)$")
RENAMED = {"kimi_k2": "deepseek_v3", "mimo": "qwen2"}
"""Published under a type of its own; transformers knows the modules by another."""


def counts(config: dict[str, Any]) -> dict[str, Any]:
    """`total` and `linear`, or `unknown` with the type that transformers does not have."""
    import torch
    import transformers

    for scope in (config, config.get("text_config", {})):
        scope.pop("quantization_config", None)
    model_type = config.pop("model_type")
    model_type = RENAMED.get(model_type, model_type)
    if model_type not in transformers.CONFIG_MAPPING or model_type == "kimi_k25":
        return {"unknown": model_type}
    made = transformers.AutoConfig.for_model(model_type, **config)
    class_of = getattr(transformers, config["architectures"][0], None)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(made) if class_of is None else class_of(made)
    model.tie_weights()
    biases = sum(b.numel() for key, b in model.named_buffers() if "correction" in key)
    matrices = {
        id(module.weight): module.weight.numel()  # Zamba2 uses some in several layers
        for key, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and not (TOWERS.search(key) or ROUTERS.search(key) or ROUTERS_INSIDE.search(key))
    }
    linear = sum(matrices.values())
    linear += sum(p.numel() for key, p in model.named_parameters() if "experts." in key and p.dim() == 3)
    return {"total": sum(p.numel() for p in model.parameters()) + biases, "linear": linear}


def main(rows_path: str, out_path: str) -> None:
    """Count every row of the file."""
    with open(rows_path, encoding="utf-8") as file:
        rows = json.load(file)
    found = {name: counts(config) for name, config in rows.items()}
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
