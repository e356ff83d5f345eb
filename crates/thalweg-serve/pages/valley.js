// The valley: sliders, the picture of a setting, and SGD on it while it runs. It draws what the server computes.

import { Chart, element, shown } from "/page/chart.js";
import { colour, contour, levels, picture as heatPicture, range } from "/page/heat.js";
import { allowed, needed, slider } from "/page/slider.js";

const $ = id => document.getElementById(id);
const T_AXIS = "T, loss/weight²", F_AXIS = "F, loss²/weight²";
const MAP = 400, CURVE = 250, BAR = 62;

const charts = {
  mapF: new Chart($("map-f"), MAP, { right: BAR }),
  mapT: new Chart($("map-t"), MAP, { right: BAR }),
  curveF: new Chart($("curve-f"), CURVE, { right: BAR }),
  curveT: new Chart($("curve-t"), CURVE, { right: BAR }),
};

let fields = [], scenes = [], lastFrame = 0;
// What may be marked on a map, by its key.
let kinds = new Map();
const sliders = new Map();
// What differs from the defaults, and the picture of it.
let setting = {};
let view = null;
// What was not understood of the address, until something else is chosen.
let remark = "";

// --- addresses

const query = () => Object.entries(setting).map(([key, value]) => `${key}=${value}`).join("&");

// In the order of the fields and without defaults, so that equal settings have equal addresses.
function settle(values) {
  const given = fields.filter(({ key, default: usual }) => values[key] !== undefined && values[key] !== usual);
  setting = Object.fromEntries(given.map(({ key }) => [key, values[key]]));
}

// Takes over the setting that `text` says. What it says that is not understood is as if it were not there; the sentences about that are returned.
function read(text) {
  const values = {}, remarks = [];
  for (const pair of text.split("&").filter(pair => pair)) {
    const [key, given = ""] = pair.split("=", 2);
    const field = fields.find(field => field.key === key);
    const value = given.trim() === "" ? NaN : Number(given);
    if (!field) remarks.push(`There is no field “${short(key)}”.`);
    else if (!allowed(field, value) || (field.scale === "whole" && !Number.isInteger(value)))
      remarks.push(`${key} is “${short(given)}”, and must be ${needed(field)}: ${field.default} is shown instead.`);
    else values[key] = value;
  }
  settle(values);
  return remarks;
}

const short = text => text.length > 40 ? `${text.slice(0, 40)}…` : text;

function remember() {
  history.replaceState(null, "", query() ? `#${query()}` : location.pathname);
  $("file").href = `/api/valley/experiment.toml?${query()}`;
  for (const button of $("scenes").children) {
    const here = button.dataset.query === query();
    button.setAttribute("aria-pressed", here);
    if (here) $("sentence").textContent = button.dataset.sentence;
  }
  if (![...$("scenes").children].some(button => button.getAttribute("aria-pressed") === "true")) {
    $("sentence").textContent = "A setting of your own. The address of this page holds it.";
  }
}

function complain(sentence) {
  $("problem").textContent = sentence;
  $("problem").hidden = !sentence;
}

// --- the picture: one request at a time, and of those that wait the latest

let asking = null, next = null;

async function ask(since) {
  next = { text: query(), since };
  if (asking) return;
  while (next) {
    const wanted = next;
    next = null;
    asking = wanted;
    try {
      const reply = await fetch(`/api/valley/picture?${wanted.text}`);
      const made = await reply.json();
      if (!reply.ok) throw new Error(made.error);
      if (next) continue;
      complain(remark);
      view = made;
      draw();
      $("main").dataset.milliseconds = (performance.now() - wanted.since).toFixed(1);
      $("main").dataset.query = wanted.text;
    } catch (error) {
      complain(error.message);
    } finally {
      asking = null;
    }
  }
}

