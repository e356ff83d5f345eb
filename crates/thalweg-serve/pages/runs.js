// Runs and sweeps of the folder: curves side by side, a sweep's cells, and the pages that lie there.

import { Chart, element, shown } from "/page/chart.js";
import { colour } from "/page/heat.js";

const $ = id => document.getElementById(id);
// Between two looks at what grows, milliseconds.
const AGAIN = 2000;
// Lines that can be told apart by colour and by pattern.
const MOST = 6;

const make = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const address = path => path.split("/").map(encodeURIComponent).join("/");
const called = path => path || "the folder itself";

let entries = [];
const chosen = [];
let shownSweep = null, timer = null;
const choice = { across: 0, down: 1, quantity: "sharpness" };

async function get(path) {
  const reply = await fetch(path);
  const made = await reply.json();
  if (!reply.ok) throw new Error(made.error);
  return made;
}

function complain(sentence) {
  $("problem").textContent = sentence;
  $("problem").hidden = !sentence;
}

// --- the list

function listed() {
  const items = entries.map(({ path, kind, report }) => {
    const item = make("li");
    if (kind === "simulation" || kind === "training") {
      const box = control(make("input", { type: "checkbox", checked: chosen.includes(path) }), "draw", path);
      box.addEventListener("change", () => choose(path, box.checked));
      item.append(make("label", {}, box, ` ${called(path)} `, make("small", { textContent: kind })));
    } else {
      const label = `${called(path)} `;
      if (kind === "sweep") {
        const button = control(make("button", { type: "button", textContent: path || "the sweep" }), "sweep", path);
        // Pressed again it closes.
        button.addEventListener("click", () => {
          shownSweep = path === shownSweep ? null : path;
          choosable = "";
          listed();
          look().then(() => $("sweep").scrollIntoView({ block: "nearest" }));
        });
        button.setAttribute("aria-pressed", path === shownSweep);
        item.append(button, " ", make("small", { textContent: kind }));
      } else item.append(label, make("small", { textContent: kind }));
    }
    if (report) {
      const button = control(make("button", { type: "button", textContent: "report" }), "report", path);
      button.setAttribute("aria-label", `report of ${called(path)}`);
      button.addEventListener("click", () => openReport(path, button.dataset.control));
      item.append(" ", button);
    }
    return item;
  });
  if (!items.length) items.push(make("li", { textContent: "Nothing yet. Runs, sweeps and reproductions in this folder are shown here as soon as they begin." }));
  const at = document.activeElement?.dataset.control;
  $("entries").replaceChildren(...items);
  // Whoever works with the keyboard stays where they were, though the list was made anew.
  focusOn(at);
}

// The keyboard to what is worked with in the list, if it is there.
const focusOn = control => [...$("entries").querySelectorAll("[data-control]")].find(made => made.dataset.control === control)?.focus();

// What is worked with in the list, by what it does and to which entry.
const control = (made, what, path) => {
  made.dataset.control = `${what} ${path}`;
  return made;
};

// The report in its box, which its button or Escape closes; the keyboard goes back to `opener`.
let opener = null;

function openReport(path, from) {
  opener = from;
  $("page").src = `/api/folder/page/${address(path)}`;
  $("page").title = $("report-of").textContent = `Report of ${called(path)}`;
  $("report").hidden = false;
  $("report").scrollIntoView();
  $("close").focus();
}

function closeReport() {
  $("report").hidden = true;
  $("page").src = "about:blank";
  focusOn(opener);
}

function choose(path, on) {
  const at = chosen.indexOf(path);
  if (on && at < 0) {
    chosen.push(path);
    if (chosen.length > MOST) chosen.shift();
  }
  if (!on && at >= 0) chosen.splice(at, 1);
  listed();
  look();
}

// --- curves

