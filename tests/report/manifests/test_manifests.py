"""The folder that takes a deployment to a server, a cluster and a check."""

from __future__ import annotations

import ast
import itertools
import json
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from advisor.advise.choose.assessment import Assessment
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.errors import InputError, UnsupportedError
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts
from advisor.report.commands.recipe import needs_data
from advisor.report.commands.serve_commands import parallel_split
from advisor.report.manifests import texts, write_all
from advisor.report.manifests.autoscaling_target import Scaling, scaling_of
from advisor.report.manifests.named_deployment import subject_of
from advisor.report.manifests.verify_figures import LM_EVAL_TASKS
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import known_formats
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Load, Quality, Workload
from tests.advise.builders import assessed, deployment, llama_8b, prediction, workload
from tests.golden_text import check_text
from tests.report.builders import cannot_run

KSERVE = json.loads(Path(__file__).with_name("kserve_predictor.schema.json").read_text(encoding="utf-8"))
KUBERNETES = "1.37"
RECORDED = Path(__file__).parents[2] / "data" / "vllm_bench" / "concurrency.json"


def asked(arrival: Arrival | None = None, **fields: object) -> Workload:
    return workload(arrival=arrival or Arrival(kind="rate", value=2.0), **fields)


def files(of: Prediction | None = None, under: Workload | None = None, **how: Any) -> dict[str, str]:
    under = under or asked()
    return texts(of or prediction(deployment(**how), under=under), under)


def own_model(**how: Any) -> dict[str, str]:
    """A model whose quantized checkpoint nobody has published."""
    return files(model=replace(llama_8b(), name="my-model", hf_id="me/my-model"), **how)


def scaling(arrival: Arrival, **how: Any) -> Scaling | str:
    under = workload(arrival=arrival)
    return scaling_of(subject_of(prediction(under=under, **how), under))


# -- Kubernetes, by its own schemas