// The mark of `key` with its middle at x, y, `size` times as large as in a still picture.
function markShape(key, x, y, size) {
  const { corners } = kinds.get(key);
  if (!corners.length) {
    const ring = { cx: x, cy: y, r: 3.5 * size };
    return [element("circle", { ...ring, class: "ringhalo" }), element("circle", { ...ring, class: "ring" })];
  }
  const d = corners.map(([right, down], i) => `${i ? "L" : "M"}${x + size * right} ${y + size * down}`).join("") + "Z";
  return [element("path", { d, class: "mark" })];
}

function drawMap(chart, rows, label) {
  const gains = view.maps ? view.maps.gains : span();
  const ends = values => [values[0], values[values.length - 1]];
  chart.axes({
    x: ends(gains[0]), y: ends(gains[1]), log: true, plain: Boolean(rows),
    xLabel: "gain of input 1, ‖W₁e₁‖, weight", yLabel: "gain of input 2, ‖W₁e₂‖, weight",
  });
  const { left, right, top, bottom } = chart.box;
  const under = [], over = [];
  if (rows) {
    const heights = range(rows);
    under.push(element("image", {
      href: heatPicture(rows, heights), x: left, y: top, width: right - left, height: bottom - top, preserveAspectRatio: "none",
    }));
    const columns = rows[0].length - 1, lines = rows.length - 1;
    const x = column => left + (right - left) * column / columns;
    const y = row => bottom - (bottom - top) * row / lines;
    under.push(element("path", { class: "contour", d: levels(heights).map(level => contour(rows, level, x, y)).join("") }));
    over.push(...bar(heights, label, right + 8, top, bottom));
  }
  const path = chart.line(view.flow.gains);
  const still = [
    element("path", { class: "halo", d: path }),
    element("path", { class: "flow onmap", d: path }),
  ];
  if (!rows) still[1].setAttribute("class", "flow");
  for (const mark of view.marks) {
    const [x, y] = [chart.x(mark.gains[0]), chart.y(mark.gains[1])];
    const made = markShape(mark.key, x, y, 2);
    made[0].append(element("title", {}, `${mark.name}: T ${shown(mark.sharpness)}, F ${shown(mark.fluctuation)}`));
    still.push(...made);
  }
  chart.layers.under.replaceChildren(...under);
  chart.layers.still.replaceChildren(...still);
  chart.layers.over.replaceChildren(...over);
}

// Without a map: the gains that the flow and the marks take up.
function span() {
  const all = view.flow.gains.concat(view.marks.map(mark => mark.gains));
  return [0, 1].map(axis => {
    const values = all.map(gains => gains[axis]);
    return [Math.min(1, ...values) / 1.3, Math.max(1, ...values) * 1.3];
  });
}

function bar([low, high], label, x, top, bottom) {
  const parts = [];
  const steps = 48;
  for (let i = 0; i < steps; i++) {
    const height = (bottom - top) / steps;
    parts.push(element("rect", { x, y: bottom - (i + 1) * height - .3, width: 10, height: height + .6, fill: `rgb(${colour((i + .5) / steps)})` }));
  }
  for (const part of [0, .25, .5, .75, 1]) {
    const value = low * (high / low) ** part;
    parts.push(element("text", { x: x + 14, y: bottom - part * (bottom - top) + (part === 1 ? 10 : part === 0 ? 0 : 4) }, shown(value, 3)));
  }
  parts.push(element("text", { x: x + 5, y: bottom + 17, "text-anchor": "start", class: "muted" }, label));
  return parts;
}

