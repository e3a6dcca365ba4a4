"use strict";
// The live page's tabs, sliders, pinned answers and files; `ui.js` asks and shows.
(() => {
  const $ = (id) => document.getElementById(id);
  const $$ = (what, from = document) => [...from.querySelectorAll(what)];
  const { filled, followed, typed, pinned, pasted, sideBySide, difference, nextTab, MOST_PINS } = globalThis.quantadviseLogic;
  const live = globalThis.quantadviseLive;
  const { form } = live;
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // --- tabs: the name stands behind the address, so that a link leads to it ---
  const tabs = $$("[role=tab]");
  const names = tabs.map((tab) => tab.dataset.tab);
  const narrow = matchMedia("(max-width: 980px)");
  const choose = (name, { focus = false } = {}) => {
    const chosen = names.includes(name) ? name : names[0];
    for (const tab of tabs) {
      const on = tab.dataset.tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = !on;
      if (on && focus) tab.focus();
      if (on && narrow.matches) tab.parentNode.scrollLeft = tab.offsetLeft - tab.parentNode.offsetLeft - 40;
    }
    history.replaceState(null, "", `${location.search || location.pathname}${chosen === names[0] ? "" : `#${chosen}`}`);
    live.look(chosen);
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const next = nextTab(names, tab.dataset.tab, event.key);
      if (next === null) return;
      event.preventDefault();
      choose(next, { focus: true });
    });
  }
  $("to-mix").addEventListener("click", () => choose("mixed", { focus: true }));
  addEventListener("hashchange", () => choose(location.hash.slice(1)));

  // --- sliders: each fills the field that it stands beside, and follows it ---
  const control = (name) =>
    name.startsWith("price:") ? $$("[name=price]", form).find((field) => field.dataset.gpu === name.slice(6)) : form.elements[name];
  const range = (slider) => ({ low: +slider.dataset.low, high: +slider.dataset.high, factors: "factors" in slider.dataset });
  const isWhole = (field) => field?.name === "level" && (form.elements.load.value || form.elements.load.dataset.own) === "concurrency";
  const follow = () => {
    for (const slider of $$("[data-slides]")) {
      if (slider === sliding) continue;
      const field = control(slider.dataset.slides);
      const known = Number.isFinite(typed(field?.value)) ? typed(field.value) : typed(field?.placeholder);
      slider.value = String(followed(+slider.value, known, range(slider), isWhole(field)));
      slider.setAttribute("aria-valuetext", Number.isFinite(known) ? String(known) : "not set");
    }
  };
  document.addEventListener("new-sliders", follow);
  let sliding = null;
  document.addEventListener("input", (event) => {
    const slider = event.target.closest?.("[data-slides]");
    if (!slider) {
      follow();
      return;
    }
    event.stopPropagation();
    const field = control(slider.dataset.slides);
    if (!field) return;
    sliding = slider;
    globalThis.quantadvise.sliding = true;
    field.value = String(filled(+slider.value, range(slider), isWhole(field)));
    slider.setAttribute("aria-valuetext", field.value);
    if (field.name === "level" && ["single", "max"].includes(form.elements.load.value)) form.elements.load.value = "rate";
    live.askSoon(field, event.timeStamp);
  });
  document.addEventListener("change", (event) => {
    if (!event.target.closest?.("[data-slides]")) return;
    sliding = null;
    globalThis.quantadvise.sliding = false;
  });

  // --- pinned answers, side by side ---
  const known = new Map(); // question -> its answer's headline and figures
  const measured = []; // result files dropped: no question, so not in the address
  const answerTo = async (query) => {
    if (known.has(query)) return known.get(query);
    const [ok, value] = await live.fetchJson("api/figures", query);
    const answer = ok ? { headline: value.headline, figures: value.figures } : { headline: value.error, figures: [] };
    known.set(query, answer);
    return answer;
  };
  const pinButton = () => {
    const on = live.pins().includes(live.current().query);
    $("pin").textContent = on ? "Pinned" : "Pin";
    $("pin").setAttribute("aria-pressed", String(on));
    const pins = live.pins().length + measured.length;
    $$("[data-tab=compare]")[0].textContent = pins ? `Compare (${pins})` : "Compare";
  };
  const column = (answer, at, told) => {
    const head = element("th", null, { scope: "col" });
    head.append(element("strong", answer.headline.split(" · ")[0]), element("small", told));
    if (answer.remove) {
      const remove = element("button", "Remove", { type: "button", class: "quiet", "aria-label": `Remove ${answer.headline}` });
      remove.addEventListener("click", answer.remove);
      head.append(remove);
    }
    return head;
  };
  let turn = 0;
  let compared = "";
  const showPins = async () => {
    pinButton();
    const now = live.current();
    const mine = ++turn;
    const pins = live.pins();
    const answers = await Promise.all(pins.map(async (query) => ({
      ...(await answerTo(query)), query, remove: () => live.pin(pinned(live.pins(), query)),
    })));
    if (mine !== turn) return;
    for (const file of measured) answers.push({ ...file, remove: () => { measured.splice(measured.indexOf(file), 1); showPins(); } });
    if (!pins.includes(now.query)) answers.push({ ...now, here: true });
    // What stands there already is left alone: a button is not taken away from under a hand.
    const says = JSON.stringify(answers.map(({ query, headline, figures, about, here }) => [query, headline, figures, about, here]));
    if (says === compared) return;
    compared = says;
    const base = answers[0]?.query;
    const table = element("table", null, { class: "plain compare" });
    const row = element("tr", null);
    row.append(element("td", "", { "aria-label": "figure" }));
    answers.forEach((answer, at) => {
      const told = answer.about ?? [answer.here ? "now" : "pinned", at > 0 && base ? difference(base, answer.query) : ""].filter(Boolean).join(": ");
      row.append(column(answer, at, told));
    });
    const head = element("thead", null);
    head.append(row);
    const body = element("tbody", null);
    for (const { name, cells } of sideBySide(answers)) {
      const line = element("tr", null);
      line.append(element("th", name, { scope: "row" }));
      for (const cell of cells) {
        const made = element("td", cell.text, { class: "n" });
        if (cell.change) made.append(" ", element("small", cell.change));
        line.append(made);
      }
      body.append(line);
    }
    table.append(head, body);
    $("part-compare").replaceChildren(
      element("p", answers.length < 2
        ? "Pin this answer, then change the question: the two stand here side by side."
        : `Percentages are against the first. Up to ${MOST_PINS} answers can be pinned; the address carries them.`, { class: "note" }),
      table,
    );
  };
  $("pin").addEventListener("click", () => {
    const { query, headline, figures } = live.current();
    if (!query) return;
    known.set(query, { headline, figures });
    live.pin(pinned(live.pins(), query));
  });
  live.answered((_, asked) => {
    if (asked?.load) form.elements.load.dataset.own = asked.load;
    follow();
    showPins();
  });

  // --- files: what is dropped is read here and sent as text; what is made is saved by the browser ---
  const told = (text, bad = false) => {
    const line = element("li", text, bad ? { class: "bad" } : {});
    $("dropped").prepend(line);
  };
  const taken = {
    workload: ({ name }) => {
      if (![...form.elements.workload.options].some((option) => option.value === name)) {
        form.elements.workload.prepend(element("option", name, { value: name }));
      }
      form.elements.workload.value = name;
      // What was typed over the earlier workload is not of this one.
      for (const typedOver of ["load", "level", "input", "output", "ttft", "tpot", "e2e", "at"]) form.elements[typedOver].value = "";
    },
    model: ({ name }) => {
      $("models").prepend(element("option", null, { value: name }));
      form.elements.model.value = name;
    },
    gpu: ({ name, row }) => {
      const rows = $$(".gpu-row");
      rows.find((one) => one.dataset.name === name)?.remove();
      document.querySelector(".gpu-list").insertAdjacentHTML("afterbegin", row); // ours, escaped where it was written
      $$("[name=gpu]", form).find((box) => box.value === name).checked = true;
    },
    results: ({ answers }) => { measured.push(...answers); },
  };
  const MOST_BYTES = 64e6; // as the server has it
  const send = async (file) => {
    if (file.size > MOST_BYTES) return told(`${file.name}: larger than ${MOST_BYTES / 1e6} MB; give it to the command line`, true);
    const response = await fetch(`api/file?${new URLSearchParams({ name: file.name })}`, { method: "POST", body: file });
    const value = await response.json();
    if (!response.ok) return told(value.error, true);
    taken[value.kind](value);
    told(value.says);
    if (value.kind === "results") { showPins(); choose("compare"); } else live.ask({ push: true });
    return undefined;
  };
  const sendAll = async (files) => { for (const file of files) await send(file).catch(() => told(`${file.name}: could not be sent`, true)); };
  $("drop").addEventListener("change", async (event) => {
    await sendAll([...event.target.files]);
    event.target.value = "";
  });
  // Several lines are a profile, a log, a config: no field holds them, wherever they are pasted.
  addEventListener("paste", (event) => {
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData("text");
    const name = pasted(text);
    if (!files.length && name === null) return;
    event.preventDefault();
    choose("files");
    sendAll(files.length ? files : [new File([text], name)]);
  });
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  for (const end of ["dragleave", "drop"]) addEventListener(end, () => document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    choose("files");
    sendAll([...event.dataTransfer.files]);
  });
  const save = async (button) => {
    const [ok, value] = await live.fetchJson(`api/${button.dataset.save}`, live.current().query);
    if (!ok) return told(value.error, true);
    globalThis.quantadvise.save(button.dataset, value);
    return undefined;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-save]");
    if (button) save(button);
  });

  const begun = location.hash.slice(1);
  live.start();
  choose(begun);
})();
