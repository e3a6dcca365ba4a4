#!PYTHON
"""Stands in for the interpreter of the tools' environment: does at once what they take minutes for.

It answers with what the real tools wrote (tests/measure/data), serves health and model list over HTTP, and
fails where the environment says so: STAND_IN_OOM=format of a checkpoint that does not fit,
STAND_IN_DIES=point at which the server dies, STAND_IN_SLOW=seconds each bench takes,
STAND_IN_VLLM=version, STAND_IN_ARGV=file that every command line is added to,
STAND_IN_RESULT=text (or "folder", "pipe", "bytes") that a benchmark writes as its result,
STAND_IN_BROKEN=format whose scores are low, STAND_IN_SIGNAL=signal that ends it,
STAND_IN_GATE=file that every benchmark waits for. Every call is noted in $STAND_IN_NOTES, with
$STAND_IN_NODE where that is set.
"""

import http.server
import json
import os
import sys
import time
from pathlib import Path

DATA = Path(os.environ["STAND_IN_DATA"])


def note(what: str) -> None:
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "-")
    node = f" node={os.environ['STAND_IN_NODE']}" if "STAND_IN_NODE" in os.environ else ""
    with open(os.environ["STAND_IN_NOTES"], "a", encoding="utf-8") as file:
        file.write(f"{what} gpus={gpus}{node} at={time.time():.3f}\n")


def after(words: list[str], flag: str, default: str = "") -> str:
    return words[words.index(flag) + 1] if flag in words else default


