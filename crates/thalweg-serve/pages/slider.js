// A slider with a number beside it, for one field of a setting.

const POSITIONS = 1000;

// Three digits are as many as a hand can set.
const rounded = value => Number(value.toPrecision(3));

function toValue(field, position) {
  const part = position / POSITIONS;
  const between = field.scale === "linear"
    ? field.least + part * (field.most - field.least)
    : field.least * (field.most / field.least) ** part;
  if (field.scale === "log-or-zero" && position < 1) return 0;
  if (field.scale === "whole") return Math.round(rounded(between));
  return Math.min(field.most, Math.max(field.least, rounded(between)));
}

function toPosition(field, value) {
  if (value <= 0 && field.scale !== "linear") return 0;
  const part = field.scale === "linear"
    ? (value - field.least) / (field.most - field.least)
    : Math.log(value / field.least) / Math.log(field.most / field.least);
  return Math.round(POSITIONS * part);
}

// Whether `field` may have the number `value`.
export const allowed = (field, value) =>
  (field.scale === "log-or-zero" && value === 0) || (value >= field.least && value <= field.most);

export const needed = field => `a ${field.scale === "whole" ? "whole " : ""}number from ${field.least} to ${field.most}${field.scale === "log-or-zero" ? ", or 0" : ""}`;

// The slider of `field`; `changed(key, text)` is called with each new value.
export function slider(field, changed) {
  const box = document.createElement("div");
  box.className = "slider";
  const id = `field-${field.key}`;
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = field.label;
  if (field.unit) {
    const unit = document.createElement("small");
    unit.textContent = field.unit;
    label.append(" ", unit);
  }
  const range = document.createElement("input");
  Object.assign(range, { type: "range", id, min: 0, max: POSITIONS, step: 1 });
  const number = document.createElement("input");
  Object.assign(number, { type: "text", inputMode: "decimal", id: `${id}-number`, autocomplete: "off" });
  number.setAttribute("aria-label", `${field.label}${field.unit ? `, in ${field.unit}` : ""}, as a number`);
  const wrong = document.createElement("p");
  Object.assign(wrong, { className: "wrong", id: `${id}-wrong`, hidden: true });
  wrong.setAttribute("role", "alert");
  number.setAttribute("aria-describedby", wrong.id);

  function set(value) {
    range.value = toPosition(field, value);
    range.setAttribute("aria-valuetext", `${value} ${field.unit}`.trim());
    if (document.activeElement !== number) number.value = value;
    number.removeAttribute("aria-invalid");
    wrong.hidden = true;
  }
  range.addEventListener("input", () => {
    const value = toValue(field, Number(range.value));
    set(value);
    changed(field.key, value);
  });
  number.addEventListener("change", () => {
    const value = Number(number.value);
    if (number.value.trim() === "" || !allowed(field, value)) {
      number.setAttribute("aria-invalid", "true");
      wrong.textContent = `${number.value.trim() || "Nothing"} is not taken: give ${needed(field)}.`;
      wrong.hidden = false;
      return;
    }
    const exact = field.scale === "whole" ? Math.round(value) : value;
    set(exact);
    number.value = exact;
    changed(field.key, exact);
  });
  number.addEventListener("keydown", event => {
    if (event.key === "Enter") event.preventDefault(), number.blur();
  });
  box.append(label, range, number, wrong);
  return { box, set };
}
