"use strict";
// What the pages' scripts reckon with, apart from any page: `node --test` runs it as it stands.
(() => {
  const words = (text) => (text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const list = (text) => (text ?? "").split(",").map((part) => part.trim()).filter(Boolean);
  const has = (text, query) => words(query).every((word) => text.toLowerCase().includes(word));

  // --- order of a table's cells: numbers before words, what is not known last ---
  const value = (text) => {
    const number = Number(text);
    return text !== "" && !Number.isNaN(number) ? number : text === "–" ? Infinity : text.toLowerCase();
  };
  const ascending = (a, b) =>
    typeof a === "number" && typeof b === "number" ? (a < b ? -1 : a > b ? 1 : 0)
    : typeof a === typeof b ? a.localeCompare(b, "en") : typeof a === "number" ? -1 : 1;
  const order = (a, b, down) => {
    if (a === Infinity || b === Infinity) return a === b ? 0 : a === Infinity ? 1 : -1;
    return down ? ascending(b, a) : ascending(a, b);
  };

  // --- the deployment that a mark is of, by what it is called: `3. fp8 on 1× L40S · Pareto set` ---
  const named = (label) => (label ?? "").split("\n")[0].replace(/^\d+\. /, "").replace(/ · Pareto set$/, "");

  // --- sliders: 0 to 100 against a value, by factors or by differences ---
  const rounded = (number) => Number(number.toPrecision(2));
  const slid = (place, { low, high, factors }) => {
    const part = Math.min(Math.max(place, 0), 100) / 100;
    if (factors) return rounded(low * (high / low) ** part);
    return Number((low + (high - low) * part).toFixed(high - low > 20 ? 0 : 1));
  };
  const placed = (number, { low, high, factors }) => {
    if (!Number.isFinite(number) || number <= low) return 0;
    if (number >= high) return 100;
    return Math.round(100 * (factors ? Math.log(number / low) / Math.log(high / low) : (number - low) / (high - low)));
  };
  // What a slider puts in its field at a place; `whole`: clients are.
  const filled = (place, range, whole) => {
    const number = slid(place, range);
    return whole ? Math.max(1, Math.round(number)) : number;
  };
  // Where a slider stands beside a number: it stays where that number comes from its own place, so that what is
  // rounded does not take it back.
  const followed = (place, number, range, whole) =>
    filled(place, range, whole) === number ? place : placed(number, range);
  const typed = (text) => {
    // What a person types in a field with a slider: `500`, `97 %`; a share of 1 or less is per cent there.
    const match = /^\s*([0-9]*\.?[0-9]+)\s*(%?)\s*$/.exec(text ?? "");
    return match ? Number(match[1]) : NaN;
  };

  // --- the question in the address: its fields, and the questions pinned beside it ---
  const PIN = "pin";
  const OVER = "over"; // what the load story goes along, where it is not the question's own load
  const MOST_PINS = 4;
  const query = (said) => new URLSearchParams(Object.entries(said).filter(([, text]) => text !== "")).toString();
  const address = (said, pins, over = "") => {
    const made = new URLSearchParams(query(said));
    if (over) made.append(OVER, over);
    for (const pin of pins) made.append(PIN, pin);
    return made.toString();
  };
  const addressed = (search) => {
    const given = new URLSearchParams(search);
    const said = {};
    for (const [name, text] of given) if (name !== PIN && name !== OVER) said[name] = text;
    return { said, pins: given.getAll(PIN).slice(0, MOST_PINS), over: given.get(OVER) ?? "" };
  };
  // The question of an address as it stands, also what no form can hold: whoever reads it can refuse that.
  const unpinned = (search) => {
    const given = new URLSearchParams(search);
    for (const name of [PIN, OVER]) given.delete(name);
    return given.toString();
  };
  const pinned = (pins, pin) =>
    pins.includes(pin) ? pins.filter((one) => one !== pin) : [...pins, pin].slice(-MOST_PINS);

  // --- answers side by side ---
  // Of shares in points, of all else in per cent of the first.
  const against = (first, other, points) => {
    if (points && Number.isFinite(first) && Number.isFinite(other)) {
      const far = points * (other - first);
      return Math.abs(far) < 0.05 ? "same" : `${far > 0 ? "+" : "−"}${Math.abs(far).toFixed(1)} points`;
    }
    if (first === null || other === null || first === undefined || other === undefined || !(first > 0)) return "";
    const part = 100 * (other / first - 1);
    if (Math.abs(part) < 0.5) return "same";
    return `${part > 0 ? "+" : "−"}${Math.abs(part).toFixed(0)} %`;
  };
  // One row per quantity that any of them has, in the order of the first; a cell for each answer.
  const sideBySide = (answers) => {
    const names = [];
    for (const answer of answers) for (const { name } of answer.figures) if (!names.includes(name)) names.push(name);
    const of = (answer, name) => answer.figures.find((figure) => figure.name === name);
    return names.map((name) => {
      const first = answers.length ? of(answers[0], name) : undefined;
      return {
        name,
        cells: answers.map((answer, at) => {
          const own = of(answer, name);
          return { text: own?.text ?? "–", change: at === 0 ? "" : against(first?.value, own?.value, own?.points) };
        }),
      };
    });
  };
  // What two questions do not have in common, in words: `level 8`, `gpu without L40S`.
  const difference = (one, other) => {
    const [a, b] = [one, other].map((text) => Object.fromEntries(new URLSearchParams(text)));
    const changed = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
    return changed.map((name) => (b[name] === undefined ? `no ${name}` : `${name} ${b[name].replaceAll(",", ", ")}`)).join("; ");
  };

  // --- what is pasted: several lines are a file, whose name says how it is read ---
  const pasted = (text) => {
    const lines = (text ?? "").trim().split(/\r?\n/).filter((line) => line.trim() !== "");
    if (lines.length < 2) return null;
    const isJson = (line) => { try { return typeof JSON.parse(line) === "object"; } catch { return false; } };
    if (lines.every(isJson)) return "pasted.jsonl";
    if (/^[{[]/.test(lines[0])) return "pasted.json";
    const own = lines.find((line) => !line.trim().startsWith("#")) ?? "";
    return /^[\w-]+\s*:/.test(own) ? "pasted.yaml" : own.includes(",") ? "pasted.csv" : "pasted.yaml";
  };

  // --- tabs: which one the arrows lead to ---
  const nextTab = (names, at, key) => {
    const place = names.indexOf(at);
    if (key === "Home") return names[0];
    if (key === "End") return names[names.length - 1];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    return step === undefined || place < 0 ? null : names[(place + step + names.length) % names.length];
  };

  // --- steps of Back: what is typed or slid in one field is one, until its answer has stood for a moment ---
  // Times in ms. Counted from the key and from its answer, whichever is later: a slow machine makes no steps.
  const BURST_MS = 1200;
  const sameStep = (last, field, at) =>
    last !== null && last.field === field
    && (last.answered === null || at - Math.max(last.at, last.answered) <= BURST_MS);

  // Of headlines the deployment and its cost, and what else differs; the cost of a month follows from the hour's.
  const moved = (before, after) => {
    if (before === after) return "The answer stays the same.";
    const [a, b] = [before, after].map((line) => line.replace(/ \([^)]* a month\)/, "").split(" · "));
    const told = (mine, other) => mine.filter((part, at) => at < 2 || (part !== other[at] && other.length === mine.length)).join(" · ");
    return `was ${told(a, b)} → now ${told(b, a)}`;
  };

  const logic = { words, list, has, named, value, order, slid, placed, filled, followed, typed, query, address, addressed, unpinned, pinned, MOST_PINS, pasted,
                  against, sideBySide, difference, nextTab, sameStep, BURST_MS, moved };
  if (typeof module === "undefined") globalThis.quantadviseLogic = logic;
  else module.exports = logic;
})();