function drawRuns(runs) {
  const keys = [];
  for (const { run } of runs) for (const curve of run.curves) if (!keys.includes(curve.key)) keys.push(curve.key);
  $("charts").replaceChildren();
  for (const key of keys.slice(0, 6)) {
    const curves = runs.map(({ run }) => run.curves.find(curve => curve.key === key));
    // With their bands, which are to be seen whole.
    const ends = ({ mean, standard_error }) => mean.flatMap((value, j) => [-1, 1].map(sign => value + sign * (standard_error[j] ?? 0)));
    const values = curves.flatMap(curve => curve ? ends(curve).filter(Number.isFinite) : []);
    if (!values.length) continue;
    const { axis, symbol, unit } = curves.find(Boolean);
    const name = axis.replace(/_\{?([a-z0-9]+)\}?/gi, "_$1");
    const box = make("div", { id: `curve-${key}` });
    const figure = make("figure", {}, make("figcaption", { textContent: name }), box);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${name} against steps, of ${runs.map(({ path }) => called(path)).join(", ")}`);
    $("charts").append(figure);
    const chart = new Chart(box, 250);
    // Curves of runs that diverge leave the picture, and do not press the others flat.
    const steady = runs.flatMap(({ run }, i) => run.diverged || !curves[i] ? [] : ends(curves[i]).filter(Number.isFinite));
    const reach = steady.length ? Math.max(...steady) - Math.min(...steady) || Math.abs(steady[0]) : Infinity;
    const low = Math.max(Math.min(...values), steady.length ? Math.min(...steady) - reach : -Infinity);
    const high = Math.min(Math.max(...values), steady.length ? Math.max(...steady) + reach : Infinity);
    const margin = .06 * (high - low) || .1 * Math.abs(high) || 1;
    chart.axes({ x: [0, Math.max(...runs.map(({ run }) => run.steps))], y: [low - margin, high + margin], log: false, xLabel: "step t", yLabel: unit ? `${symbol}, ${unit}` : symbol });
    curves.forEach((curve, i) => {
      if (!curve) return;
      const at = sign => curve.step.map((step, j) => [step, curve.mean[j] + sign * (curve.standard_error[j] ?? 0)]);
      const band = chart.line(at(1)) + chart.line(at(-1).reverse()).replace(/^M/, "L");
      chart.layers.still.append(element("path", { d: `${band}Z`, class: `band line-${i}` }), element("path", { d: chart.line(at(0)), class: `line line-${i}` }));
    });
  }
  $("legend").replaceChildren(...runs.map(({ path, run }, i) => {
    const sample = element("svg", { width: 30, height: 12, "aria-hidden": "true" });
    sample.append(element("path", { d: "M1 6H29", class: `line line-${i}` }));
    const lost = run.diverged ? `, ${run.diverged} diverged` : "";
    const state = run.finished ? `${run.steps.toLocaleString("en")} steps` : `${run.step.toLocaleString("en")} of ${run.steps.toLocaleString("en")} steps`;
    return make("li", {}, sample, ` ${called(path)}: ${state}, ${run.seeds} seeds${lost}`);
  }));
}

// --- a sweep

const average = values => values.reduce((a, b) => a + b) / values.length;

// A value of an axis: of a number no more digits than tell it apart.
function rounded(value) {
  return value !== "" && Number.isFinite(Number(value)) ? String(Number(Number(value).toPrecision(6))) : value;
}

// What the choices were made for, and the sweep that they draw again: made anew only for other axes, so that a list that a reader has open
// stays open while cells finish.
let choosable = "", latest = null;

// The first axis that does not move together with axis `at`; −1 where there is none.
const beside = (at, axisOf) => axisOf.findIndex(of => of !== axisOf[at]);

function choices(axes, axisOf) {
  if (choosable === JSON.stringify(axes)) return;
  choosable = JSON.stringify(axes);
  Object.assign(choice, { across: 0, down: beside(0, axisOf) });
  const select = (name, options, label) => {
    const made = make("select");
    options.forEach(([value, text]) => made.append(make("option", { value, textContent: text, selected: String(choice[name]) === String(value) })));
    made.addEventListener("change", () => {
      const before = choice[name];
      choice[name] = name === "quantity" ? made.value : Number(made.value);
      // Two axes are two, and do not move together: the other takes the place that is free.
      if (name !== "quantity" && choice.down >= 0 && axisOf[choice.across] === axisOf[choice.down]) {
        const other = name === "across" ? "down" : "across";
        choice[other] = axisOf[before] === axisOf[choice[name]] ? beside(choice[name], axisOf) : before;
        selects[other].value = String(choice[other]);
      }
      drawSweep(latest);
    });
    selects[name] = made;
    return make("label", {}, `${label} `, made, " ");
  };
  const selects = {};
  const named = axes.map((axis, i) => [i, axis]);
  $("choices").replaceChildren(
    select("quantity", [["sharpness", "T at the end, loss/weight²"], ["fluctuation", "F at the end, loss²/weight²"]], "Number:"),
    ...(axes.length > 1 ? [select("across", named, "Columns:")] : []),
    ...(choice.down >= 0 ? [select("down", named, "Rows:")] : []),
  );
}

function drawSweep(sweep) {
  latest = sweep;
  const { status, axes, axis_of: axisOf, points, cells } = sweep;
  const left = status.seconds_left === null || status.finished + status.failed.length === status.cells ? "" : `, about ${shown(status.seconds_left, 2)} s left on this machine`;
  $("progress").textContent = `${shownSweep}: ${status.finished} of ${status.cells} cells are finished${status.with_divergence ? ` (${status.with_divergence} of them with seeds that diverged)` : ""}, ${status.running} are running, ${status.waiting} are waiting, ${status.failed.length} have failed${left}.`;
  choices(axes, axisOf);
  const down = choice.down;
  const values = axis => axis < 0 ? [""] : [...new Set(points.map(point => point[axis]))];
  const [columns, rows] = [values(choice.across), values(down)];
  const groups = new Map();
  const seen = new Map(cells.map(cell => [cell.number, cell]));
  points.forEach((point, number) => {
    const key = `${point[choice.across]}\n${down < 0 ? "" : point[down]}`;
    const group = groups.get(key) ?? { values: [], cells: 0, failed: 0, diverged: 0 };
    const cell = seen.get(number);
    group.cells += 1;
    if (cell && cell.failed) group.failed += 1;
    else if (cell && Number.isFinite(cell[choice.quantity])) group.values.push(cell[choice.quantity]);
    else if (cell) group.diverged += 1;
    groups.set(key, group);
  });
  const means = [...groups.values()].filter(group => group.values.length).map(group => average(group.values));
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const head = make("tr", {}, make("th", { scope: "col", textContent: down < 0 ? "" : `${axes[down]} ↓` }));
  for (const column of columns) head.append(make("th", { scope: "col", textContent: `${axes[choice.across]} = ${rounded(column)}` }));
  const body = rows.map(row => {
    const line = make("tr", {}, make("th", { scope: "row", textContent: rounded(row) }));
    for (const column of columns) {
      const group = groups.get(`${column}\n${row}`);
      const cell = make("td");
      if (group && group.values.length) {
        const mean = average(group.values);
        const part = Math.log(mean / low) / (Math.log(high / low) || 1);
        cell.textContent = shown(mean) + (group.cells > 1 ? ` (${group.values.length} of ${group.cells}${group.diverged ? `, ${group.diverged} diverged` : ""})` : "");
        const [red, green, blue] = colour(part);
        cell.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
        cell.style.color = part > .55 ? "#000" : "#fff";
      } else cell.textContent = group?.failed ? "failed" : group?.diverged ? "diverged" : "…";
      line.append(cell);
    }
    return line;
  });
  $("cells").replaceChildren(make("caption", { textContent: "Where SGD ends: the mean over the seeds, and over all cells that have these two values" }), make("thead", {}, head), make("tbody", {}, ...body));
  $("failures").replaceChildren(...status.failed.slice(0, 20).map(({ number, point, reason }) => make("li", { textContent: `cell ${number} (${point}): ${reason}` })));
}

// --- what grows is looked at again

async function look() {
  clearTimeout(timer);
  try {
    const list = await get("/api/folder");
    $("folder").textContent = list.folder ?? "this folder";
    if (JSON.stringify(list.entries) !== JSON.stringify(entries)) {
      entries = list.entries;
      // What is gone cannot be shown any longer.
      const there = path => entries.some(entry => entry.path === path);
      chosen.splice(0, chosen.length, ...chosen.filter(there));
      if (shownSweep !== null && !there(shownSweep)) shownSweep = null;
      listed();
    }
    const runs = [], faults = [];
    for (const path of [...chosen]) {
      try {
        runs.push({ path, run: await get(`/api/folder/run/${address(path)}`) });
      } catch (error) {
        // The others are shown all the same.
        faults.push(`${path}: ${error.message}`);
      }
    }
    drawRuns(runs);
    $("sweep").hidden = shownSweep === null;
    if (shownSweep !== null) drawSweep(await get(`/api/folder/sweep/${address(shownSweep)}`));
    complain(faults.join(" "));
    $("main").dataset.looked = Number($("main").dataset.looked ?? 0) + 1;
  } catch (error) {
    complain(error.message);
  }
  const wait = () => document.hidden ? (timer = setTimeout(wait, AGAIN)) : look();
  timer = setTimeout(wait, AGAIN);
}

$("close").addEventListener("click", closeReport);
$("report").addEventListener("keydown", event => { if (event.key === "Escape") closeReport(); });
look();
