// A map's colours and contour lines.

// Dark to bright, its lightness rising steadily: it can be read without colours.
const STOPS = [[68, 1, 84], [68, 58, 131], [49, 104, 142], [33, 145, 140], [53, 183, 121], [144, 215, 67], [253, 231, 37]];

// The colour of a part from 0 to 1.
export function colour(part) {
  const place = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[below].map((low, c) => Math.round(low + (place - below) * (STOPS[below + 1][c] - low)));
}

// The least and the largest of the rows.
export function range(rows) {
  let low = Infinity, high = 0;
  for (const row of rows) for (const value of row) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// Rows of heights, the lowest row first, as a picture of one pixel each; colours go with the logarithm.
export function picture(rows, [low, high]) {
  const canvas = document.createElement("canvas");
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const span = Math.log(high / low) || 1;
  rows.forEach((row, y) => row.forEach((value, x) => {
    const at = 4 * ((canvas.height - 1 - y) * canvas.width + x);
    const [red, green, blue] = colour(Math.log(value / low) / span);
    image.data.set([red, green, blue, 255], at);
  }));
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}

// Heights at which contour lines are drawn: closer near the bottom, where the slopes are gentle.
export function levels([low, high]) {
  return [1.01, 1.05, 1.15, 1.4, 2, 3, 5, 8, 13, 21, 34].map(ratio => low * ratio).filter(level => level < high);
}

// The lines at `level` by marching squares, as the `d` of a path; x(column) and y(row) place the grid.
export function contour(rows, level, x, y) {
  let path = "";
  const cut = (a, b) => (level - a) / (b - a);
  for (let row = 0; row + 1 < rows.length; row++) {
    for (let column = 0; column + 1 < rows[row].length; column++) {
      const a = rows[row][column], b = rows[row][column + 1];
      const c = rows[row + 1][column + 1], d = rows[row + 1][column];
      const ends = [];
      if (a < level !== b < level) ends.push([column + cut(a, b), row]);
      if (b < level !== c < level) ends.push([column + 1, row + cut(b, c)]);
      if (d < level !== c < level) ends.push([column + cut(d, c), row + 1]);
      if (a < level !== d < level) ends.push([column, row + cut(a, d)]);
      for (let i = 0; i + 1 < ends.length; i += 2) {
        const [from, to] = [ends[i], ends[i + 1]];
        path += `M${x(from[0]).toFixed(1)} ${y(from[1]).toFixed(1)}L${x(to[0]).toFixed(1)} ${y(to[1]).toFixed(1)}`;
      }
    }
  }
  return path;
}
