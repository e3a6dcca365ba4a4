"use strict";
// The live page: what the form says goes to this page's own server, what comes back takes the old parts' place.
(() => {
  const $ = (id) => document.getElementById(id);
  const form = $("ask");
  const first = JSON.parse($("first").textContent);
  const WAIT_MS = 40; // between keys; shorter than a person waits, longer than a key repeats
  const MAP_WAIT_MS = 350;

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
    for (const name of ["model", "workload", "objective", "load", "level", "input", "output", "ttft", "tpot", "e2e",
                        "at", "recovery", "maxgpus", "budget", "kv", "pricing"]) {
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
                  e2e: asked.e2e, recovery: asked.recovery };
    for (const [name, value] of Object.entries(own)) {
      form.elements[name].placeholder = value === null ? (name === "recovery" ? "none" : "–") : String(+Number(value).toPrecision(6));
    }
    form.elements.level.disabled = asked.load === "single" || asked.load === "max";
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
    return globalThis.quantadvise.draw(charts);
  };
  const wrong = (text, name) => {
    for (const field of document.querySelectorAll("[data-wrong]")) delete field.dataset.wrong;
    for (const field of form.elements) field.removeAttribute("aria-invalid");
    $("message").hidden = text === null;
    $("message").textContent = text ?? "";
    for (const id of ["part-first", "part-sure", "part-charts", "part-crossover", "part-map", "part-tables", "part-head"]) $(id).classList.toggle("stale", text !== null);
    if (text === null) return;
    const field = name && document.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (field) {
      field.dataset.wrong = "";
      field.querySelector("input, select").setAttribute("aria-invalid", "true");
    }
  };

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
    if (push) history.replaceState(null, "", `?${query}`);
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
      swap("part-tables", rest.tables);
      globalThis.quantadvise.filterAll();
      await swapCharts("part-charts", rest.charts);
      document.documentElement.dataset.restMs = String(rest.ms);
      // The map is of hundreds of loads: asked for once the question stands still.
      await new Promise((done) => setTimeout(done, MAP_WAIT_MS));
      if (signal.aborted) return;
      for (const id of ["part-sure", "part-crossover", "part-map"]) $(id).classList.add("stale");
      const [weighed, sure] = await fetchJson("api/sure", query, signal);
      if (!weighed) return;
      swap("part-sure", sure.html);
      await swapCharts("part-crossover", sure.charts);
      document.documentElement.dataset.sureMs = String(sure.ms);
      for (const id of ["part-sure", "part-crossover"]) $(id).classList.remove("stale");
      const [mapped, map] = await fetchJson("api/map", query, signal);
      if (!mapped) return;
      await swapCharts("part-map", map.charts);
      $("part-map").classList.remove("stale");
      document.documentElement.dataset.mapMs = String(map.ms);
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
    form.elements.level.disabled = kind === "single" || kind === "max";
    if (start === undefined) form.elements.level.value = "";
    else if (form.elements.level.value.trim() === "") form.elements.level.value = own.load === kind ? own.level : start;
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
  addEventListener("popstate", () => { fill({ ...Object.fromEntries(new URLSearchParams(location.search)) }); ask({ push: false }); });
  // Where the form stands above the answer, the answer comes first.
  if (matchMedia("(max-width: 980px)").matches) $("panel").open = false;
  const given = Object.fromEntries(new URLSearchParams(location.search));
  fill(Object.keys(given).length ? given : first);
  ask({ push: false });
})();
