// One picture with two axes, in SVG: a map or curves.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 460, LEFT = 58, RIGHT = 26, TOP = 8, BELOW = 44;

// An element of SVG with its attributes.
export function element(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// A number as an axis or a table shows it.
export function shown(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(digits)));
}

// Ticks of a linear axis: about `wanted` of them, at 1, 2 or 5 times a power of ten.
function linearTicks(low, high, wanted) {
  const raw = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(times => times * power).find(step => step >= raw);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(i * step);
  return ticks;
}

// Ticks of a logarithmic axis of a few octaves: powers of two.
function logTicks(low, high) {
  const ticks = [];
  for (let k = Math.ceil(Math.log2(low) - 1e-9); 2 ** k <= high * (1 + 1e-9); k++) ticks.push(2 ** k);
  return ticks;
}

// A chart inside `parent`. `height` in pixels of its own; axes are set by `axes`, and layers are drawn into.
export class Chart {
  constructor(parent, height, { right = RIGHT } = {}) {
    this.box = { left: LEFT, right: WIDTH - right, top: TOP, bottom: height - BELOW };
    this.svg = element("svg", { viewBox: `0 0 ${WIDTH} ${height}`, "aria-hidden": "true" });
    this.size = [WIDTH, height];
    const id = `clip-${parent.id}`;
    const clip = element("clipPath", { id });
    clip.append(element("rect", {
      x: this.box.left, y: this.box.top, width: this.box.right - this.box.left, height: this.box.bottom - this.box.top,
    }));
    this.svg.append(clip);
    this.layers = {};
    for (const name of ["under", "axes", "still", "moving", "over"]) {
      const clipped = name === "axes" || name === "over" ? {} : { "clip-path": `url(#${id})` };
      this.layers[name] = element("g", clipped);
      this.svg.append(this.layers[name]);
    }
    parent.replaceChildren(this.svg);
  }

  // Sets ranges and draws the axes; logarithmic both, or linear both.
  axes({ x, y, log, xLabel, yLabel, plain }) {
    const { left, right, top, bottom } = this.box;
    const scale = log ? Math.log : value => value;
    const place = ([low, high], from, to) => value => from + (to - from) * (scale(value) - scale(low)) / (scale(high) - scale(low) || 1);
    this.x = place(x, left, right);
    this.y = place(y, bottom, top);
    this.from = (px, py) => {
      const back = ([low, high], part) => log ? low * (high / low) ** part : low + part * (high - low);
      return [back(x, (px - left) / (right - left)), back(y, (bottom - py) / (bottom - top))];
    };
    const parts = [];
    const ticks = (range, wanted) => log ? logTicks(...range) : linearTicks(...range, wanted);
    for (const tick of ticks(x, 5)) {
      const at = this.x(tick);
      if (!plain) parts.push(element("line", { x1: at, x2: at, y1: top, y2: bottom, class: "grid" }));
      parts.push(element("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, shown(tick)));
    }
    for (const tick of ticks(y, 5)) {
      const at = this.y(tick);
      if (!plain) parts.push(element("line", { x1: left, x2: right, y1: at, y2: at, class: "grid" }));
      parts.push(element("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, shown(tick)));
    }
    parts.push(element("rect", { x: left, y: top, width: right - left, height: bottom - top, class: "frame" }));
    parts.push(element("text", { x: (left + right) / 2, y: bottom + 37, "text-anchor": "middle", class: "muted" }, xLabel));
    const middle = (top + bottom) / 2;
    parts.push(element("text", { x: 13, y: middle, "text-anchor": "middle", class: "muted", transform: `rotate(-90 13 ${middle})` }, yLabel));
    this.layers.axes.replaceChildren(...parts);
  }

  // The `d` of a line through points of the axes' units.
  line(points) {
    let path = "";
    let pen = "M";
    for (const point of points) {
      if (!point || !Number.isFinite(point[0]) || !Number.isFinite(point[1])) { pen = "M"; continue; }
      path += `${pen}${this.x(point[0]).toFixed(1)} ${this.y(point[1]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }
}