@pytest.mark.parametrize("gpu", ["A6000", "MI300X", "B60"])
@pytest.mark.parametrize("published", [True, False])
def test_manifests_are_what_kubernetes_accepts(gpu: str, published: bool) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="its schemas are not installed")
    found = files(gpu=gpu, fmt="bf16") if published else own_model(gpu=gpu, fmt="int8")
    manifests = [yaml.safe_load(text) for name, text in found.items() if name.startswith("kubernetes/")]
    assert sorted(one["kind"] for one in manifests) == ["Deployment", "HorizontalPodAutoscaler", "Service"]
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_kind_of_row_of_an_answer_is_what_the_cluster_accepts() -> None:
    """The files depend on vendor, checkpoint published or made, one machine or two: the first row of each."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="its schemas are not installed")
    from advisor import recommend

    under = load_workload("chat")
    kinds: dict[tuple[str, bool, int], Assessment] = {}
    # A model that is held by one machine of some GPUs and by two of others.
    answer = recommend("Llama-3.1-405B-Instruct", under)
    for row in [*answer.ranked, *(a for a in answer.refused if a.prediction is not None)]:
        subject = subject_of(row, under)
        kinds.setdefault((subject.vendor, subject.is_local, min(subject.num_nodes, 2)), row)
    nvidia = {("nvidia", is_local, nodes) for is_local in (False, True) for nodes in (1, 2)}
    assert set(kinds) >= {*nvidia, ("amd", False, 1)}
    for kind, row in kinds.items():
        found = texts(row, under)
        assert ("kubernetes/deployment.yaml" in found) == (subject_of(row, under).num_nodes == 1), kind
        for name, text in found.items():
            if name.startswith("kubernetes/"):
                kubernetes_validate.validate(yaml.safe_load(text), KUBERNETES, strict=True)
            if name.startswith("kserve/"):
                jsonschema.validate(yaml.safe_load(text), KSERVE)


def test_kubernetes_refuses_a_word_it_does_not_know() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="its schemas are not installed")
    manifest = yaml.safe_load(files()["kubernetes/deployment.yaml"])
    manifest["spec"]["template"]["spec"]["contianers"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_an_inference_service_is_what_kserve_accepts() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="its schemas are not installed")
    service = yaml.safe_load(files()["kserve/inferenceservice.yaml"])
    jsonschema.validate(service, KSERVE)
    predictor = service["spec"]["predictor"]
    spec = {key: predictor[key] for key in ("containers", "volumes")}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": spec}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_service_finds_the_pods_and_the_autoscaler_the_deployment() -> None:
    found = {name: yaml.safe_load(text) for name, text in files().items() if name.startswith("kubernetes/")}
    pods = found["kubernetes/deployment.yaml"]["spec"]["template"]
    service, scaler = found["kubernetes/service.yaml"], found["kubernetes/autoscaler.yaml"]
    assert service["spec"]["selector"] == pods["metadata"]["labels"]
    container = pods["spec"]["containers"][0]
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["containerPort"]
    deployed = found["kubernetes/deployment.yaml"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployed["metadata"]["name"]


def test_a_pod_takes_the_gpus_of_one_replica_and_there_are_as_many_pods() -> None:
    manifest = yaml.safe_load(files(tensor_parallel=4, replicas=3)["kubernetes/deployment.yaml"])
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert manifest["spec"]["replicas"] == 3
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_an_amd_gpu_is_asked_for_by_its_own_name_and_image() -> None:
    manifest = yaml.safe_load(files(gpu="MI300X")["kubernetes/deployment.yaml"])
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"amd.com/gpu": "1"}
    assert container["image"].startswith("vllm/vllm-openai-rocm:v")


def test_an_intel_gpu_has_its_own_name_image_and_devices() -> None:
    found = files(gpu="MAX1550")
    container = yaml.safe_load(found["kubernetes/deployment.yaml"])["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["resources"]["limits"] == {"gpu.intel.com/xe": "1"}
    assert container["image"].startswith("vllm/vllm-openai-xpu:v")
    script = next(text for text in found.values() if "docker run" in text)
    assert "--device /dev/dri" in script
    assert "--gpus" not in script


def test_every_name_is_one_that_kubernetes_takes() -> None:
    model = replace(llama_8b(), name="7B_Weird.Name--with a very long tail that goes on and on and on")
    manifest = yaml.safe_load(files(model=model)["kubernetes/service.yaml"])
    name = manifest["metadata"]["name"]
    assert len(name) <= 40
    assert name[0].isalpha()
    assert name.replace("-", "").isalnum()
    assert name == name.lower().strip("-")


# -- autoscaling


def test_the_target_is_the_requests_in_flight_at_the_advised_load() -> None:
    # Little's law: 2 requests/s x 5 s = 10 in flight, on two replicas.
    under = workload(arrival=Arrival(kind="rate", value=2.0))
    of = prediction(deployment(replicas=2), under=under)
    assert scaling_of(subject_of(of, under)) == Scaling(running_per_replica=5, min_replicas=2, max_replicas=4)


def test_a_closed_loop_says_itself_how_many_are_in_flight() -> None:
    found = scaling(Arrival(kind="concurrency", value=8))
    assert found == Scaling(running_per_replica=8, min_replicas=1, max_replicas=2)


@pytest.mark.parametrize(
    ("arrival", "how", "reason"),
    [
        (Arrival(kind="single"), {}, "one request at a time"),
        (Arrival(kind="maximum"), {}, "always full"),
        (Arrival(kind="rate", value=2.0), {"status": "backlogged"}, "more than the advised replicas serve"),
        (Arrival(kind="rate", value=0.1), {}, "below one request"),
    ],
)
def test_without_a_level_to_hold_there_is_a_reason(
    arrival: Arrival, how: dict[str, Any], reason: str
) -> None:
    under = workload(arrival=arrival)
    found = texts(prediction(under=under, **how), under)
    assert "kubernetes/autoscaler.yaml" not in found
    assert reason in found["README.md"]


def test_limits_that_are_missed_are_no_target_and_stand_first() -> None:
    limit = LatencyLimit(metric="ttft", statistic="mean", max_ms=50.0)
    under = asked(limits=(limit,))
    answer = assessed(prediction(under=under), under)
    found = texts(answer, under)
    assert "kubernetes/autoscaler.yaml" not in found
    page = found["README.md"]
    assert page.index("does not keep the limits") < page.index("## Files")
    assert "TTFT mean <= 50 ms" in page


# -- several machines


def test_sixteen_gpus_are_two_stages_of_eight() -> None:
    of = deployment(gpu="H100-SXM", tensor_parallel=16)
    assert parallel_split(of) == (8, 2)
    found = files(prediction(of, under=asked()))
    assert "--tensor-parallel-size 8 \\\n  --pipeline-parallel-size 2" in found["serve.sh"]
    assert "--nnodes 2" in found["serve.sh"]
    assert "--headless" in found["serve.sh"]


def test_no_single_pod_is_written_for_several_machines() -> None:
    found = files(gpu="H100-SXM", tensor_parallel=16)
    assert not [name for name in found if name.startswith(("kubernetes/", "kserve/", "docker", "vllm.yaml"))]
    assert "LeaderWorkerSet" in found["README.md"]


def test_an_older_engine_joins_machines_by_ray() -> None:
    of = replace(deployment(gpu="H100-SXM", tensor_parallel=16), engine=Engine(version="0.7.2"))
    text = files(prediction(of, under=asked()))["serve.sh"]
    assert "ray start --head" in text
    assert "--distributed-executor-backend ray" in text
    assert "--nnodes" not in text


@pytest.mark.parametrize(("gpus", "split"), [(1, (1, 1)), (8, (8, 1)), (12, (6, 2)), (24, (8, 3))])
def test_stages_are_equal(gpus: int, split: tuple[int, int]) -> None:
    assert parallel_split(deployment(gpu="H100-SXM", tensor_parallel=gpus)) == split


# -- one deployment, said alike everywhere


def test_script_configuration_and_pod_say_the_same() -> None:
    of = replace(
        deployment(tensor_parallel=2, kv_format="fp8"),
        engine=Engine(max_num_seqs=64, gpu_memory_utilization=0.85, prefix_caching=True),
    )
    found = files(prediction(of, under=asked()))
    command = shlex.split(found["serve.sh"].split("exec ")[1].replace("\\\n", " "))
    options = [word for word in command[3:] if word != "$@"]
    pod = yaml.safe_load(found["kubernetes/deployment.yaml"])["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == options
    config = yaml.safe_load(found["vllm.yaml"])
    assert config.pop("model") == command[2]
    assert list(config) == [word[2:] for word in options if word.startswith("--")]
    assert config["enable-prefix-caching"] is True
    assert config["gpu-memory-utilization"] == 0.85


def test_a_published_checkpoint_needs_no_recipe() -> None:
    found = files(fmt="int8")
    assert not [name for name in found if name.startswith("checkpoint/")]
    assert "published on the Hugging Face Hub" in found["README.md"]


def test_an_unpublished_checkpoint_is_made_and_mounted() -> None:
    found = own_model(fmt="int4")
    assert "me/my-model" in found["checkpoint/make_checkpoint.py"]
    assert "GPTQModifier" in found["checkpoint/recipe.yaml"]
    assert '"$PWD:/models:ro"' in found["docker.sh"]
    pod = yaml.safe_load(found["kubernetes/deployment.yaml"])["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"] == ["vllm", "serve", "/models/my-model-quantized.w4a16"]
    assert {"claimName": "my-model-int4-checkpoint", "readOnly": True} in [
        volume.get("persistentVolumeClaim") for volume in pod["volumes"]
    ]
    assert "--model my-model-quantized.w4a16" in found["verify/vllm_bench.sh"]


@pytest.mark.parametrize("name", [f.name for f in known_formats() if f.weight_bits < 16])
def test_the_script_of_every_format_is_python_and_calibrates_where_the_recipe_needs_it(name: str) -> None:
    gpu = {"nvfp4": "B200", "mxfp4": "B200"}.get(name, "H100-SXM")
    script = own_model(fmt=name, gpu=gpu)["checkpoint/make_checkpoint.py"]
    ast.parse(script)
    assert ("load_dataset" in script) is needs_data(name)


def test_what_the_gpu_cannot_run_is_not_written() -> None:
    with pytest.raises(UnsupportedError, match="cannot run"):
        texts(cannot_run("w4a8-fp8", "A100"), asked())


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize("gpus", [1, 16])
def test_every_script_is_bash(gpus: int) -> None:
    for name, text in own_model(fmt="int4", gpu="H100-SXM", tensor_parallel=gpus).items():
        if name.endswith(".sh"):
            done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stderr}"


# -- the checks


def words(script: str) -> list[str]:
    return shlex.split(script.split("exec ")[1].replace("\\\n", " "))


def after(script: str, option: str) -> str:
    found = words(script)
    return found[found.index(option) + 1]


@pytest.mark.parametrize(
    ("arrival", "options", "profile"),
    [
        (Arrival(kind="single"), {"--max-concurrency": "1", "--request-rate": "inf"}, "kind=synchronous"),
        (
            Arrival(kind="concurrency", value=32),
            {"--max-concurrency": "32", "--request-rate": "inf", "--num-prompts": "320"},
            "kind=concurrent,streams=32",
        ),
        (
            Arrival(kind="rate", value=2.5, burstiness=0.5),
            {"--request-rate": "2.5", "--burstiness": "0.5", "--num-prompts": "150"},
            "kind=poisson,rate=2.5",
        ),
        (
            Arrival(kind="maximum"),
            {"--request-rate": "inf"},
            "kind=throughput,max_concurrency=1000",
        ),
    ],
)
def test_both_benchmarks_are_put_under_the_workloads_load(
    arrival: Arrival, options: dict[str, str], profile: str
) -> None:
    found = files(under=asked(arrival))
    bench = found["verify/vllm_bench.sh"]
    assert {name: after(bench, name) for name in options} == options
    assert after(found["verify/guidellm.sh"], "--profile") == profile


def test_the_result_of_the_check_is_imported_without_a_flag(tmp_path: Path) -> None:
    """vLLM puts `--metadata` beside its figures, and they say all that a record needs."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for replicas in (1, 3):
        script = files(gpu="L40S", fmt="int4", tensor_parallel=2, kv_format="fp8", replicas=replicas)[
            "verify/vllm_bench.sh"
        ]
        words = shlex.split(script.split("exec ")[1].replace("\\\n", " "))
        start = words.index("--metadata") + 1
        told = itertools.takewhile(lambda word: not word.startswith("--"), words[start:])
        metadata = dict(word.split("=", 1) for word in told)
        result = tmp_path / f"{replicas}.json"
        result.write_text(json.dumps(recorded | metadata | {"engine_version": "0.32.0"}), encoding="utf-8")
        found = import_file(result, DeploymentFacts())
        if replicas > 1:
            assert "3 replicas shared the load, a record is of one" in found.refused[0]
            continue
        of = found.speed[0]
        assert (of.model, of.format, of.kv_format) == ("Llama-3.1-8B-Instruct", "int4", "fp8")
        assert (of.gpu, of.num_gpus, of.engine_version) == ("L40S", 2, "0.32.0")