function drawCurve(chart, key, label) {
  const path = view.flow.step.map((step, i) => [step, view.flow[key][i]]);
  const marks = view.marks.filter(mark => mark.key !== "start" && mark.key !== "theorem");
  const values = view.flow[key].concat(marks.map(mark => mark[key]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = .12 * (high - low) || .1 * high;
  chart.axes({
    x: [0, view.flow.step[view.flow.step.length - 1]], y: [Math.max(0, low - margin), high + margin], log: false,
    xLabel: "step t", yLabel: label,
  });
  const { left, right } = chart.box;
  const still = [], over = [];
  for (const mark of marks) {
    const y = chart.y(mark[key]);
    still.push(element("line", { x1: left, x2: right, y1: y, y2: y, class: mark.key === "flattest" ? "level flat" : "level" }));
    over.push(element("text", { x: right + 5, y: y + 4, class: "muted" }, mark.key === "flattest" ? "flattest" : "end"));
  }
  const places = over.map(text => Number(text.getAttribute("y")));
  if (over.length === 2 && Math.abs(places[0] - places[1]) < 13) {
    const upper = places[0] < places[1] ? 0 : 1;
    over[upper].setAttribute("y", places[upper] - 7);
    over[1 - upper].setAttribute("y", places[1 - upper] + 7);
  }
  still.push(element("path", { class: "flow", d: chart.line(path) }));
  chart.layers.still.replaceChildren(...still);
  chart.layers.over.replaceChildren(...over);
}

function draw() {
  const more = view.maps ? "" : " (no map: the minima of more than two layers are no surface)";
  $("cap-f").textContent = `Fluctuation F: SGD goes downhill${more}`;
  $("cap-t").textContent = `Sharpness T of the same minima${more}`;
  drawMap(charts.mapF, view.maps && view.maps.fluctuation, "F");
  drawMap(charts.mapT, view.maps && view.maps.sharpness, "T");
  drawCurve(charts.curveF, "fluctuation", F_AXIS);
  drawCurve(charts.curveT, "sharpness", T_AXIS);
  const { prediction, marks } = view;
  const mark = key => marks.find(mark => mark.key === key);
  $("end-t").textContent = shown(prediction.sharpness, 6);
  $("end-f").textContent = shown(prediction.fluctuation, 6);
  $("end-t").dataset.value = prediction.sharpness;
  $("end-f").dataset.value = prediction.fluctuation;
  const flattest = mark("flattest");
  $("flat-t").textContent = shown(prediction.min_sharpness, 6);
  $("flat-f").textContent = shown(flattest.fluctuation, 6);
  const exact = mark("theorem") && mark("end") && prediction.sharpness !== mark("end").sharpness && view.flow.name.includes("exact");
  $("drift-row").hidden = !exact;
  $("end-name").textContent = exact ? "least fluctuation (Theorem 1, predict)" : "where SGD ends (predict)";
  for (const there of document.querySelectorAll(".there")) there.textContent = exact ? "at the least fluctuation" : "at the end";
  if (exact) {
    $("drift-t").textContent = shown(mark("end").sharpness, 4);
    $("drift-f").textContent = shown(mark("end").fluctuation, 4);
  }
  for (const item of $("legend").querySelectorAll("[data-mark]")) item.hidden = !mark(item.dataset.mark);
  $("flow-name").textContent = `${view.flow.name} (theory)`;
  $("ratio").textContent = shown(prediction.sharpness / prediction.min_sharpness, 5);
  $("lambda").textContent = `${shown(prediction.lambda_max, 5)} loss/weight²`;
  $("stability").textContent = shown(prediction.run.stability_number, 3);
  $("relaxation").textContent = shown(prediction.run.relaxation_steps, 3);
  $("stability-formula").textContent = prediction.run.stability_formula;
  $("verdicts").replaceChildren(...view.verdicts.map(({ of, sentence }) => {
    const verdict = document.createElement("p");
    verdict.append(Object.assign(document.createElement("b"), { textContent: `${of}: ` }), sentence);
    return verdict;
  }));
  $("notes").replaceChildren(...view.notes.map(note => Object.assign(document.createElement("li"), { textContent: note })));
  restart();
}

// --- SGD

let events = null, frames = [], timer = null, painting = false;

function layer(chart, count, dots) {
  const trails = Array.from({ length: count }, () => element("path", { class: "trail" }));
  const mean = element("path", { class: "mean" });
  const points = dots ? Array.from({ length: count }, () => element("circle", { class: "sgd", r: 4.2 })) : [];
  chart.layers.moving.replaceChildren(...trails, ...(dots ? [] : [mean]), ...points);
  return { trails, mean, points };
}

function paint() {
  painting = false;
  const last = frames[frames.length - 1];
  if (!view || !last) {
    for (const chart of Object.values(charts)) chart.layers.moving.replaceChildren();
    return;
  }
  const count = last.seeds.length;
  for (const chart of [charts.mapF, charts.mapT]) {
    const { trails, points } = layer(chart, count, true);
    for (let seed = 0; seed < count; seed++) {
      const way = frames.map(frame => frame.seeds[seed]);
      trails[seed].setAttribute("d", chart.line(way));
      const here = way[way.length - 1];
      if (here) points[seed].setAttribute("cx", chart.x(here[0])), points[seed].setAttribute("cy", chart.y(here[1]));
      else points[seed].remove();
    }
  }
  for (const [chart, key, which] of [[charts.curveF, "fluctuation", 3], [charts.curveT, "sharpness", 2]]) {
    const { trails, mean } = layer(chart, count, false);
    for (let seed = 0; seed < count; seed++) {
      trails[seed].setAttribute("d", chart.line(frames.map(frame => frame.seeds[seed] && [frame.step, frame.seeds[seed][which]])));
    }
    mean.setAttribute("d", chart.line(frames.map(frame => [frame.step, frame[key].mean])));
  }
  const with_error = ({ mean, standard_error }) => `${shown(mean)} ± ${shown(standard_error, 2)}`;
  $("sgd-t").textContent = with_error(last.sharpness);
  $("sgd-f").textContent = with_error(last.fluctuation);
  const at = view.flow.step.indexOf(last.step);
  $("flow-t").textContent = shown(view.flow.sharpness[at]);
  $("flow-f").textContent = shown(view.flow.fluctuation[at]);
  const lost = last.diverged ? `, ${last.diverged} diverged` : "";
  $("clock").textContent = `step ${last.step.toLocaleString("en")} of ${view.flow.step[view.flow.step.length - 1].toLocaleString("en")}${lost}`;
  $("main").dataset.frame = last.number;
}

function repaint() {
  if (!painting) painting = true, requestAnimationFrame(paint);
}

function stop() {
  clearTimeout(timer);
  if (events) events.close();
  events = null;
  $("play").textContent = frames.length ? "Go on" : "Run SGD";
}

function play() {
  stop();
  const done = frames.length ? frames[frames.length - 1].number : -1;
  if (view && done >= lastFrame) return;
  $("play").textContent = "Pause";
  events = new EventSource(`/api/valley/watch/${done + 1}?${query()}`);
  events.onmessage = message => {
    frames.push(JSON.parse(message.data));
    repaint();
  };
  events.addEventListener("end", () => {
    stop();
    $("play").textContent = "Run again";
    $("done").textContent = `SGD has made all steps: sharpness ${$("sgd-t").textContent}, fluctuation ${$("sgd-f").textContent}.`;
  });
  events.addEventListener("failed", message => {
    stop();
    complain(message.data);
  });
  events.onerror = () => {
    // Lost for a moment: the browser asks again by itself, from the frame that it had last.
    if (events && events.readyState === EventSource.CLOSED) {
      stop();
      complain("SGD cannot be run now: there are too many runs at the same time, or the server has stopped. Try again.");
    }
  };
}

function clear() {
  stop();
  frames = [];
  delete $("main").dataset.frame;
  for (const id of ["sgd-t", "sgd-f", "flow-t", "flow-f", "clock", "done"]) $(id).textContent = "";
  $("play").textContent = "Run SGD";
  repaint();
}

// After a change SGD begins anew, once the hand rests.
function restart() {
  clear();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setTimeout(play, 500);
}

// --- hands

function change(key, value) {
  const since = performance.now();
  remark = "";
  settle({ ...setting, [key]: value });
  clear();
  remember();
  ask(since);
}

function show(text) {
  const remarks = read(text);
  remark = remarks.length ? `Not all of the address was understood. ${remarks.join(" ")}` : "";
  for (const field of fields) sliders.get(field.key).set(setting[field.key] ?? field.default);
  clear();
  remember();
  ask(performance.now());
}

function moveStart(chart, event) {
  if (!view) return;
  const { left, top, width } = chart.svg.getBoundingClientRect();
  const ratio = chart.size[0] / width;
  const [x, y] = [(event.clientX - left) * ratio, (event.clientY - top) * ratio];
  const { box } = chart;
  if (x < box.left || x > box.right || y < box.top || y > box.bottom) return;
  chart.from(x, y).forEach((gain, i) => {
    const field = fields.find(field => field.key === `gain_${i + 1}`);
    const value = Number(Math.min(field.most, Math.max(field.least, gain)).toPrecision(3));
    sliders.get(field.key).set(value);
    change(field.key, value);
  });
}

// All four pictures in one file, with the colours that they have now.
function save() {
  const style = getComputedStyle(document.documentElement);
  const rules = [...document.styleSheets[0].cssRules].map(rule => rule.cssText).filter(text => text.startsWith("svg "));
  const css = rules.join("").replace(/var\((--[a-z]+)\)/g, (_, name) => style.getPropertyValue(name).trim()).replaceAll("svg ", "");
  const [width, mapHeight] = charts.mapF.size, curveHeight = charts.curveF.size[1];
  const whole = element("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${2 * width} ${mapHeight + curveHeight}`, "font-family": "sans-serif" });
  whole.append(element("style", {}, css));
  whole.append(element("rect", { width: "100%", height: "100%", fill: style.getPropertyValue("--paper").trim() }));
  [[charts.mapF, 0, 0], [charts.mapT, 1, 0], [charts.curveF, 0, 1], [charts.curveT, 1, 1]].forEach(([chart, column, row]) => {
    const part = chart.svg.cloneNode(true);
    for (const [key, value] of Object.entries({ x: column * width, y: row * mapHeight, width, height: chart.size[1] })) part.setAttribute(key, value);
    whole.append(part);
  });
  const file = new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "valley.svg" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return file.size;
}

async function begin() {
  const known = await (await fetch("/api/valley/fields")).json();
  ({ fields, scenes, frames: lastFrame } = known);
  kinds = new Map(known.marks.map(mark => [mark.key, mark]));
  for (const { key, words } of known.marks) {
    const item = document.createElement("li");
    item.dataset.mark = key;
    item.append(element("svg", { width: 26, height: 14, "aria-hidden": true }), ` ${words}`);
    item.firstChild.append(...markShape(key, 13, 7, 1.5));
    $("legend").append(item);
  }
  for (const field of fields) {
    const made = slider(field, change);
    sliders.set(field.key, made);
    $("sliders").append(made.box);
  }
  for (const scene of scenes) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: scene.name });
    button.dataset.sentence = scene.sentence;
    button.addEventListener("click", () => show(scene.query));
    $("scenes").append(button);
    read(scene.query);
    button.dataset.query = query();
  }
  show(location.hash.slice(1) || scenes[2].query);
}

$("play").addEventListener("click", () => {
  if (events) stop();
  else {
    if (frames.length && frames[frames.length - 1].number >= lastFrame) clear();
    play();
  }
});
$("reset").addEventListener("click", clear);
$("save").addEventListener("click", save);
$("share").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    $("share").textContent = "Copied";
  } catch {
    $("share").textContent = "Copy it from the address bar";
  }
  setTimeout(() => { $("share").textContent = "Copy address"; }, 2000);
});
$("sliders").addEventListener("submit", event => event.preventDefault());
addEventListener("hashchange", () => { if (location.hash.slice(1) !== query()) show(location.hash.slice(1)); });
for (const chart of [charts.mapF, charts.mapT]) chart.svg.addEventListener("click", event => moveStart(chart, event));
begin().catch(error => complain(`The page cannot begin: ${error.message}`));
