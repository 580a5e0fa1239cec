// Where the plane lies in a canvas. A place = [scale x, shift x, scale y, shift y] takes a point to a device pixel.

const HEAD_ROOM = 40;
const NARROW = 460; // a pane this narrow sets its legend under its title
const EDGE_ROOM = 14;

function headRoom(width, dpr) {
  return (width > NARROW * dpr ? HEAD_ROOM : HEAD_ROOM + 18) * dpr;
}

// The place that fits a box into the free part of a canvas, equal along both axes.
function fitted([lowX, lowY, highX, highY], width, height, top, foot, dpr) {
  const wide = width - 2 * EDGE_ROOM * dpr;
  const tall = height - top - foot;
  const scale = Math.max(1e-9, Math.min(wide / (highX - lowX), tall / (highY - lowY)));
  const shiftX = width / 2 - (scale * (lowX + highX)) / 2;
  const shiftY = top + tall / 2 + (scale * (lowY + highY)) / 2;
  return [scale, shiftX, -scale, shiftY];
}

function spaceOf(place, spot) {
  return [(spot[0] - place[1]) / place[0], (spot[1] - place[3]) / place[2]];
}

// Few faint lines at round places, each with its number: the same places whatever the cursor. The axes may be named
// at their ends: the first word at the right of the bottom row, the second under the head at the left.
function drawGrid(context, { width, height, dpr, place }, theme, [along, across] = [], head = 0) {
  const [left, top] = spaceOf(place, [0, 0]);
  const [right, bottom] = spaceOf(place, [width, height]);
  const step = niceStep(clamp(width / 4, 70 * dpr, 150 * dpr) / place[0]);
  const line = Math.max(1, Math.round(dpr));
  context.font = `${10.5 * dpr}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  context.textAlign = "center";
  const free = width - (along ? context.measureText(along).width + 32 * dpr : 30 * dpr);
  const upper = across ? Math.max(headRoom(width, dpr), head) + 22 * dpr : Math.max(62 * dpr, head + 6 * dpr);
  for (let x = Math.ceil(left / step) * step; x < right; x += step) {
    const at = Math.round(x * place[0] + place[1]);
    context.fillStyle = theme.grid;
    context.fillRect(at, 0, line, height);
    context.fillStyle = theme.muted;
    if (at > 40 * dpr && at < free) context.fillText(tickWord(Number(x.toPrecision(9))), at, height - 5 * dpr);
  }
  context.textAlign = "left";
  for (let y = Math.ceil(bottom / step) * step; y < top; y += step) {
    const at = Math.round(y * place[2] + place[3]);
    context.fillStyle = theme.grid;
    context.fillRect(0, at, width, line);
    context.fillStyle = theme.muted;
    if (at > upper && at < height - 26 * dpr) context.fillText(tickWord(Number(y.toPrecision(9))), 6 * dpr, at - 2 * dpr);
  }
  if (across) context.fillText(across, 6 * dpr, upper - 10 * dpr);
  context.textAlign = "right";
  if (along) context.fillText(along, width - 8 * dpr, height - 5 * dpr);
}
