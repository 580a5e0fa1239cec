// Words on a picture, each where it lies on no other, on no mark, and not under the captions of the pane.

const WORD_HEIGHT = 14;

class Words {
  constructor(pane, taken, lines) {
    Object.assign(this, { pane, taken, lines, top: headOf(pane) });
  }

  // Writes the label of a shape at the first of its places that is free; where none is, its hint still says it.
  write(context, shape, places, theme) {
    const { dpr } = this.pane;
    context.font = `${11.5 * dpr}px system-ui, sans-serif`;
    const half = [context.measureText(shape.label).width / 2 + 2 * dpr, (WORD_HEIGHT / 2) * dpr];
    const free = this.free(places(half), half);
    if (!free) return;
    const [x, y] = free;
    this.taken.push([x - half[0], y - half[1], x + half[0], y + half[1]]);
    Object.assign(context, { textAlign: "center", textBaseline: "middle", strokeStyle: theme.ground, lineWidth: 3.5 * dpr, globalAlpha: 0.9 });
    context.strokeText(shape.label, x, y);
    Object.assign(context, { globalAlpha: 1, fillStyle: shapeColour(shape, theme.inks, theme) });
    context.fillText(shape.label, x, y);
  }

  // Clear of the lines of other shapes if that can be.
  free(places, half) {
    const inside = places.filter(([x, y]) => this.isFree(x, y, half));
    return inside.find(([x, y]) => !this.lines.some((line) => overlaps(line, x, y, half))) || inside[0];
  }

  isFree(x, y, [wide, tall]) {
    const { width, height, dpr } = this.pane;
    if (x - wide < 6 * dpr || x + wide > width - 6 * dpr || y - tall < this.top || y + tall > height - 20 * dpr) return false;
    return !this.taken.some((box) => overlaps(box, x, y, [wide, tall]));
  }
}

function overlaps([left, top, right, bottom], x, y, [wide, tall]) {
  return x + wide > left && x - wide < right && y + tall > top && y - tall < bottom;
}

// Where the captions over a picture end.
function headOf(pane) {
  return Math.max(headRoom(pane.width, pane.dpr), pane.stage.headHeight * pane.dpr) - 4 * pane.dpr;
}

function linesOf(pane, shapes) {
  return shapes.flatMap((shape) => {
    if (shape.kind === "vline") return [[pane.pixelX(shape.x), 0, pane.pixelX(shape.x), pane.height]];
    return shape.kind === "hline" ? [[0, pane.pixelY(shape.y), pane.width, pane.pixelY(shape.y)]] : [];
  });
}

// What words must not lie on: marks, and the captions at the foot of the pane.
function takenBy(pane) {
  const { dpr, canvas, captions } = pane;
  const reach = MARK_REACH * dpr;
  const frame = canvas.getBoundingClientRect();
  const captionsBelow = [...captions.scales.node.children, captions.fact].map((node) => node.getBoundingClientRect()).filter((rect) => rect.width > 1);
  return [
    ...pane.marks.map(({ x, y }) => [x - reach, y - reach, x + reach, y + reach]),
    ...captionsBelow.map((rect) => [(rect.left - frame.left) * dpr, (rect.top - frame.top) * dpr, (rect.right - frame.left) * dpr, (rect.bottom - frame.top) * dpr]),
  ];
}

// Where the word of a shape may stand, best first, given half its width and height.
function wordPlaces(pane, shape) {
  const { dpr, width, height } = pane;
  const [x, y] = [pane.pixelX(shape.x), pane.pixelY(shape.y)];
  const gap = 5 * dpr;
  const rows = (tall) => Array.from({ length: 14 }, (_, k) => headOf(pane) + (2 * k + 1) * tall + k * dpr);
  const ends = (wide) => [width - wide - 10 * dpr, wide + 44 * dpr, width / 2, width / 4, (3 * width) / 4];
  if (shape.kind === "circle") return ([wide, tall]) => around(x, y, Math.abs(shape.r * pane.place[0]), wide, tall, gap);
  if (shape.kind === "mark") return ([wide, tall]) => around(x, y, MARK_REACH * dpr, wide, tall, 2 * dpr, [0, 180, 270, 90, 315, 225, 45, 135]);
  if (shape.kind === "hline") return ([wide, tall]) => ends(wide).flatMap((at) => [[at, y - tall - dpr], [at, y + tall + dpr]]);
  if (shape.kind === "vline") return ([wide, tall]) => rows(tall).flatMap((at) => [[x + wide + gap, at], [x - wide - gap, at]]);
  if (shape.kind === "strip") {
    const [top, bottom] = [pane.pixelY(Math.max(shape.lo, shape.hi)), pane.pixelY(Math.min(shape.lo, shape.hi))];
    const inside = [Math.max(top, headOf(pane)), Math.min(bottom, height - 22 * dpr)];
    return ([wide, tall]) => ends(wide).reverse().sort((a, b) => a - b).flatMap((at) => [[at, inside[0] + tall + dpr], [at, inside[1] - tall - dpr]]);
  }
  const [toX, toY] = [pane.pixelX(shape.to[0]), pane.pixelY(shape.to[1])];
  const angle = (Math.atan2(toY - y, toX - x) * 180) / Math.PI;
  return ([wide, tall]) => [...around(toX, toY, 0, wide, tall, gap, [angle, angle - 40, angle + 40]), ...around((x + toX) / 2, (y + toY) / 2, 0, wide, tall, 2 * gap, [angle - 90, angle + 90])];
}

// Places around a disc, outside it first and then inside, at angles of the screen (90 is below).
function around(x, y, radius, wide, tall, gap, angles = [270, 90, 315, 225, 45, 135, 0, 180]) {
  const at = (angle, way) => {
    const [across, down] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
    return [x + across * radius + way * across * (wide + gap), y + down * radius + way * down * (tall + gap)];
  };
  return [...angles.map((angle) => at(angle, 1)), ...(radius > 40 ? angles.map((angle) => at(angle, -1)) : [])];
}