def test_constant_lengths_are_asked_for_as_they_are() -> None:
    found = files()
    assert after(found["verify/vllm_bench.sh"], "--random-input-len") == "512"
    assert after(found["verify/vllm_bench.sh"], "--random-output-len") == "256"
    data = after(found["verify/guidellm.sh"], "--data")
    assert data == "kind=synthetic_text,prompt_tokens=512,output_tokens=256"


def with_load(**fields: Any) -> dict[str, str]:
    base = asked()
    under = replace(base, load=replace(base.load, **fields))
    return texts(prediction(under=under), under)


def test_a_shared_prefix_is_part_of_the_prompt() -> None:
    bench = with_load(prefix_hit_rate=0.75)["verify/vllm_bench.sh"]
    assert (after(bench, "--random-prefix-len"), after(bench, "--random-input-len")) == ("384", "128")


def test_uniform_lengths_keep_their_ends() -> None:
    bench = with_load(input_tokens=Lengths.uniform(100, 300))["verify/vllm_bench.sh"]
    ratio = json.loads(after(bench, "--random-range-ratio"))
    assert ratio == {"input": 0.5, "output": 0.0}
    assert 200 * (1 - ratio["input"]) == 100
    assert 200 * (1 + ratio["input"]) == 300


def test_lengths_that_vary_otherwise_are_drawn_beforehand() -> None:
    lengths = Lengths.lognormal(512, 128, high=1024)
    found = with_load(input_tokens=lengths)
    spec = json.loads(found["verify/prompts.json"])
    drawn = [asked for asked, _ in spec["lengths"]]
    assert len(drawn) == int(after(found["verify/vllm_bench.sh"], "--num-prompts"))
    assert max(drawn) <= 1024
    # 240 draws of spread 128: their mean has a standard error of 8.3 tokens.
    assert sum(drawn) / len(drawn) == pytest.approx(512, abs=5 * 8.3)
    data = after(found["verify/guidellm.sh"], "--data").split(",")
    assert {"prompt_tokens_stdev=128", "prompt_tokens_max=1024", "output_tokens=256"} <= set(data)


