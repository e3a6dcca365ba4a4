"use strict";
// The page's own behaviour: theme, tables that sort, tips, charts. No network, no eval, no innerHTML of names.
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const spoken = document.getElementById("spoken");
  const $$ = (what, from = document) => [...from.querySelectorAll(what)];
  const { value, order, has, named, words } = globalThis.quantadviseLogic;

  // --- theme: the system's, until a reader says otherwise ---
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const remembered = (() => { try { return localStorage.getItem("quantadvise-theme"); } catch { return null; } })();
  if (remembered === "dark" || remembered === "light") root.dataset.theme = remembered;
  const showTheme = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours");
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("quantadvise-theme", root.dataset.theme); } catch { /* a file may have no store */ }
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();

  // --- tips ---
  const showTip = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6));
    const top = y + 16 + box.height > innerHeight ? y - box.height - 12 : y + 16;
    tip.style.transform = `translate(${left}px, ${Math.max(6, top)}px)`;
  };
  const hideTip = () => { tip.hidden = true; };
  const cellText = (cell) => {
    // Of a figure its name, value, unit, interval and basis; the unit stands in the head.
    const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
    const [name, unit] = [head.querySelector("span"), head.querySelector("small")].map((part) => part?.textContent ?? "");
    const ends = cell.querySelector("small")?.textContent;
    return `${name}: ${cell.firstChild.textContent} ${unit}\n${ends ? `90 % interval ${ends} ${unit}\n` : ""}${cell.dataset.basis}`;
  };
  document.addEventListener("pointermove", (event) => {
    const cell = event.target.closest?.("[data-tip], [data-basis]");
    if (cell) showTip(cell.dataset.tip ?? cellText(cell), event.clientX, event.clientY);
    else if (!event.target.closest?.(".chart")) hideTip();
  });
  const tipOf = (mark) => {
    const box = mark.getBoundingClientRect();
    showTip(mark.getAttribute("aria-label"), box.right, box.bottom);
  };
  const MARK = 'path[role="graphics-symbol"][aria-label]';
  // A focus may scroll the page: the tip goes with its point.
  addEventListener("scroll", () => {
    if (document.activeElement?.matches(MARK)) tipOf(document.activeElement);
    else hideTip();
  }, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // --- one deployment in every picture, card and table: pointed at it shows everywhere, a click keeps it ---
  const OF_ONE = `${MARK}, [data-key], tbody.row`;
  let pinned = null;
  const keyOf = (one) =>
    one.dataset.key ?? (one.matches("tbody.row") ? one.querySelector("th")?.dataset.v : named(one.getAttribute("aria-label")));
  const mark = (pointed = null) => {
    for (const one of $$(OF_ONE)) {
      const key = keyOf(one);
      one.classList.toggle("same", key === pointed || key === pinned);
      one.querySelector(".pick")?.setAttribute("aria-pressed", String(key === pinned));
    }
  };
  const pin = (key) => {
    pinned = key === pinned ? null : key;
    filterAll();
    mark(pinned);
    spoken.textContent = pinned === null ? "No deployment is marked" : `${pinned} is marked in pictures and tables`;
  };
  let over = null;
  const pointAt = (event) => {
    const one = event.target.closest?.(OF_ONE);
    const key = one ? keyOf(one) : null;
    if (key === over) return;
    over = key;
    mark(key);
  };
  document.addEventListener("pointerover", pointAt);
  document.addEventListener("focusin", pointAt);
  document.addEventListener("click", (event) => {
    const one = event.target.closest?.(`${MARK}, [data-key]`);
    if (one && !event.target.closest(".panels[data-over]")) pin(keyOf(one));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.(MARK)) pin(keyOf(event.target));
    if (event.key === "Escape" && pinned !== null) pin(pinned);
  });

  // --- tables ---
  const valueOf = (cell) => value(cell?.dataset.v ?? cell?.textContent.trim() ?? "");
  const sortBy = (head) => {
    const table = head.closest("table");
    const column = [...head.parentNode.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const bodies = $$("tbody.row", table).map((body) => [valueOf(body.rows[0].cells[column]), body]);
    // What is not known comes last either way.
    bodies.sort(([a], [b]) => order(a, b, down));
    for (const [, body] of bodies) table.append(body);
    spoken.textContent = `Sorted by ${head.innerText.split("\n")[0]}, ${down ? "descending" : "ascending"}`;
  };
  const filterRows = (table) => {
    const all = document.querySelector(`[data-all="${table.id}"]`)?.getAttribute("aria-expanded") !== "false";
    const query = document.querySelector(`[data-find="${table.id}"]`)?.value ?? "";
    for (const body of $$("tbody.row", table)) {
      const extra = "rest" in body.dataset && keyOf(body) !== pinned;
      body.hidden = !has(body.dataset.text, query) || (!all && words(query).length === 0 && extra);
    }
  };
  document.addEventListener("click", (event) => {
    const head = event.target.closest(".sortable thead th");
    if (head && event.target.closest("button")) sortBy(head);
    const opener = event.target.closest("button.open");
    if (opener) {
      const more = opener.closest("tbody").querySelector("tr.more");
      more.hidden = !more.hidden;
      opener.setAttribute("aria-expanded", String(!more.hidden));
    }
    const all = event.target.closest("[data-all]");
    if (all) {
      const table = document.getElementById(all.dataset.all);
      const open = all.getAttribute("aria-expanded") !== "true";
      all.setAttribute("aria-expanded", String(open));
      all.textContent = open ? "Show the best of each" : `Show all ${$$("tbody.row", table).length}`;
      filterRows(table);
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) copyText(copy, document.getElementById(copy.dataset.copy).textContent);
  });
  document.addEventListener("input", (event) => {
    if (event.target.dataset?.find) filterRows(document.getElementById(event.target.dataset.find));
  });
  const copyText = async (from, text) => {
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    const said = from.textContent;
    from.textContent = done ? "Copied" : "Select it";
    spoken.textContent = done ? "Copied" : "Copying is not allowed here; select the text";
    setTimeout(() => { from.textContent = said; }, 1500);
  };

  // --- charts ---
  // The library is the page's longest script and its last: by then the page stands and the question is asked.
  const library = new Promise((done) => {
    if (document.readyState !== "loading") done();
    else addEventListener("DOMContentLoaded", () => setTimeout(done), { once: true });
  });
  const views = new Map();
  const chosen = (name) => {
    const fields = new Map();
    for (const input of $$(`input[data-for="${name}"]`)) {
      if (!fields.has(input.dataset.field)) fields.set(input.dataset.field, new Set());
      if (input.checked) fields.get(input.dataset.field).add(input.value);
    }
    return fields;
  };
  const kept = (rows, fields) =>
    rows.filter((row) => [...fields].every(([field, values]) => !(field in row) || values.has(String(row[field]))));
  const settle = (place) => {
    // A chart is one stop of the Tab key; the arrows go on from there.
    const marks = $$(MARK, place);
    for (const mark of marks) { mark.setAttribute("tabindex", "-1"); mark.setAttribute("focusable", "true"); }
  };
  const narrow = (spec) => {
    if (innerWidth >= 560) return spec;
    const copy = structuredClone(spec);
    // On a phone names of rows would leave no room for what they name.
    copy.layer = copy.layer.filter((layer) => !layer.name?.startsWith("labels"));
    for (const layer of copy.layer) if (layer.encoding?.y?.axis?.labelLimit) layer.encoding.y.axis.labelLimit = 156;
    return copy;
  };
  async function draw(chart) {
    const place = document.querySelector(`[data-chart="${chart.name}"]`);
    if (!place) return;
    const fields = chosen(chart.name);
    const spec = narrow({ ...chart.spec });
    spec.datasets = Object.fromEntries(Object.entries(chart.sets).map(([name, rows]) => [name, kept(rows, fields)]));
    const old = views.get(chart.name);
    // A layer without rows has no extent, and there is nothing to see of it.
    spec.layer = spec.layer.filter((layer) => !layer.data || spec.datasets[layer.data.name].length > 0);
    const tells = Object.values(chart.sets).some((rows) => kept(rows, fields).some((row) => "tip" in row));
    if (!tells) {
      place.textContent = "Nothing is chosen that could be drawn.";
      old?.result.finalize();
      views.set(chart.name, { result: { finalize() {} }, chart });
      return;
    }
    const target = document.createElement("div");
    // Measured where it will stand, and swapped in when it is drawn, so that nothing flickers.
    target.className = "drawing";
    place.append(target);
    target.hidden = false;
    const result = await vegaEmbed(target, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: (_, event, __, value) => (value ? showTip(String(value), event.clientX, event.clientY) : hideTip()),
    });
    for (const other of [...place.childNodes]) if (other !== target) other.remove();
    old?.result.finalize();
    views.set(chart.name, { result, chart });
    settle(place);
    mark();
  }
  async function drawAll(charts) {
    // Charts whose place is gone are let go.
    for (const [name, { result }] of views) if (!document.querySelector(`[data-chart="${name}"]`)) {
      result.finalize();
      views.delete(name);
    }
    // Their room is kept from the start, so that nothing below jumps.
    for (const { name, spec } of charts) {
      const place = document.querySelector(`[data-chart="${name}"]`);
      if (place) place.style.minHeight = `${spec.height}px`;
    }
    await library;
    for (const chart of charts) {
      await draw(chart);
      // One drawing at a time: what a reader does meanwhile is heard in between.
      if (charts.length > 1) await new Promise((done) => setTimeout(done));
    }
    root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1);
  }
  document.addEventListener("change", async (event) => {
    const name = event.target.dataset?.for;
    if (!name || !views.has(name)) return;
    await draw(views.get(name).chart);
    root.dataset.changed = String(Number(root.dataset.changed ?? 0) + 1);
  });
  document.addEventListener("keydown", (event) => {
    const place = event.target.closest?.(".chart");
    if (!place) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && event.target !== place) { place.focus(); return; }
    if (!step) return;
    event.preventDefault();
    const marks = $$(MARK, place);
    if (!marks.length) return;
    const at = marks.indexOf(event.target);
    marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length].focus();
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches?.(MARK)) tipOf(event.target);
    else if (event.target.matches?.(".fact[data-tip]")) {
      const box = event.target.getBoundingClientRect();
      showTip(event.target.dataset.tip, box.left, box.bottom);
    } else if (event.target.closest?.("[data-tip]") === null) hideTip();
  });

  // --- one crosshair through the drawings of a chart that share an axis ---
  const readingAt = (group, clientX) => {
    const place = group.querySelector(".chart");
    const known = views.get(place?.dataset.chart);
    const view = known?.result.view;
    if (!view || !known.chart.readings?.length) return null;
    const left = place.querySelector("svg").getBoundingClientRect().left + view.origin()[0];
    const scale = view.scale("x");
    const at = Math.log(scale.invert(clientX - left));
    const best = known.chart.readings.reduce((a, b) =>
      Math.abs(Math.log(b.x) - at) < Math.abs(Math.log(a.x) - at) ? b : a);
    return { ...best, clientX: left + scale(best.x) };
  };
  const moveCross = (group, clientX) => {
    for (const place of $$(".chart", group)) {
      let line = place.querySelector(".cross");
      if (!line) { line = document.createElement("div"); line.className = "cross"; place.append(line); }
      line.style.left = `${clientX - place.getBoundingClientRect().left}px`;
    }
  };
  document.addEventListener("pointermove", (event) => {
    const group = event.target.closest?.(".panels[data-over]");
    for (const line of $$(".cross")) if (!group?.contains(line)) line.remove();
    const reading = group && readingAt(group, event.clientX);
    if (!reading) return;
    moveCross(group, reading.clientX);
    showTip(reading.tip, event.clientX, event.clientY);
  });
  document.addEventListener("click", (event) => {
    const group = event.target.closest?.(".panels[data-over]");
    const reading = group && readingAt(group, event.clientX);
    if (reading) document.dispatchEvent(new CustomEvent("load-level", { detail: { over: group.dataset.over, level: reading.x } }));
  });

  // On paper nothing can be opened.
  addEventListener("beforeprint", () => { for (const fold of $$("details")) fold.open = true; });

  // --- what is taken away: `{text}`, `{base64}`, `{gzip}` (packed, in base64), or a document ---
  const contentOf = (value) => {
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    if (value.base64) return bytes(value.base64);
    if (!value.gzip) return value.text ?? JSON.stringify(value, null, 1);
    return new Response(new Blob([bytes(value.gzip)]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  };
  const save = async ({ file, type }, value) => {
    const content = await contentOf(value);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = file;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  // A report carries it; the live page asks its server.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-save]");
    const inside = button && document.querySelector(`script#${button.dataset.save}`);
    if (inside) save(button.dataset, JSON.parse(inside.textContent));
  });

  function filterAll() { for (const table of $$("table.sortable")) filterRows(table); }
  globalThis.quantadvise = { draw: drawAll, filterAll, save, sliding: false };
  filterAll();
  const data = document.getElementById("charts");
  if (data) drawAll(JSON.parse(data.textContent));
})();
