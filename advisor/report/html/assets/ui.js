"use strict";
// The live page: what the form says goes to this page's own server, what comes back takes the old parts' place.
(() => {
  const $ = (id) => document.getElementById(id);
  const $$ = (what, from = document) => [...from.querySelectorAll(what)];
  const { list, has, address, addressed, unpinned, moved, sameStep } = globalThis.quantadviseLogic;
  const form = $("ask");
  const first = JSON.parse($("first").textContent);
  const root = document.documentElement;
  const WAIT_MS = 40; // between keys; shorter than a person waits, longer than a key repeats
  const LATER_MS = 350; // what is of many answers is asked for once the question stands still
  const STALE = ["part-head", "part-first", "part-folds", "part-load", "part-ranking", "part-prices", "part-mixed", "part-next"];
  // Fields that are lists of many controls; all others are one control each, whatever their names are.
  const LISTS = ["gpu", "price", "formats"];
  const controls = () => [...form.elements].filter((control) => control.name && !LISTS.includes(control.name));

  // --- form <-> question ---
  const question = () => {
    const said = {};
    for (const control of controls()) if (control.value.trim() !== "") said[control.name] = control.value.trim();
    const ticked = (name) => [...form.elements[name]].filter((box) => box.checked).map((box) => box.value);
    const gpus = ticked("gpu");
    if (gpus.length) said.gpu = gpus.join(",");
    const formats = ticked("formats");
    if (formats.length < form.elements.formats.length) said.formats = formats.join(",") || "none";
    const prices = [...form.elements.price].filter((field) => field.value.trim() !== "");
    if (prices.length) said.price = prices.map((field) => `${field.dataset.gpu}=${field.value.trim()}`).join(",");
    return said;
  };
  const fill = (said) => {
    for (const control of controls()) control.value = said[control.name] ?? (control.name === "workload" ? "chat" : "");
    const gpus = new Set(list(said.gpu));
    for (const box of form.elements.gpu) box.checked = gpus.has(box.value);
    const formats = list(said.formats);
    for (const box of form.elements.formats) box.checked = formats.length === 0 || formats.includes(box.value);
    const prices = Object.fromEntries(list(said.price).map((part) => part.split("=")));
    for (const field of form.elements.price) field.value = prices[field.dataset.gpu] ?? "";
    // Ticked ones stand first: what was chosen is seen without scrolling.
    const rows = $$(".gpu-row");
    rows[0].parentNode.prepend(...rows.filter((row) => row.querySelector("[name=gpu]").checked));
    // What lies folded and is said is shown.
    if (controls().some((control) => control.closest("#more") && control.value !== "")) $("more").open = true;
  };
  const show = (asked) => {
    for (const [name, text] of Object.entries(asked.shown)) {
      const control = form.elements[name];
      if (control && "placeholder" in control) control.placeholder = text;
    }
    // What a number without a unit is of.
    const unit = form.elements.load;
    const own = [...unit.options].find((option) => option.value === asked.load);
    if (unit.value === "" && own) unit.options[0].textContent = own.textContent;
    for (const field of form.elements.price) {
      const usd = asked.prices[field.dataset.gpu];
      if (usd !== undefined && field.value === "") field.placeholder = usd === null ? "unknown" : String(+usd.toPrecision(4));
    }
    const ticked = [...form.elements.gpu].filter((box) => box.checked).length;
    $("gpu-count").textContent = ticked ? `${ticked} ticked` : `none ticked: all ${form.elements.gpu.length}`;
  };

  // --- parts of the page ---
  const opened = (fold) => `${fold.closest("[id]")?.id}/${fold.querySelector("summary").textContent.split(" ")[0]}`;
  const remember = (place) => ({
    open: $$("details[open]", place).map(opened),
    find: Object.fromEntries($$("[data-find]", place).map((field) => [field.dataset.find, field.value])),
    checked: new Map($$("input[data-for]", place).map((box) => [`${box.name}=${box.value}`, box.checked])),
    focus: place.contains(document.activeElement) ? document.activeElement.dataset.slides ?? document.activeElement.dataset.goto : undefined,
  });
  const recall = (place, old) => {
    for (const fold of $$("details", place)) if (old.open.includes(opened(fold))) fold.open = true;
    for (const field of $$("[data-find]", place)) field.value = old.find[field.dataset.find] ?? "";
    for (const box of $$("input[data-for]", place)) {
      const before = old.checked.get(`${box.name}=${box.value}`);
      if (box.type === "checkbox" && before !== undefined) box.checked = before;
      if (box.type === "radio" && before) box.checked = true;
    }
    if (old.focus) $$("[data-slides], [data-goto]", place).find((e) => (e.dataset.slides ?? e.dataset.goto) === old.focus)?.focus({ preventScroll: true });
  };
  const swap = (id, html) => {
    const place = $(id);
    const old = remember(place);
    place.innerHTML = html; // ours: every name in it was escaped where it was written
    recall(place, old);
  };
  const swapCharts = (id, charts, after = "") => {
    const place = $(id);
    const old = remember(place);
    const drawn = new Map($$(".chart", place).map((chart) => [chart.dataset.chart, chart]));
    place.innerHTML = charts.map((chart) => chart.html).join("") + after;
    for (const chart of $$(".chart", place)) {
      // The old drawing stands until the new one is ready, so that the page does not jump.
      const before = drawn.get(chart.dataset.chart);
      if (before) chart.replaceChildren(...before.children);
    }
    recall(place, old);
    globalThis.quantadvise.filterAll();
    return globalThis.quantadvise.draw(charts.flatMap((chart) => chart.drawings));
  };
  // An error stands beside its field, in the form's words; where it is about no one field, above the answer.
  const wrong = (text, name) => {
    for (const field of $$("[data-wrong]")) delete field.dataset.wrong;
    for (const control of form.elements) control.removeAttribute("aria-invalid");
    const message = $("message");
    message.hidden = text === null;
    message.textContent = text ?? "";
    for (const id of STALE) $(id)?.classList.toggle("stale", text !== null);
    const field = text !== null && name ? document.querySelector(`[data-field="${CSS.escape(name)}"]`) : null;
    if (field === null) {
      $("answered").prepend(message);
      return;
    }
    field.append(message);
    field.dataset.wrong = "";
    const control = field.querySelector(`[name="${CSS.escape(name)}"]`) ?? field.querySelector("[name=price], input, select");
    control?.setAttribute("aria-invalid", "true");
    for (const fold of [$("panel"), $("more")]) if (fold.contains(field)) fold.open = true;
  };

  // --- what a change did, and back ---
  let current = { query: "", headline: "", figures: [] }; // the last answer
  let base = null; // the answer before the change
  let pins = [];
  let step = null; // of Back: the field it is typed in, when its last key and its answer came
  let stands = null; // the question of the address
  const listeners = [];
  const remembered = (query, search, begins) => {
    if (begins && query !== stands) {
      base = current.headline ? current : null;
      history.pushState(null, "", search);
    } else history.replaceState(null, "", search);
  };
  const compare = (answer, query) => {
    current = { query, headline: answer.headline, figures: answer.figures };
    const shown = base !== null && base.query !== query;
    $("change").hidden = !shown;
    if (shown) $("was").textContent = moved(base.headline, answer.headline);
  };
  $("undo").addEventListener("click", () => {
    if (base === null) return;
    fill(addressed(base.query).said);
    ask({ push: true });
  });

  // --- asking ---
  let asking = null;
  let own = {}; // what was asked in the end
  let asked = 0;
  const fetchJson = async (path, query, signal, more = "") => {
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(`${path}?${query}${more}`, { signal });
      const value = await response.json();
      if (response.status !== 409 || tries === 3) return [response.ok, value];
      // Another window asked something else meanwhile; ask again once it has had its answer.
      await fetch(`api/answer?${query}`, { signal });
    }
  };
  // What a tab shows, asked for when it is looked at; what it shows already is not asked for again.
  const TABS = {
    load: async (query, signal) => {
      const [ok, load] = await fetchJson("api/load", query, signal, over && `&${new URLSearchParams({ over })}`);
      if (!ok) $("part-load").textContent = load.words ?? load.error;
      else if (load.charts.length) await swapCharts("part-load", load.charts);
      else $("part-load").textContent = load.none;
      if (ok) root.dataset.loadMs = String(load.ms);
    },
    ranking: async (query, signal) => {
      const [ok, all] = await fetchJson("api/ranking", query, signal);
      if (ok) await swapCharts("part-ranking", all.charts, all.tables);
    },
    mixed: async (query, signal) => {
      const [ok, mixed] = await fetchJson("api/mixed", query, signal);
      if (ok) swap("part-mixed", mixed.html);
      else $("part-mixed").textContent = mixed.words ?? mixed.error;
    },
    next: async (query, signal) => {
      const [ok, next] = await fetchJson("api/next", query, signal);
      if (ok) swap("part-next", next.html);
    },
    files: async (query, signal) => {
      const [ok, files] = await fetchJson("api/command", query, signal);
      if (ok) $("asks").textContent = files.command;
    },
  };
  const shown = {};
  let tab = "answer";
  let over = ""; // what the load story goes along; empty: the question's own load
  const fillTab = async (signal) => {
    const { query } = current;
    const asks = tab === "load" ? `${query}&${over}` : query;
    if (!TABS[tab] || shown[tab] === asks) return;
    const here = tab;
    const place = $(`part-${here}`);
    if (place && !place.hasChildNodes()) place.textContent = "Working it out …";
    place?.classList.add("stale");
    await TABS[here](query, signal);
    if (signal?.aborted) return;
    shown[here] = asks;
    place?.classList.remove("stale");
  };
  const rest = async (query, signal) => {
    const [told, more] = await fetchJson("api/rest", query, signal);
    if (!told) return;
    const weighedBefore = $("sure-place")?.innerHTML ?? "";
    swap("part-folds", more.folds);
    $("sure-place").innerHTML = weighedBefore;
    root.dataset.restMs = String(more.ms);
    await new Promise((done) => setTimeout(done, LATER_MS));
    if (signal.aborted) return;
    $("sure-place").classList.add("stale");
    const [weighed, sure] = await fetchJson("api/sure", query, signal);
    if (!weighed) return;
    $("sure-place").innerHTML = sure.html;
    $("sure-fold").hidden = sure.html === "";
    for (const id of ["badge", "settles"]) { const place = $(id); if (place) place.outerHTML = sure[id]; }
    if ($("ways")) $("ways").innerHTML = sure.ways;
    if (!globalThis.quantadvise.sliding) {
      swap("part-prices", sure.prices);
      document.dispatchEvent(new CustomEvent("new-sliders"));
    }
    $("part-prices").classList.remove("stale");
    root.dataset.sureMs = String(sure.ms);
    $("sure-place").classList.remove("stale");
    if (addressed(query).said.mixed !== "yes") return;
    const [found, mixed] = await fetchJson("api/mixed", query, signal);
    $("mix-says").textContent = found ? mixed.line : mixed.words ?? mixed.error;
    $("part-mix").hidden = false;
  };
  let timer = 0;
  let fresh = false; // whether what is asked next begins a step of Back
  const ask = async ({ push, typed = false, stated = "" }) => {
    clearTimeout(timer);
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const turn = ++asked;
    root.dataset.asked = String(turn);
    const query = stated || address(question(), []);
    if (!typed) step = null;
    if (push) remembered(query, `?${address(question(), pins, over)}${location.hash}`, !typed || fresh);
    fresh = false;
    stands = query;
    $("answered").setAttribute("aria-busy", "true");
    const begun = performance.now();
    try {
      const [ok, answer] = await fetchJson("api/answer", query, signal);
      if (!ok) {
        wrong(answer.words ?? answer.error, answer.field);
        $("took").textContent = "";
        return;
      }
      wrong(null);
      own = answer.asked;
      show(answer.asked);
      swap("part-head", answer.parts.head);
      swap("part-first", answer.parts.first);
      $("part-mix").hidden = true;
      compare(answer, query);
      for (const heard of listeners) heard(current, own);
      await globalThis.quantadvise.draw(answer.drawings);
      if (signal.aborted) return;
      if (step !== null && root.dataset.asked === String(turn)) step.answered = performance.now();
      const seen = performance.now() - begun;
      $("took").textContent = `answered in ${Math.round(seen)} ms`;
      root.dataset.seenMs = seen.toFixed(1);
      root.dataset.serverMs = String(answer.ms);
      root.dataset.answered = String(turn);
      // A frame for the eye before the longer parts.
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      if (signal.aborted) return;
      await rest(query, signal);
      if (signal.aborted) return;
      await fillTab(signal);
      if (signal.aborted) return;
      root.dataset.settled = String(turn);
      document.title = `${document.querySelector("h1")?.textContent ?? "live"} · quantadvise`;
    } catch (error) {
      if (error.name === "AbortError") return;
      wrong("The server does not answer; start quantadvise ui again");
    } finally {
      if (turn === asked) $("answered").setAttribute("aria-busy", "false");
    }
  };
  // `field`: what is typed or slid in; `at`: when the key came, in ms.
  const askSoon = (field, at) => {
    clearTimeout(timer);
    if (!sameStep(step, field, at)) fresh = true;
    step = { field, at, answered: null };
    root.dataset.asked = String(asked + 1);
    timer = setTimeout(() => ask({ push: true, typed: true }), WAIT_MS);
  };
  form.addEventListener("focusout", () => { step = null; });
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
    const lengths = { "input-tokens": "input", "output-tokens": "output" }[detail.over];
    if (lengths) form.elements[lengths].value = level;
    else { form.elements.load.value = detail.over; form.elements.level.value = level; }
    ask({ push: true });
  });
  $("along").addEventListener("change", () => {
    over = $("along").value;
    live.pin(pins); // the address has it from now on
    live.look(tab);
  });
  // A chip of the question opens its field.
  document.addEventListener("click", (event) => {
    const chip = event.target.closest?.("[data-goto]");
    if (!chip) return;
    $("panel").open = true;
    const field = chip.dataset.goto === "gpu" ? $("gpu-find") : form.elements[chip.dataset.goto];
    if (field && $("more").contains(field)) $("more").open = true;
    field?.focus();
    field?.select?.();
  });
  $("gpu-find").addEventListener("input", (event) => {
    event.stopPropagation(); // a search is no part of the question
    for (const row of $$(".gpu-row")) row.hidden = !has(row.dataset.name, event.target.value);
  });
  form.addEventListener("input", (event) => {
    if (!("slides" in event.target.dataset)) askSoon(event.target, event.timeStamp); // a slider asks for its field
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); ask({ push: true }); });
  $("again").addEventListener("click", () => { fill(first); ask({ push: true }); });
  $("any-gpu").addEventListener("click", () => {
    for (const box of form.elements.gpu) box.checked = false;
    ask({ push: true });
  });
  const read = () => {
    const given = addressed(location.search);
    pins = given.pins;
    over = given.over;
    $("along").value = over;
    fill(Object.keys(given.said).length ? given.said : first);
    return unpinned(location.search);
  };
  addEventListener("popstate", () => {
    base = current.headline ? current : null;
    const stated = read();
    for (const heard of listeners) heard(current, own);
    ask({ push: false, stated });
  });
  const live = {
    form, fetchJson, ask, askSoon, wrong,
    answered: (heard) => listeners.push(heard),
    current: () => current,
    pins: () => pins,
    pin: (changed) => {
      pins = changed;
      history.replaceState(null, "", `?${address(question(), pins, over)}${location.hash}`);
      for (const heard of listeners) heard(current, own);
    },
    // The tab that is looked at; its content follows at once where the answer is there.
    look: (name) => {
      tab = name;
      if (current.query) fillTab(asking?.signal).catch((error) => { if (error.name !== "AbortError") throw error; });
    },
    start: () => {
      // Where the form stands above the answer, the answer comes first.
      if (matchMedia("(max-width: 980px)").matches) $("panel").open = false;
      ask({ push: false, stated: read() });
    },
  };
  globalThis.quantadviseLive = live;
})();