def test_the_percentile_of_a_limit_is_measured() -> None:
    under = asked(limits=(LatencyLimit(metric="ttft", statistic="p99.9", max_ms=900.0),))
    bench = files(under=under)["verify/vllm_bench.sh"]
    assert after(bench, "--metric-percentiles") == "50,90,95,99,99.9"


def test_goodput_is_measured_in_vllms_words() -> None:
    under = asked(goodput=Goodput(ttft_ms=500.0, e2e_ms=9000.0))
    found = words(files(under=under)["verify/vllm_bench.sh"])
    start = found.index("--goodput")
    assert found[start + 1 : start + 3] == ["ttft:500", "e2el:9000"]


@pytest.mark.parametrize(
    ("tasks", "named"),
    [
        ((), "openllm"),
        (("GSM8K", "mmlu"), "gsm8k,mmlu"),
        (("OpenLLM-v1",), "openllm"),
    ],
)
def test_accuracy_is_measured_on_the_workloads_tasks(tasks: tuple[str, ...], named: str) -> None:
    script = files(under=asked(quality=Quality(tasks=tasks)))["verify/lm_eval.sh"]
    assert f"--tasks {named} " in script


def test_a_benchmark_that_lm_eval_lacks_is_said() -> None:
    script = files(under=asked(quality=Quality(tasks=("Arena-Hard", "GSM8K"))))["verify/lm_eval.sh"]
    assert "No task of lm-eval: Arena-Hard" in script


