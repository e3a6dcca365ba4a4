"""A session measures one deployment: it starts the server when a step needs it, and does what is not done."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.measure.execution.bench_step import measured
from advisor.measure.execution.session_job import SessionJob
from advisor.measure.state import failure_kind
from advisor.measure.state.events import CancelledError, Done, Event, Live, Said
from advisor.measure.state.job_site import Site, now
from advisor.measure.state.ledger import Entry, Failure, Step
from advisor.measure.steps import (
    bench,
    live_metrics,
    lm_eval_scores,
    plan_steps,
    quality_gate,
    repeats_agree,
    running_server,
    vllm_server,
)
from advisor.measure.steps.bench import BenchResult, Point
from advisor.measure.steps.slo_search import Probe, SloSearch
from advisor.measure.steps.vllm_server import Endpoint
from advisor.measure.tools import digests, result_files, subprocesses, telemetry
from advisor.measure.tools.made_by import host_load, made_by

MAX_RESTARTS = 2
"""How often a server that died is started again within one session."""
Steps = Generator[Event, None, None]


class ServeFailedError(Exception):
    """The server does not come up; its failure stands in the ledger."""


class Session:
    """The steps of one SessionJob; `run` yields what happened."""

    def __init__(self, job: SessionJob, site: Site, done: Mapping[str, Entry]) -> None:
        self.job = job
        self.site = site
        self.done = dict(done)
        self.endpoint: Endpoint | None = None
        self.restarts = 0
        self.stack = ExitStack()
        self.samples = site.work(plan_steps.serve_step(job.target).key) / "nvidia-smi.csv"
        self.entry: Entry | None = None
        """What the last step left."""
        self.results: list[BenchResult] = []
        """Repeats of the last point."""

    def run(self) -> Steps:
        """Do what is not done. Raises BudgetEndedError, CancelledError, MissingToolError, DiskFullError."""
        job = self.job
        with self.stack:
            try:
                for task in job.tasks:  # first: minutes that may save hours of benchmarks
                    yield from self._evaluate(task)
                if job.benches:
                    yield from self._benches()
            except ServeFailedError:
                yield Said(job=job.title, text="does not serve; its other steps are left out")

    # -- speed

    def _benches(self) -> Steps:
        """Every point and the search, unless the checkpoint is broken by its own scores."""
        job = self.job
        why = quality_gate.why_broken(self.done.values(), job.target.model, job.target.format)
        if why is not None and job.plan.quality_gate and (job.plan.points or job.plan.slo_search):
            text = f"benchmarks left out, the checkpoint is broken: {why}; --no-quality-gate runs them"
            yield Said(job=job.title, text=text)
            return
        for point in job.plan.points:
            yield from self._point(point)
        if job.plan.slo_search:
            yield from self._search()

    def _point(self, point: Point) -> Steps:
        """Repeats of a point until they agree."""
        results = self.results = []
        plan = self.job.plan
        while not repeats_agree.enough(
            results, least=plan.repeats, most=plan.most_repeats, steady=plan.steady
        ):
            yield from self._bench(point, len(results))
            assert self.entry is not None
            if self.entry.result is None:
                return
            result = BenchResult.from_json(self.entry.result)
            results.append(result)
            if bench.saturated(point, result):
                return

    def _search(self) -> Steps:
        """The highest rate within the limits, below the maximum; every probe is a step of its own."""
        job = self.job
        limits = {
            "limits": [[one.metric, one.statistic, one.max_ms] for one in job.workload.limits],
            "goodput": list(repeats_agree.goodput_arguments(job.workload.goodput)),
        }
        step = plan_steps.search_step(job.plan, job.workload, job.target, limits)
        if step.key in self.done:
            return
        yield from self._bench(Point(kind="maximum"), 0)
        assert self.entry is not None
        if self.entry.result is None:
            return
        top = BenchResult.from_json(self.entry.result).figures["requests_per_s/mean"]
        search = SloSearch(top=top, expected=job.expected_rate)
        start = time.monotonic()
        while not search.done:
            at = search.next_step
            point = Point(kind="rate", value=search.rate(at))
            yield from self._bench(point, 0)
            if self.entry.result is None:
                search.saw(Probe(step=at, kept=False))
                continue
            result = BenchResult.from_json(self.entry.result)
            kept, margin = (
                repeats_agree.keeps(job.workload, point, result),
                repeats_agree.margin(job.workload, point, result),
            )
            search.saw(Probe(step=at, kept=kept, margin=margin))
        while not search.confirmed:
            point = Point(kind="rate", value=search.rate(search.low))
            yield from self._point(point)
            search.repeated([repeats_agree.keeps(job.workload, point, result) for result in self.results])
        rate = search.rate(search.low) if search.low else None
        found = {"rate": rate, "breaks_at": search.rate(search.high), "maximum": top}
        yield self._ended(step, start, result=found)

    def _bench(self, point: Point, repeat: int) -> Steps:
        """One repeat of one point, unless it is done; `self.entry` afterwards is its entry."""
        job = self.job
        goodput = repeats_agree.goodput_arguments(job.workload.goodput)
        step = plan_steps.bench_step(job.plan, job.workload, job.target, point, repeat, goodput)
        if step.key in self.done:
            self.entry = self.done[step.key]
            return
        self.site.check()
        yield from self._serve()
        assert self.endpoint is not None
        yield Said(job=job.title, text=f"{point}, repeat {repeat + 1}")
        start, mark, busy = time.monotonic(), telemetry.size(self.samples), host_load()
        cached = running_server.prefix_counters(running_server.metrics_of(self.endpoint.url))
        found: BenchResult | Failure
        watch = live_metrics.Watch(self.endpoint.url)
        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(measured, job, self.site, self.endpoint, step, point)
            while not wait([running], live_metrics.EVERY_S).done:
                if text := watch.words():
                    yield Live(job=job.title, text=f"{point}, repeat {repeat + 1}: {text}")
        try:
            found = running.result()
        except subprocesses.ToolError as error:
            found = self._why(error)
        except DataError as error:  # the tool ended well and wrote nonsense
            found = Failure(reason="crash", detail=str(error))
        extra: dict[str, Any] = {
            "log": f"work/{step.key}/bench.log",
            "gpus": list(self.site.gpus),
            "serve": self.endpoint.facts,
            **telemetry.summary(self.samples, mark),
            **self._prefix_hits(cached),
            **({} if busy is None else {"host_load": busy}),
            **made_by(),
        }
        attachments: dict[str, str] = {}
        if isinstance(found, BenchResult):
            raw = self.site.work(step.key) / "result.json"
            attachments[f"{step.key}.json"] = result_files.read_text(raw, what="a result")
        if isinstance(found, BenchResult):
            yield self._ended(step, start, result=found.to_json(), extra=extra, attachments=attachments)
        else:
            yield self._ended(step, start, failed=found, extra=extra, attachments=attachments)

    def _prefix_hits(self, before: tuple[float, float] | None) -> dict[str, float]:
        """The share of prompt tokens that the prefix cache gave since `before`, where the server counts."""
        assert self.endpoint is not None
        if before is None or self.endpoint.dead():
            return {}
        after = running_server.prefix_counters(running_server.metrics_of(self.endpoint.url))
        share = running_server.hit_rate(before, after)
        return {} if share is None else {"prefix_hits": round(share, 4)}

    # -- accuracy

    def _evaluate(self, task: str) -> Steps:
        """One task, unless it is done."""
        job, plan = self.job, self.job.plan
        step = plan_steps.evaluate_step(plan, job.target, task, job.evaluate_version, job.task_file)
        if step.key in self.done:
            return
        self.site.check()
        lm_eval = self.site.tool("evaluate")
        serving = job.target.serving
        if plan.evaluate_with == "server":
            yield from self._serve()
            assert self.endpoint is not None
            arguments = lm_eval_scores.server_arguments(
                self.endpoint.url, self.endpoint.served_name, serving.model, job.target.max_context
            )
            backend, device = "local-completions", None
        else:
            arguments = lm_eval_scores.hf_arguments(serving.model, serving.revision)
            backend, device = "hf", "cuda" if self.site.gpus else "cpu"
        yield Said(job=job.title, text=f"task {task}")
        start, work = time.monotonic(), self.site.work(step.key)
        spec = lm_eval_scores.spec(
            task,
            backend=backend,
            model_args=arguments,
            task_folder=None if plan.task_folder is None else Path(plan.task_folder),
            fewshot=plan.fewshot,
            limit=plan.limit,
            chat_template=plan.chat_template,
            seed=plan.seed,
            device=device,
        )
        extra = {"log": f"work/{step.key}/evaluate.log", "gpus": list(self.site.gpus)}
        try:
            scores = lm_eval_scores.measure(
                lm_eval,
                spec,
                work=work,
                log=work / "evaluate.log",
                env=self.site.env(),
                limit_s=plan.evaluate_limit_s,
            )
        except subprocesses.ToolError as error:
            yield self._ended(step, start, failed=self._why(error), extra=extra)
            return
        except DataError as error:
            scores = Failure(reason="crash", detail=str(error))
        if isinstance(scores, Failure):
            yield self._ended(step, start, failed=scores, extra=extra)
            return
        items = {f"{score.task}/{score.name}": [list(item) for item in score.items] for score in scores}
        yield self._ended(
            step,
            start,
            result={"scores": [score.to_json() for score in scores]},
            extra=extra,
            attachments={f"{step.key}.items.json": digests.canonical_json(items)},
        )

    # -- the server

    def _serve(self) -> Steps:
        """A server that answers, started (again) when there is none. Raises ServeFailedError."""
        if self.endpoint is not None and not self.endpoint.dead():
            return
        job, site = self.job, self.site
        if job.target.running is not None:
            running = job.target.running
            self.endpoint = Endpoint(
                url=running.url, served_name=running.served_name, version=running.version
            )
            return
        step = plan_steps.serve_step(job.target)
        known = self.done.get(step.key)
        if known is not None and known.failure is not None:
            raise ServeFailedError
        if self.endpoint is not None:
            self.restarts += 1
            if self.restarts > MAX_RESTARTS:
                raise ServeFailedError
        self.stack.close()
        start, work = time.monotonic(), site.work(step.key)
        log = work / (f"serve-{self.restarts}.log" if self.restarts else "serve.log")
        log.unlink(missing_ok=True)
        yield Said(job=job.title, text=f"starting vLLM; log: {log}")
        serving = vllm_server.serve(
            site.tool("vllm"),
            job.target.serving,
            served_name=f"quantadvise-{step.key}",
            log=log,
            env=site.env(),
            limit_s=job.plan.serve_limit_s,
            port=site.port,
        )
        try:
            with ThreadPoolExecutor(1) as beside:
                starting = beside.submit(self.stack.enter_context, serving)
                while not wait([starting], live_metrics.EVERY_S).done:
                    if line := subprocesses.tail(log, 1)[:120]:
                        yield Live(
                            job=job.title, text=f"starting vLLM, {time.monotonic() - start:.0f} s: {line}"
                        )
            self.endpoint = starting.result()
        except subprocesses.ToolError as error:
            yield self._ended(
                step, start, failed=self._why(error), extra={"log": f"work/{step.key}/{log.name}"}
            )
            raise ServeFailedError from error
        sampler = telemetry.command(site.gpus)
        if sampler is not None:
            self.stack.enter_context(
                subprocesses.running(sampler, log=self.samples, name="nvidia-smi", grace_s=1)
            )
        yield Said(
            job=job.title, text=f"vLLM {self.endpoint.version} up after {time.monotonic() - start:.0f} s"
        )

    def _why(self, error: subprocesses.ToolError) -> Failure:
        """What a failure means. A dead server's own words count more than its client's."""
        if self.site.cancelled():
            raise CancelledError("stopped; the same command goes on") from error
        if self.endpoint is not None and self.endpoint.dead():
            assert self.endpoint.program is not None
            return failure_kind.classify(self.endpoint.program.failure("ended while it was measured"))
        found = failure_kind.classify(error)
        if found.detail.startswith(lm_eval_scores.UNKNOWN_TASK):
            raise InputError(found.detail.removeprefix(lm_eval_scores.UNKNOWN_TASK)) from error
        return found

    def _ended(
        self,
        step: Step,
        start: float,
        *,
        result: Mapping[str, Any] | None = None,
        failed: Failure | None = None,
        extra: Mapping[str, Any] | None = None,
        attachments: Mapping[str, str] | None = None,
    ) -> Done:
        entry = Entry(
            key=step.key,
            kind=step.kind,
            title=step.title,
            inputs=step.inputs,
            seconds=time.monotonic() - start,
            date=now(),
            result=result,
            failure=failed,
            extra={**(extra or {}), "facts": self.job.facts()},
        )
        self.entry = self.done[step.key] = entry
        return Done(job=self.job.title, entry=entry, attachments=attachments or {})
