"use strict";
// What the pages' scripts reckon with, by node's own test runner: node --test tests/report/html
const assert = require("node:assert/strict");
const { test } = require("node:test");
const logic = require("../../../advisor/report/html/assets/logic.js");

const RATE = { low: 0.1, high: 1000, factors: true };
const SHARE = { low: 50, high: 99, factors: false };

test("a slider goes from its low to its high, and back to where it stood", () => {
  assert.equal(logic.slid(0, RATE), 0.1);
  assert.equal(logic.slid(50, RATE), 10);
  assert.equal(logic.slid(100, RATE), 1000);
  assert.equal(logic.slid(100, SHARE), 99);
  for (const range of [RATE, SHARE]) for (let place = 0; place <= 100; place += 1) {
    const back = logic.placed(logic.slid(place, range), range);
    assert.ok(Math.abs(back - place) <= 1, `${place} came back as ${back}`);
  }
});

test("a slider stays where it was put, though its field is rounded", () => {
  for (const whole of [false, true]) for (let place = 0; place <= 100; place += 1) {
    assert.equal(logic.followed(place, logic.filled(place, RATE, whole), RATE, whole), place);
  }
  // Clients are whole: from 1 the first steps lead to 1 again, and the next must lead on.
  assert.equal(logic.filled(3, { low: 1, high: 1000, factors: true }, true), 1);
  assert.equal(logic.followed(3, 10, RATE, false), 50);
});

test("a mark is of the deployment that its label begins with", () => {
  assert.equal(logic.named("fp8 on 1× L40S\n1.09 USD/h"), "fp8 on 1× L40S");
  assert.equal(logic.named("12. int8 with FP8 KV on 2 replicas of 8× H100 · Pareto set\n1 USD"), "int8 with FP8 KV on 2 replicas of 8× H100");
  assert.equal(logic.named(null), "");
});

test("a slider never leaves its range, whatever is typed beside it", () => {
  assert.equal(logic.placed(1e9, RATE), 100);
  assert.equal(logic.placed(0, RATE), 0);
  assert.equal(logic.placed(NaN, RATE), 0);
  assert.equal(logic.slid(-20, RATE), 0.1);
  assert.equal(logic.slid(300, RATE), 1000);
});

test("a slider's values are those a person would type: two digits", () => {
  for (let place = 0; place <= 100; place += 1) {
    assert.match(String(logic.slid(place, RATE)), /^(0\.\d{1,2}|\d(\.\d)?|\d{2}|\d{2}0|1000)$/);
  }
});

test("a number is read from what is typed, and nothing from what is none", () => {
  assert.equal(logic.typed("500"), 500);
  assert.equal(logic.typed(" 97 % "), 97);
  assert.equal(logic.typed(".5"), 0.5);
  for (const text of ["soon", "", undefined, "5 ms", "1e3", "–"]) assert.ok(Number.isNaN(logic.typed(text)), text);
});

test("an address gives back the question, its pins and the axis of the load story", () => {
  const said = { model: "a&b=c #1", gpu: "L40S,H100-SXM", ttft: "500 ms" };
  const pins = ["model=x&level=8", "model=y%20z"];
  assert.deepEqual(logic.addressed(`?${logic.address(said, pins)}`), { said, pins, over: "" });
  assert.deepEqual(logic.addressed(`?${logic.address(said, pins, "rate")}`), { said, pins, over: "rate" });
  assert.equal(logic.query({ model: "m", ttft: "" }), "model=m");
});

test("what is pasted on several lines is a file of its kind, a line is none", () => {
  assert.equal(logic.pasted("# mine\nname: shop\ninput_tokens: {mean: 700, std: 90}\n"), "pasted.yaml");
  assert.equal(logic.pasted('{"model_type": "llama",\n "hidden_size": 4096}'), "pasted.json");
  assert.equal(logic.pasted('{"timestamp": 1, "input_length": 5}\r\n{"timestamp": 2, "input_length": 6}\r\n'), "pasted.jsonl");
  assert.equal(logic.pasted("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,4808,10"), "pasted.csv");
  for (const line of ["Llama-3.1-8B-Instruct", " 97 % \n", "", undefined]) assert.equal(logic.pasted(line), null);
});

test("an address is asked as it stands, but for its pins and the axis", () => {
  assert.equal(logic.unpinned("?level=8&over=rate&pin=a"), "level=8");
  assert.equal(logic.unpinned("?gpu=H900&level=8&level=9&pin=a%3Db"), "gpu=H900&level=8&level=9");
  assert.equal(logic.unpinned(""), "");
});

test("an address of a stranger gives no more pins than there may be", () => {
  const search = Array.from({ length: 50 }, (_, k) => `pin=${k}`).join("&");
  assert.equal(logic.addressed(search).pins.length, logic.MOST_PINS);
});

test("pinning twice unpins; a fifth pin takes the place of the oldest", () => {
  assert.deepEqual(logic.pinned(["a", "b"], "a"), ["b"]);
  assert.deepEqual(logic.pinned(["a", "b", "c", "d"], "e"), ["b", "c", "d", "e"]);
});