def serve(words: list[str]) -> None:
    """Health, version and model list until ended."""
    model, name = words[words.index("serve") + 1], after(words, "--served-model-name")
    note(f"serve {Path(model).name}")
    if os.environ.get("STAND_IN_OOM") and f"{os.environ['STAND_IN_OOM']}" in read_format(model):
        sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.")
    answers = {
        "/health": "",
        "/version": '{"version": "0.32.0"}',
        "/v1/models": json.dumps({"data": [{"id": name}]}),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/die":
                print("RuntimeError: CUDA error: an illegal memory access was encountered", flush=True)
                os._exit(1)
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(answers.get(self.path, "").encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    print("GPU KV cache size: 1,000 tokens", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(after(words, "--port"))), Handler).serve_forever()


def read_format(model: str) -> str:
    recipe = Path(model) / "quantadvise_recipe.json"
    return json.loads(recipe.read_text())["format"] if recipe.exists() else "bf16"


def bench(words: list[str]) -> None:
    """The recorded result of vLLM 0.32, scaled a little by seed so that repeats differ."""
    point = after(words, "--max-concurrency", after(words, "--request-rate"))
    note(f"bench {point}")
    if os.environ.get("STAND_IN_DIES") == point:
        import urllib.request

        try:
            urllib.request.urlopen(after(words, "--base-url") + "/die", timeout=5)
        except OSError:
            time.sleep(0.3)
        sys.exit("aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host 127.0.0.1")
    while "STAND_IN_GATE" in os.environ and not os.path.exists(os.environ["STAND_IN_GATE"]):
        time.sleep(0.1)
    time.sleep(float(os.environ.get("STAND_IN_SLOW", "0")))
    if "STAND_IN_SIGNAL" in os.environ:
        os.kill(os.getpid(), int(os.environ["STAND_IN_SIGNAL"]))
    if "STAND_IN_RESULT" in os.environ:
        hostile(Path(after(words, "--result-dir"), after(words, "--result-filename")))
        return
    row = json.loads((DATA / "vllm_0.32_bench_concurrency.json").read_text())
    factor = 1 + (int(after(words, "--seed")) % 7) / 1_000
    for key, value in row.items():
        if key.endswith("_ms") and isinstance(value, float):
            row[key] = value * factor
    if "--metadata" in words:  # for an import: it is of this load, and the recording's drift is not
        row |= dict(word.split("=", 1) for word in words[words.index("--metadata") + 1 :])
        row |= {"max_concurrency": int(point), "itls": []}
    Path(after(words, "--result-dir"), after(words, "--result-filename")).write_text(json.dumps(row))


def hostile(result: Path) -> None:
    """Something in place of a result file."""
    text = os.environ["STAND_IN_RESULT"]
    if text == "folder":
        result.mkdir()
    elif text == "pipe":
        os.mkfifo(result)
    elif text == "bytes":
        result.write_bytes(b"\xff\x00" * 99)
    else:
        result.write_text(text)


def quantize(words: list[str]) -> None:
    """A checkpoint with the config that llm-compressor would write."""
    worker = next(at for at, word in enumerate(words) if word.endswith("quantize_worker.py"))
    spec = json.loads(Path(words[worker + 1]).read_text())
    note(f"quantize {spec['format']}")
    time.sleep(float(os.environ.get("STAND_IN_SLOW", "0")))
    bits, kind, activations = {"fp8": (8, "float", 8), "int8": (8, "int", 8), "int4": (4, "int", None)}[
        spec["format"]
    ]
    inputs = None if activations is None else {"num_bits": activations}
    groups = {"group_0": {"weights": {"num_bits": bits, "type": kind}, "input_activations": inputs}}
    out = Path(spec["output"])
    quantized = {"quant_method": "compressed-tensors", "config_groups": groups, "ignore": ["lm_head"]}
    (out / "config.json").write_text(json.dumps({"model_type": "llama", "quantization_config": quantized}))
    (out / "model.safetensors").write_bytes(bytes(4 * bits))
    (out / "quantadvise_recipe.json").write_text(json.dumps(spec))


def check_tasks(words: list[str]) -> None:
    """As the real worker: one line for a task that is not there."""
    for task in json.loads(Path(words[-1]).read_text())["tasks"]:
        if task != "tiny_mc":
            sys.exit(f"LookupError: lm-eval has no task '{task}'; did you mean tiny_mc?")


def evaluate(words: list[str]) -> None:
    """The recorded scores of lm-eval 0.4.13."""
    spec = json.loads(Path(words[-2]).read_text())
    note(f"evaluate {spec['task']}")
    model = spec["model_args"]["tokenizer"]
    which = "int4" if read_format(model) == "int4" else "bf16"
    row = json.loads((DATA / f"lm_eval_0.4.13_tiny_mc_{which}.json").read_text())
    if read_format(model) in os.environ.get("STAND_IN_BROKEN", "").split(","):
        for score in row["results"].values():
            score.update({name: 0.1 for name in ("acc,none", "acc_norm,none") if name in score})
    Path(words[-1]).write_text(json.dumps(row))


def lm_eval(words: list[str]) -> None:
    """lm-eval's own command: its recorded results where it would write them."""
    task, out = after(words, "--tasks"), Path(after(words, "--output_path"), "model")
    note(f"lm_eval {task}")
    row = json.loads((DATA.parents[1] / "data" / "lm_eval" / "results_full.json").read_text())
    row["model_name"] = after(words, "--model_args").partition("=")[2]
    model = next(word for word in words if word.startswith("tokenizer=")).partition("=")[2]
    if read_format(model) in os.environ.get("STAND_IN_BROKEN", "").split(","):
        row["results"]["tiny_mc"]["acc,none"] = 0.01
    out.mkdir(parents=True)
    (out / "results_2026-11-30T10-00-00.json").write_text(json.dumps(row))


def main(words: list[str]) -> None:
    if "STAND_IN_ARGV" in os.environ and "-c" not in words:
        with open(os.environ["STAND_IN_ARGV"], "a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")
    if "-c" in words:
        vllm = os.environ.get("STAND_IN_VLLM", "0.32.0")
        print(json.dumps({"vllm": vllm, "llmcompressor": "0.14.0.1", "lm-eval": "0.4.13"}))
    elif words[:2] == ["-m", "lm_eval"]:
        lm_eval(words)
    elif words[0].endswith("gate_worker.py"):
        os.execv(sys.executable, [sys.executable, *words])
    elif "bench" in words:
        bench(words)
    elif "serve" in words:
        serve(words)
    elif "quantize_worker" in " ".join(words):
        quantize(words)
    elif "--check" in words:
        check_tasks(words)
    elif "evaluate_worker" in " ".join(words):
        evaluate(words)
    else:
        sys.exit(f"ValueError: no stand-in for {words}")


if __name__ == "__main__":
    main(sys.argv[1:])
