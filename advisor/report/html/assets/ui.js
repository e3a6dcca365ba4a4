"use strict";
// The live page: what the form says goes to this page's own server, what comes back takes the old parts' place.
(() => {
  const $ = (id) => document.getElementById(id);
  const form = $("ask");
  const first = JSON.parse($("first").textContent);
  const WAIT_MS = 40; // between keys; shorter than a person waits, longer than a key repeats
  const LATER_MS = 350; // the load story is of many loads: asked for once the question stands still
  const BURST_MS = 1200; // keys of one word make one step of Back
  const PARTS = ["part-head", "part-first", "part-folds", "part-load", "part-charts", "part-tables"];

  // --- form <-> question ---
  const question = () => {
    const said = {};
    for (const [name, value] of new FormData(form)) {
      if (name === "price" || name === "gpu" || name === "formats" || value.trim() === "") continue;
      said[name] = value.trim();
    }
    const ticked = (name) => [...form.elements[name]].filter((box) => box.checked).map((box) => box.value);
    const gpus = ticked("gpu");
    if (gpus.length) said.gpu = gpus.join(",");
    const formats = ticked("formats");
    if (formats.length < form.elements.formats.length) said.formats = formats.join(",");
    const prices = [...form.elements.price].filter((field) => field.value.trim() !== "");
    if (prices.length) said.price = prices.map((field) => `${field.dataset.gpu}=${field.value.trim()}`).join(",");
    return said;
  };
  const fill = (said) => {
    for (const name of ["model", "workload", "objective", "load", "level", "input", "output", "turns",
                        "think", "system", "history", "ttft", "tpot", "e2e", "at", "recovery", "confidence", "maxgpus", "budget", "kv", "pricing", "api", "used"]) {
      form.elements[name].value = said[name] ?? (name === "workload" ? "chat" : "");
    }
    const list = (text) => (text ?? "").split(",").map((part) => part.trim()).filter(Boolean);
    const gpus = new Set(list(said.gpu));
    for (const box of form.elements.gpu) box.checked = gpus.has(box.value);
    const formats = list(said.formats);
    for (const box of form.elements.formats) box.checked = formats.length === 0 || formats.includes(box.value);
    const prices = Object.fromEntries(list(said.price).map((part) => part.split("=")));
    for (const field of form.elements.price) field.value = prices[field.dataset.gpu] ?? "";
    // Ticked ones stand first: what was chosen is seen without scrolling.
    const rows = [...document.querySelectorAll(".gpu-row")];
    const box = rows[0].parentNode;
    box.prepend(...rows.filter((row) => row.querySelector("[name=gpu]").checked));
  };
  const show = (asked) => {
    const own = { level: asked.level, input: asked.input, output: asked.output, ttft: asked.ttft, tpot: asked.tpot,
                  e2e: asked.e2e, 
                  recovery: asked.recovery === null ? null : 100 * asked.recovery, confidence: 100 * asked.confidence };
    for (const [name, value] of Object.entries(own)) {
      form.elements[name].placeholder = value === null ? (name === "recovery" ? "none" : "–") : String(+Number(value).toPrecision(6));
    }
    // What a number without a unit is of.
    const unit = { rate: "requests/s", concurrency: "in flight", single: "one at a time", max: "all at once" }[asked.load];
    if (form.elements.load.value === "") form.elements.load.options[0].textContent = unit;
    for (const field of form.elements.price) {
      const usd = asked.prices[field.dataset.gpu];
      if (usd !== undefined && field.value === "") field.placeholder = usd === null ? "unknown" : String(+usd.toPrecision(4));
    }
  };

  // --- parts of the page ---
  const remember = (place) => ({
    open: [...place.querySelectorAll("details[open]")].map((d) => d.closest("[id]")?.id + "/" + d.querySelector("summary").textContent.split(" ")[0]),
    find: Object.fromEntries([...place.querySelectorAll("[data-find]")].map((field) => [field.dataset.find, field.value])),
    checked: new Map([...place.querySelectorAll("input[data-for]")].map((box) => [`${box.name}=${box.value}`, box.checked])),
    focus: document.activeElement?.closest?.("[id]")?.id,
  });
  const recall = (place, old) => {
    for (const d of place.querySelectorAll("details")) {
      if (old.open.includes(d.closest("[id]")?.id + "/" + d.querySelector("summary").textContent.split(" ")[0])) d.open = true;
    }
    for (const field of place.querySelectorAll("[data-find]")) field.value = old.find[field.dataset.find] ?? "";
    for (const box of place.querySelectorAll("input[data-for]")) {
      const before = old.checked.get(`${box.name}=${box.value}`);
      if (box.type === "checkbox" && before !== undefined) box.checked = before;
      if (box.type === "radio" && before) box.checked = true;
    }
  };
  const swap = (id, html) => {
    const place = $(id);
    const old = remember(place);
    place.innerHTML = html; // ours: every name in it was escaped where it was written
    recall(place, old);
  };
  const swapCharts = (id, charts) => {
    const place = $(id);
    const old = remember(place);
    const drawn = new Map([...place.querySelectorAll(".chart")].map((chart) => [chart.dataset.chart, chart]));
    place.innerHTML = charts.map((chart) => chart.html).join("");
    for (const chart of place.querySelectorAll(".chart")) {
      // The old drawing stands until the new one is ready, so that the page does not jump.
      const before = drawn.get(chart.dataset.chart);
      if (before) chart.replaceChildren(...before.children);
    }
    recall(place, old);
    return globalThis.quantadvise.draw(charts.flatMap((chart) => chart.drawings));
  };
  const wrong = (text, name) => {
    for (const field of document.querySelectorAll("[data-wrong]")) delete field.dataset.wrong;
    for (const field of form.elements) field.removeAttribute("aria-invalid");
    $("message").hidden = text === null;
    $("message").textContent = text ?? "";
    for (const id of PARTS) $(id).classList.toggle("stale", text !== null);
    if (text === null) return;
    const field = name && document.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (field) {
      field.dataset.wrong = "";
      field.querySelector("input, select").setAttribute("aria-invalid", "true");
    }
  };

  // --- what a change did, and back ---
  let current = { query: "", headline: "" }; // the last answer
  let base = null; // the answer before the change
  let pushed = 0;
  const remembered = (query) => {
    if (query === current.query) return;
    if (performance.now() - pushed > BURST_MS) {
      base = current.headline ? current : null;
      history.pushState(null, "", `?${query}`);
    } else history.replaceState(null, "", `?${query}`);
    pushed = performance.now();
  };
  const compare = (headline, query) => {
    current = { query, headline };
    const moved = base !== null && base.query !== query;
    $("change").hidden = !moved;
    if (!moved) return;
    const same = base.headline === headline;
    $("was").textContent = same ? "The answer stays the same." : `was ${base.headline} → now ${headline}`;
  };
  $("undo").addEventListener("click", () => {
    if (base === null) return;
    fill(Object.fromEntries(new URLSearchParams(base.query)));
    pushed = 0;
    ask({ push: true });
  });

  // --- asking ---
  let asking = null;
  let own = {}; // what was asked in the end
  let asked = 0;
  const fetchJson = async (path, query, signal) => {
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(`${path}?${query}`, { signal });
      const value = await response.json();
      if (response.status !== 409 || tries === 3) return [response.ok, value];
      // Another window asked something else meanwhile; ask again once it has had its answer.
      await fetch(`api/answer?${query}`, { signal });
    }
  };
  const ask = async ({ push }) => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const turn = ++asked;
    const said = question();
    const query = new URLSearchParams(said).toString();
    if (push) remembered(query);
    $("answered").setAttribute("aria-busy", "true");
    const begun = performance.now();
    try {
      const [ok, answer] = await fetchJson("api/answer", query, signal);
      if (!ok) {
        wrong(answer.error, answer.field);
        $("took").textContent = "";
        return;
      }
      wrong(null);
      show(answer.asked);
      own = answer.asked;
      swap("part-head", answer.parts.head);
      swap("part-first", answer.parts.first);
      compare(answer.headline, query);
      await globalThis.quantadvise.draw(answer.drawings);
      const seen = performance.now() - begun;
      $("took").textContent = `answered in ${Math.round(seen)} ms`;
      document.documentElement.dataset.seenMs = seen.toFixed(1);
      document.documentElement.dataset.serverMs = String(answer.ms);
      document.documentElement.dataset.answered = String(turn);
      // A frame for the eye before the longer parts.
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      if (signal.aborted) return;
      const [told, rest] = await fetchJson("api/rest", query, signal);
      if (!told) return;
      const weighedBefore = $("sure-place")?.innerHTML ?? "";
      swap("part-folds", rest.folds);
      $("sure-place").innerHTML = weighedBefore;
      swap("part-tables", rest.tables);
      globalThis.quantadvise.filterAll();
      await swapCharts("part-charts", rest.charts);
      document.documentElement.dataset.restMs = String(rest.ms);
      await new Promise((done) => setTimeout(done, LATER_MS));
      if (signal.aborted) return;
      for (const id of ["sure-place", "part-load"]) $(id).classList.add("stale");
      const [weighed, sure] = await fetchJson("api/sure", query, signal);
      if (!weighed) return;
      $("sure-place").innerHTML = sure.html;
      for (const id of ["badge", "settles"]) { const place = $(id); if (place) place.outerHTML = sure[id]; }
      if ($("ways")) $("ways").innerHTML = sure.ways;
      document.documentElement.dataset.sureMs = String(sure.ms);
      $("sure-place").classList.remove("stale");
      const [walked, load] = await fetchJson("api/load", query, signal);
      if (!walked) return;
      await swapCharts("part-load", load.charts);
      $("part-load").classList.remove("stale");
      document.documentElement.dataset.loadMs = String(load.ms);
      document.documentElement.dataset.complete = String(turn);
      document.documentElement.dataset.settled = String(turn);
      document.title = `${document.querySelector("h1")?.textContent ?? "live"} · quantadvise`;
    } catch (error) {
      if (error.name === "AbortError") return;
      wrong("The server does not answer; start quantadvise ui again");
    } finally {
      if (turn === asked) $("answered").setAttribute("aria-busy", "false");
    }
  };
  let timer = 0;
  form.elements.load.addEventListener("input", () => {
    // A kind of load that needs a number begins with one: the workload's own, else a modest one.
    const kind = form.elements.load.value;
    const start = { rate: 1, concurrency: 16 }[kind];
    if (kind === "single" || kind === "max") form.elements.level.value = "";
    else if (start !== undefined && form.elements.level.value.trim() === "") {
      form.elements.level.value = own.load === kind ? own.level : start;
    }
  });
  // A level of the load story, clicked.
  document.addEventListener("load-level", ({ detail }) => {
    const level = String(+Number(detail.level).toPrecision(4));
    if (detail.over === "input-tokens") form.elements.input.value = level;
    else { form.elements.load.value = detail.over; form.elements.level.value = level; }
    ask({ push: true });
  });
  // A chip of the question opens its field.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest?.("[data-goto]");
    if (!chip) return;
    $("panel").open = true;
    const field = chip.dataset.goto === "gpu" ? $("gpu-find") : form.elements[chip.dataset.goto];
    field?.focus();
    field?.select?.();
  });
  $("gpu-find").addEventListener("input", (event) => {
    event.stopPropagation(); // a search is no part of the question
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.querySelectorAll(".gpu-row")) {
      row.hidden = !words.every((word) => row.dataset.name.toLowerCase().includes(word));
    }
  });
  $("save").addEventListener("click", async () => {
    const [ok, value] = await fetchJson("api/document", current.query);
    if (ok) globalThis.quantadvise.saveText("recommendation.json", "application/json", JSON.stringify(value, null, 1));
  });
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => ask({ push: true }), WAIT_MS);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); ask({ push: true }); });
  $("again").addEventListener("click", () => { fill(first); ask({ push: true }); });
  $("any-gpu").addEventListener("click", () => {
    for (const box of form.elements.gpu) box.checked = false;
    ask({ push: true });
  });
  const addressed = () => {
    const given = Object.fromEntries(new URLSearchParams(location.search));
    return Object.keys(given).length ? given : first;
  };
  addEventListener("popstate", () => {
    base = current.headline ? current : null;
    fill(addressed());
    ask({ push: false });
  });
  // Where the form stands above the answer, the answer comes first.
  if (matchMedia("(max-width: 980px)").matches) $("panel").open = false;
  fill(addressed());
  ask({ push: false });
})();