test("a change is told in per cent of the first", () => {
  assert.equal(logic.against(2, 3), "+50 %");
  assert.equal(logic.against(2, 1), "−50 %");
  assert.equal(logic.against(100, 100.2), "same");
  assert.equal(logic.against(0.98, 0.93, 100), "−5.0 points");
  assert.equal(logic.against(99.5, 100, 1), "+0.5 points");
  assert.equal(logic.against(99.5, 99.52, 1), "same");
  for (const [first, other] of [[null, 1], [0, 1], [1, undefined], [undefined, undefined]]) assert.equal(logic.against(first, other), "");
});

test("answers stand side by side by the names of their figures", () => {
  const one = { figures: [{ name: "USD per hour", value: 2, text: "2.00" }, { name: "TTFT p95, ms", value: 200, text: "200" }] };
  const other = { figures: [{ name: "USD per hour", value: 3, text: "3.00" }, { name: "E2E mean, s", value: 1, text: "1.0" }] };
  assert.deepEqual(logic.sideBySide([one, other]), [
    { name: "USD per hour", cells: [{ text: "2.00", change: "" }, { text: "3.00", change: "+50 %" }] },
    { name: "TTFT p95, ms", cells: [{ text: "200", change: "" }, { text: "–", change: "" }] },
    { name: "E2E mean, s", cells: [{ text: "–", change: "" }, { text: "1.0", change: "" }] },
  ]);
  assert.deepEqual(logic.sideBySide([]), []);
  assert.deepEqual(logic.sideBySide([{ figures: [] }, one])[0].cells, [{ text: "–", change: "" }, { text: "2.00", change: "" }]);
});

test("two questions are told apart by what they do not share", () => {
  assert.equal(logic.difference("model=m&level=8", "model=m&level=16"), "level 16");
  assert.equal(logic.difference("model=m&ttft=500", "model=m&gpu=A,B"), "no ttft; gpu A, B");
  assert.equal(logic.difference("model=m", "model=m"), "");
});

test("cells are ordered by number, then by word, and what is unknown is last both ways", () => {
  const sorted = (down) => ["fp8", "10", "–", "2", "int4"].map(logic.value).sort((a, b) => logic.order(a, b, down));
  assert.deepEqual(sorted(false), [2, 10, "fp8", "int4", Infinity]);
  assert.deepEqual(sorted(true), ["int4", "fp8", 10, 2, Infinity]);
});

test("a search finds what has every word, in any order and case", () => {
  assert.ok(logic.has("int8 on 2x H100", "h100 INT8"));
  assert.ok(logic.has("anything", "  "));
  assert.ok(!logic.has("int8 on 2x H100", "h100 l40s"));
});

test("arrows go round the tabs, Home and End to their ends, other keys nowhere", () => {
  const names = ["answer", "load", "files"];
  assert.equal(logic.nextTab(names, "answer", "ArrowLeft"), "files");
  assert.equal(logic.nextTab(names, "files", "ArrowRight"), "answer");
  assert.equal(logic.nextTab(names, "load", "Home"), "answer");
  assert.equal(logic.nextTab(names, "load", "End"), "files");
  assert.equal(logic.nextTab(names, "load", "x"), null);
  assert.equal(logic.nextTab(names, "nowhere", "ArrowRight"), null);
});

test("what a change did is told as was and now", () => {
  assert.equal(logic.moved("a", "a"), "The answer stays the same.");
  assert.equal(logic.moved("a", "b"), "was a → now b");
  const [one, other, sure] = ["bf16 on 1× A6000 · 0.89 USD/h (650 a month) · keeps all limits 95 %", "fp8 on 1× L40S · 1.09 USD/h (796 a month) · keeps all limits 95 %", "bf16 on 1× A6000 · 0.89 USD/h (650 a month) · keeps all limits 99 %"];
  assert.equal(logic.moved(one, other), "was bf16 on 1× A6000 · 0.89 USD/h → now fp8 on 1× L40S · 1.09 USD/h");
  assert.equal(logic.moved(one, sure), "was bf16 on 1× A6000 · 0.89 USD/h · keeps all limits 95 % → now bf16 on 1× A6000 · 0.89 USD/h · keeps all limits 99 %");
  assert.equal(logic.moved(one, "nothing keeps the limits"), "was bf16 on 1× A6000 · 0.89 USD/h → now nothing keeps the limits");
});

test("keys in one field are one step of Back however late they are answered", () => {
  const waiting = { field: "level", at: 1000, answered: null };
  assert.ok(logic.sameStep(waiting, "level", 60_000));
  // Answered at 9 s: the next key counts from there, not from the key before it.
  const late = { field: "level", at: 1000, answered: 9000 };
  assert.ok(logic.sameStep(late, "level", 9000 + logic.BURST_MS));
  assert.ok(!logic.sameStep(late, "level", 9001 + logic.BURST_MS));
  // Answered at once: it counts from the last key.
  const quick = { field: "level", at: 1000, answered: 1050 };
  assert.ok(!logic.sameStep(quick, "level", 5000));
  assert.ok(logic.sameStep({ ...quick, at: 4900 }, "level", 5000));
});

test("another field, or the same one come back to, is another step of Back", () => {
  assert.ok(!logic.sameStep({ field: "level", at: 1000, answered: null }, "ttft", 1001));
  assert.ok(!logic.sameStep(null, "level", 1001));
});
