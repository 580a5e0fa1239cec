// Shapes on the ground of a pane: circles, lines, strips, marks and arrows in the coordinates of its points, each with
// its word where it lies on no other.

const MARK_REACH = 7;
const SHAPE_NUMBERS = { circle: ["x", "y", "r"], hline: ["y"], vline: ["x"], strip: ["lo", "hi"], mark: ["x", "y"], arrow: ["x", "y"] };
const SHAPE_ORDER = ["strip", "hline", "vline", "circle", "arrow", "mark"];

// Draws what `pane.spec.shapes` says, and keeps the marks for the hand.
function drawShapes(context, pane, theme) {
  const shapes = soundShapes(pane).sort((a, b) => SHAPE_ORDER.indexOf(a.kind) - SHAPE_ORDER.indexOf(b.kind));
  pane.marks = [];
  pane.marked = shapes.map((shape) => shape.label).filter(Boolean).join(", ");
  if (!shapes.length) return;
  context.save();
  context.lineJoin = context.lineCap = "round";
  for (const shape of shapes) drawShape(context, pane, shape, theme);
  const words = new Words(pane, takenBy(pane), linesOf(pane, shapes));
  for (const shape of shapes.reverse()) if (shape.label) words.write(context, shape, wordPlaces(pane, shape), theme);
  context.restore();
}

function soundShapes(pane) {
  const said = Array.isArray(pane.spec.shapes) ? pane.spec.shapes : [];
  const unknown = said.find((shape) => !SHAPE_NUMBERS[shape.kind]);
  if (unknown) pane.stage.refuse(`A shape must be one of ${Object.keys(SHAPE_NUMBERS).join(", ")}, ${unknown.kind} came.`);
  const ends = (shape) => (shape.kind === "arrow" ? [0, 1].map((i) => (shape.to || [])[i]) : []);
  return said.filter((shape) => SHAPE_NUMBERS[shape.kind] && [...SHAPE_NUMBERS[shape.kind].map((name) => shape[name]), ...ends(shape)].every(Number.isFinite));
}

function shapeColour(shape, colours, theme) {
  return colours[shape.role] || theme.text;
}

function drawShape(context, pane, shape, theme) {
  const { dpr } = pane;
  const colour = shapeColour(shape, theme.roles, theme);
  if (shape.kind === "strip") return fillStrip(context, pane, shape, colour);
  if (shape.kind === "mark") {
    const [x, y] = [pane.pixelX(shape.x), pane.pixelY(shape.y)];
    pane.marks.push({ x, y, hint: shape.hint || shape.label || "" });
    return drawMark(context, shape.shape, x, y, dpr, colour, theme.ground);
  }
  const path = shapePath(pane, shape);
  context.setLineDash(shape.dashed ? [5 * dpr, 4 * dpr] : []);
  // A line is set off from a map of its own colour.
  for (const [stroke, width, alpha] of [[theme.ground, 3.6, 0.55], [colour, 1.6, 1]]) {
    Object.assign(context, { strokeStyle: stroke, lineWidth: width * dpr, globalAlpha: alpha });
    context.stroke(path);
  }
  context.setLineDash([]);
}

function shapePath(pane, shape) {
  const path = new Path2D();
  const [x, y] = [pane.pixelX(shape.x), pane.pixelY(shape.y)];
  if (shape.kind === "circle") path.ellipse(x, y, Math.abs(shape.r * pane.place[0]), Math.abs(shape.r * pane.place[2]), 0, 0, 2 * Math.PI);
  else if (shape.kind === "hline") pathLine(path, 0, y, pane.width, y);
  else if (shape.kind === "vline") pathLine(path, x, headOf(pane), x, pane.height);
  else {
    const [toX, toY] = [pane.pixelX(shape.to[0]), pane.pixelY(shape.to[1])];
    const length = Math.hypot(toX - x, toY - y);
    // A path of a canvas takes the same strokes as the canvas itself.
    if (length > 0.5) arrow(path, (x + toX) / 2, (y + toY) / 2, toX - x, toY - y, 1, length, 1.5 * pane.dpr);
  }
  return path;
}

function pathLine(path, x, y, toX, toY) {
  path.moveTo(x, y);
  path.lineTo(toX, toY);
}

function fillStrip(context, pane, shape, colour) {
  const top = pane.pixelY(Math.max(shape.lo, shape.hi));
  Object.assign(context, { fillStyle: colour, globalAlpha: 0.13 });
  context.fillRect(0, top, pane.width, pane.pixelY(Math.min(shape.lo, shape.hi)) - top);
  context.globalAlpha = 1;
}

function drawMark(context, shape, x, y, dpr, colour, ground, alpha = 1) {
  const path = new Path2D();
  const reach = 5.5 * dpr;
  if (shape === "cross") {
    pathLine(path, x - reach * 0.8, y - reach * 0.8, x + reach * 0.8, y + reach * 0.8);
    pathLine(path, x - reach * 0.8, y + reach * 0.8, x + reach * 0.8, y - reach * 0.8);
  } else if (shape === "star") {
    for (let k = 0; k < 10; k++) {
      const [far, angle] = [(k % 2 ? 0.45 : 1.3) * reach, (k / 5 - 0.5) * Math.PI];
      path[k ? "lineTo" : "moveTo"](x + far * Math.cos(angle), y + far * Math.sin(angle));
    }
    path.closePath();
  } else path.arc(x, y, shape === "dot" ? 0.75 * reach : reach, 0, 2 * Math.PI);
  Object.assign(context, { globalAlpha: alpha, strokeStyle: ground, lineWidth: 4 * dpr });
  context.stroke(path);
  Object.assign(context, { fillStyle: colour, strokeStyle: colour, lineWidth: 2 * dpr });
  if (shape === "star" || shape === "dot") context.fill(path);
  else context.stroke(path);
  context.globalAlpha = 1;
}

// The mark under the hand, or null.
function markAt(pane, [x, y]) {
  const near = (mark) => Math.hypot(mark.x - x, mark.y - y);
  const found = (pane.marks || []).filter((mark) => mark.hint && near(mark) < (MARK_REACH + 4) * pane.dpr);
  return found.sort((a, b) => near(a) - near(b))[0] || null;
}
