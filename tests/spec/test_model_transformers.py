"""Every catalog row against the modules that transformers builds from it, weights never allocated.

Needs torch and transformers >= 5.23; last run with 5.23.0 and torch 2.13.0: 170 configurations agree to the
digit, in all parameters and in the quantizable ones; 4 rows are of architectures it does not have.
"""

from __future__ import annotations

import json
import re

import pytest

from advisor.spec.model_config import model_from_config
from tests.spec.test_model_catalog import ROWS

pytestmark = pytest.mark.heavy

TOWERS = re.compile(r"vision|visual|multi_modal|multimodal|audio|mm_projector")
ROUTERS = re.compile(
    r"lm_head|\.(gate|router|shared_expert_gate|wg|weights_proj|per_layer_model_projection)$"
)
ROUTERS_INSIDE = re.compile(r"router\.(proj|layer)$")
RENAMED = {"kimi_k2": "deepseek_v3", "mimo": "qwen2"}
"""Published under a type of its own; transformers knows the modules by another."""


@pytest.mark.parametrize("name", ROWS)
def test_parameters_are_those_of_the_modules(name):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers", minversion="5.23")
    config = json.loads(json.dumps(ROWS[name]["config"]))
    mine = model_from_config(config, name=name)
    for scope in (config, config.get("text_config", {})):
        scope.pop("quantization_config", None)
    model_type = config.pop("model_type")
    model_type = RENAMED.get(model_type, model_type)
    if model_type not in transformers.CONFIG_MAPPING or model_type == "kimi_k25":
        pytest.skip(f"transformers has no causal model of type {model_type}")
    made = transformers.AutoConfig.for_model(model_type, **config)
    class_of = getattr(transformers, config["architectures"][0], None)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(made) if class_of is None else class_of(made)
    model.tie_weights()
    biases = sum(b.numel() for key, b in model.named_buffers() if "correction" in key)
    assert mine.total_params == sum(p.numel() for p in model.parameters()) + biases
    linear = sum(
        module.weight.numel()
        for key, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and not (TOWERS.search(key) or ROUTERS.search(key) or ROUTERS_INSIDE.search(key))
    )
    linear += sum(p.numel() for key, p in model.named_parameters() if "experts." in key and p.dim() == 3)
    assert mine.linear_params == linear