def test_a_quantized_model_is_scored_against_its_own_baseline() -> None:
    assert "score baseline meta-llama/Llama-3.1-8B-Instruct" in files(fmt="int8")["verify/lm_eval.sh"]
    assert "baseline" not in files(fmt="bf16")["verify/lm_eval.sh"]


def test_tasks_have_one_name_each() -> None:
    assert len(set(LM_EVAL_TASKS.values())) == len(LM_EVAL_TASKS)


# -- writing


def test_a_folder_is_written_whole_and_scripts_can_be_run(tmp_path: Path) -> None:
    under = asked()
    written = write_all(prediction(under=under), under, tmp_path / "new" / "folder")
    assert written[0].name == "README.md"
    assert {path for path in (tmp_path / "new").rglob("*") if path.is_file()} == set(written)
    for path in written:
        assert path.read_text(encoding="utf-8")
        assert bool(path.stat().st_mode & 0o100) is (path.suffix == ".sh")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    under = asked()
    (tmp_path / "serve.sh").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"serve\.sh: exists already; --overwrite replaces it"):
        write_all(prediction(under=under), under, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["serve.sh"]
    assert (tmp_path / "serve.sh").read_text(encoding="utf-8") == "mine"
    write_all(prediction(under=under), under, tmp_path, overwrite=True)
    assert "vllm serve" in (tmp_path / "serve.sh").read_text(encoding="utf-8")


def test_another_answers_file_is_not_left_among_them(tmp_path: Path) -> None:
    rate, queue = asked(), asked(Arrival(kind="maximum"))
    write_all(prediction(under=rate), rate, tmp_path)
    with pytest.raises(InputError, match=r"autoscaler\.yaml: belongs to another deployment"):
        write_all(prediction(under=queue), queue, tmp_path, overwrite=True)


def test_a_folder_that_is_a_file_is_said_in_one_line(tmp_path: Path) -> None:
    under = asked()
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="taken: not a folder; name another place"):
        write_all(prediction(under=under), under, tmp_path / "taken")


def test_the_same_answer_gives_the_same_files() -> None:
    lengths = Lengths.lognormal(512, 128)
    load = Load(input_tokens=lengths, output_tokens=lengths, arrival=Arrival(kind="rate", value=1.0))
    under = replace(asked(), load=load)
    assert texts(prediction(under=under), under) == texts(prediction(under=under), under)


def test_a_whole_folder(regenerate: bool) -> None:
    """One set as text, so that a change to any file is read by somebody."""
    limit = LatencyLimit(metric="ttft", statistic="p95", max_ms=500.0)
    under = asked(limits=(limit,), quality=Quality(tasks=("GSM8K",)))
    seen = Estimate(value=180.0, low=150.0, high=260.0, basis="extrapolated")
    recovery = Estimate(value=0.991, low=0.982, high=0.998, basis="fitted")
    model = replace(llama_8b(), name="my-model", hf_id="me/my-model")
    of = prediction(
        deployment(fmt="int4", tensor_parallel=2, replicas=2, model=model),
        under=under,
        latency_ms={("ttft", "p95"): seen},
        capacity=6.0,
        recovery=recovery,
    )
    found = texts(assessed(of, under), under)
    text = "".join(f"===== {name}\n{body}" for name, body in found.items())
    check_text("manifests.txt", text, regenerate=regenerate)
