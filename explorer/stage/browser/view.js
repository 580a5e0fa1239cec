// Where the plane lies in a canvas. A place = [scale x, shift x, scale y, shift y] takes a point to a device pixel.

const HEAD_ROOM = 40;
const NARROW = 460; // a pane this narrow sets its legend under its title
const EDGE_ROOM = 14;

function headRoom(width, dpr) {
  return (width > NARROW * dpr ? HEAD_ROOM : HEAD_ROOM + 18) * dpr;
}

// The place that fits a box into the free part of a canvas, equal along both axes unless it is to be filled.
function fitted([lowX, lowY, highX, highY], width, height, top, foot, dpr, fill = false) {
  const wide = width - 2 * EDGE_ROOM * dpr;
  const tall = height - top - foot;
  const scales = [wide / (highX - lowX), tall / (highY - lowY)];
  const [scaleX, scaleY] = (fill ? scales : [Math.min(...scales), Math.min(...scales)]).map((scale) => Math.max(1e-9, scale));
  const shiftX = width / 2 - (scaleX * (lowX + highX)) / 2;
  const shiftY = top + tall / 2 + (scaleY * (lowY + highY)) / 2;
  return [scaleX, shiftX, -scaleY, shiftY];
}

function spaceOf(place, spot) {
  return [(spot[0] - place[1]) / place[0], (spot[1] - place[3]) / place[2]];
}

// Few faint lines at round places: the same places whatever the cursor.
function drawGrid(context, { width, height, dpr, place }, theme, axes = [], head = 0) {
  const [left, top] = spaceOf(place, [0, 0]);
  const [right, bottom] = spaceOf(place, [width, height]);
  const apart = clamp(width / 4, 70 * dpr, 150 * dpr);
  const [step, rise] = [place[0], -place[2]].map((scale) => niceStep(apart / scale));
  const line = Math.max(1, Math.round(dpr));
  const columns = roundPlaces(left, right, step).map((x) => [x, Math.round(x * place[0] + place[1])]);
  const rows = roundPlaces(bottom, top, rise).map((y) => [y, Math.round(y * place[2] + place[3])]);
  context.fillStyle = theme.grid;
  for (const [, at] of columns) context.fillRect(at, 0, line, height);
  for (const [, at] of rows) context.fillRect(0, at, width, line);
  context.fillStyle = theme.muted;
  context.font = `${10.5 * dpr}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  numberGrid(context, { width, height, dpr }, columns, rows, axes, Math.max(headRoom(width, dpr), head));
}

// The number of each line. The axes may be named at their ends: the first word at the right of the bottom row, the
// second under the head at the left; without a second one (null) rows have no numbers.
function numberGrid(context, { width, height, dpr }, columns, rows, [along, across], head) {
  const free = width - (along ? context.measureText(along).width + 32 * dpr : 30 * dpr);
  const upper = across ? head + 22 * dpr : Math.max(62 * dpr, head + 6 * dpr);
  const word = (value) => tickWord(Number(value.toPrecision(9)));
  context.textAlign = "center";
  for (const [x, at] of columns) if (at > 40 * dpr && at < free) context.fillText(word(x), at, height - 5 * dpr);
  context.textAlign = "left";
  for (const [y, at] of rows) if (across !== null && at > upper && at < height - 26 * dpr) context.fillText(word(y), 6 * dpr, at - 2 * dpr);
  if (across) context.fillText(across, 6 * dpr, upper - 10 * dpr);
  context.textAlign = "right";
  if (along) context.fillText(along, width - 8 * dpr, height - 5 * dpr);
}

function roundPlaces(low, high, step) {
  const places = [];
  for (let k = Math.ceil(low / step); k * step < high; k++) places.push(k * step || 0); // a sum of steps would miss zero
  return places;
}
