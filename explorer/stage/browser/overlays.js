// What is stroked over the dots: paths, field arrows, pairs, launched paths, the followed particle.

function drawOverlays(context, pane, stage) {
  const { run } = pane;
  const { layers, theme } = stage;
  context.lineJoin = "round";
  context.lineCap = "round";
  if (run.layers.state) {
    if (layers.has("field") && run.has("field", pane.frame)) drawField(context, pane, run, theme);
    if (isMajor(pane, run.layers.state)) drawMajor(context, pane, run, theme);
    else if (layers.has("paths") && !tintOf(pane)) drawPast(context, pane, run, theme);
    if (layers.has("pairs") && pane.index > 0) drawPairs(context, pane, stage, theme);
  }
  for (const launched of stage.launchedIn(pane.index)) drawLaunched(context, pane, launched, stage.cursor.share, theme);
  if (run.layers.state && stage.followed >= 0 && stage.followed < run.layers.state.n) drawFollowed(context, pane, run, stage.followed, theme);
}

// Adds the polyline of one particle from frame `from` to frame `to`; a missing point breaks it.
function trace(context, pane, layer, particle, from, to) {
  const { values, size, dims } = layer;
  let drawing = false;
  for (let k = from; k <= to; k++) {
    const at = k * size + particle * dims;
    const x = values[at] * pane.place[0] + pane.place[1];
    const y = values[at + 1] * pane.place[2] + pane.place[3];
    // Beyond this a canvas loses precision, and a diverged path is outside anyway.
    if (!(Math.abs(x) < 1e6 && Math.abs(y) < 1e6)) drawing = false;
    else if (drawing) context.lineTo(x, y);
    else {
      context.moveTo(x, y);
      drawing = true;
    }
  }
}

// Where states are noised anew between two steps no particle goes from one to the next: none has a path.
function pathCount(pane, layer) {
  return pane.spec.curves === false ? 0 : Math.min(layer.n, pathsAsked(pane));
}

function pathsAsked(pane) {
  const asked = pane.stage.spec.paths;
  return asked === undefined ? 60 : asked;
}

function strokePaths(context, pane, layer, to, colour, width, alpha) {
  context.beginPath();
  const count = pathCount(pane, layer);
  for (let i = 0; i < count; i++) trace(context, pane, layer, i, 0, to);
  context.strokeStyle = colour;
  context.lineWidth = width * pane.dpr;
  context.globalAlpha = alpha;
  context.stroke();
  context.globalAlpha = 1;
}

function drawFuture(context, pane, run, theme) {
  context.lineJoin = "round";
  strokePaths(context, pane, run.layers.state, run.got - 1, theme.future, 1, 0.9);
}

function drawPast(context, pane, run, theme) {
  if (pane.frame > 0) strokePaths(context, pane, run.layers.state, pane.frame, theme.past, 1, 0.5);
}

function isOnSubject(pane) {
  const { heat } = pane.stage.spec;
  return Boolean(heat && heat.strong);
}

// States are drawn large, in their own colour, where there are a handful, or a few on a map that is the subject itself.
function isMajor(pane, layer) {
  return layer.n <= (isOnSubject(pane) ? 24 : 10);
}

function drawMajor(context, pane, run, theme) {
  const { layers } = pane.stage;
  const layer = run.layers.state;
  const colour = theme.roles[pane.spec.role] || theme.roles.state;
  // Paths that have the colours of their numbers lie in the ground already.
  if (layers.has("paths") && (isOnSubject(pane) || !tintOf(pane))) {
    const bold = isOnSubject(pane) || layer.n === 1;
    if (bold) strokePaths(context, pane, layer, pane.frame, theme.ground, 4.2, 0.8);
    strokePaths(context, pane, layer, pane.frame, colour, bold ? 2.2 : 1, bold ? 1 : 0.5);
  }
  if (!layers.has("particles")) return;
  Object.assign(context, { fillStyle: colour, strokeStyle: theme.ground, lineWidth: 1.6 * pane.dpr });
  for (let i = 0; i < layer.n; i++) {
    dots(context, pane, layer, i, pane.frame, pane.frame, 5 * pane.dpr);
    context.stroke();
  }
}

function dots(context, pane, layer, particle, from, to, radius) {
  context.beginPath();
  for (let k = from; k <= to; k++) {
    const at = k * layer.size + particle * layer.dims;
    const x = pane.pixelX(layer.values[at]);
    const y = pane.pixelY(layer.values[at + 1]);
    if (!(Math.abs(x) < 1e6 && Math.abs(y) < 1e6)) continue;
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
  context.fill();
}

function wholePath(context, pane, run, particle, frame, colour, width) {
  const layer = run.layers.state;
  const radius = (run.total <= 61 ? width + 0.3 : 0) * pane.dpr;
  for (const [from, to, alpha, thin] of [[frame, run.got - 1, 0.5, 0.6], [0, frame, 1, 1]]) {
    context.globalAlpha = alpha;
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width * thin * pane.dpr;
    context.beginPath();
    if (pane.spec.curves !== false) trace(context, pane, layer, particle, from, to);
    context.stroke();
    if (radius) dots(context, pane, layer, particle, from, to, radius * (thin < 1 ? 0.75 : 1));
  }
  context.globalAlpha = 1;
}

function launchedColour(run, theme) {
  return theme.roles[run.role] || theme.roles.launched;
}

function drawLaunched(context, pane, run, share, theme) {
  const layer = run.layers.state;
  const frame = run.nearest(share);
  const colour = launchedColour(run, theme);
  for (let i = 0; i < layer.n; i++) {
    wholePath(context, pane, run, i, frame, colour, 1.8);
    context.strokeStyle = theme.ground;
    context.lineWidth = 1.5 * pane.dpr;
    context.fillStyle = colour;
    dots(context, pane, layer, i, frame, frame, 5.5 * pane.dpr);
    context.stroke();
  }
}

function drawFollowed(context, pane, run, particle, theme) {
  const layer = run.layers.state;
  wholePath(context, pane, run, particle, pane.frame, theme.text, 1.5);
  const at = pane.frame * layer.size + particle * layer.dims;
  context.beginPath();
  context.arc(pane.pixelX(layer.values[at]), pane.pixelY(layer.values[at + 1]), 6 * pane.dpr, 0, 2 * Math.PI);
  context.strokeStyle = theme.text;
  context.lineWidth = 2 * pane.dpr;
  context.stroke();
  const clean = run.layers.clean;
  if (clean && pane.stage.layers.has("clean") && run.has("clean", pane.frame)) drawAim(context, pane, clean, particle, at, layer, theme);
}

// From the followed particle to where the model thinks it will end.
function drawAim(context, pane, clean, particle, at, layer, theme) {
  const to = pane.frame * clean.size + particle * clean.dims;
  const x = pane.pixelX(clean.values[to]);
  const y = pane.pixelY(clean.values[to + 1]);
  context.setLineDash([3 * pane.dpr, 3 * pane.dpr]);
  context.strokeStyle = theme.inks.clean;
  context.lineWidth = 1.3 * pane.dpr;
  context.beginPath();
  context.moveTo(pane.pixelX(layer.values[at]), pane.pixelY(layer.values[at + 1]));
  context.lineTo(x, y);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = theme.roles.clean;
  dots(context, pane, clean, particle, pane.frame, pane.frame, 4 * pane.dpr);
  context.strokeStyle = theme.ground;
  context.lineWidth = 1.2 * pane.dpr;
  context.stroke();
}

// The speed that the longest arrow stands for: nearly the largest of the run, so one wild cell sets nothing.
function fieldScale(layer) {
  const speeds = [];
  for (let k = 0; k < layer.have.length; k++) {
    if (!layer.have[k]) continue;
    for (let at = k * layer.size; at < (k + 1) * layer.size; at += 2) {
      const speed = Math.hypot(layer.values[at], layer.values[at + 1]);
      if (Number.isFinite(speed)) speeds.push(speed);
    }
  }
  const sorted = Float32Array.from(speeds).sort();
  return sorted.length ? sorted[Math.floor((sorted.length - 1) * 0.95)] : 0;
}

function drawField(context, pane, run, theme) {
  const { nx, ny } = pane.stage.spec.field || {};
  const layer = run.layers.field;
  if (nx * ny !== layer.n) return;
  if (!run.scale) run.scale = fieldScale(layer) || 1;
  const [lowX, lowY, highX, highY] = pane.stage.box();
  const cellX = ((highX - lowX) / nx) * pane.place[0];
  const cellY = ((highY - lowY) / ny) * pane.place[0];
  // Arrows closer than this make a hairball: leave some out.
  const stride = Math.max(1, Math.ceil((24 * pane.dpr) / Math.min(cellX, cellY)));
  const longest = 0.92 * stride * Math.min(cellX, cellY);
  context.beginPath();
  for (let row = stride >> 1; row < ny; row += stride) {
    for (let column = stride >> 1; column < nx; column += stride) {
      const at = pane.frame * layer.size + 2 * (row * nx + column);
      const x = pane.pixelX(lowX + ((column + 0.5) / nx) * (highX - lowX));
      const y = pane.pixelY(lowY + ((row + 0.5) / ny) * (highY - lowY));
      // Sampling walks t from 1 to 0, so particles move against dx/dt.
      arrow(context, x, y, -layer.values[at], layer.values[at + 1], longest / run.scale, longest, pane.dpr);
    }
  }
  context.strokeStyle = theme.field;
  context.lineWidth = 1.2 * pane.dpr;
  context.stroke();
}

function arrow(context, x, y, vx, vy, scale, longest, dpr) {
  const speed = Math.hypot(vx, vy);
  const length = Math.min(speed * scale, longest);
  if (!(length > 1.5 * dpr)) return;
  const ux = vx / speed;
  const uy = vy / speed;
  const tipX = x + (ux * length) / 2;
  const tipY = y + (uy * length) / 2;
  const head = Math.min(4.5 * dpr, length * 0.45);
  context.moveTo(x - (ux * length) / 2, y - (uy * length) / 2);
  context.lineTo(tipX, tipY);
  context.moveTo(tipX - head * (ux * 0.87 + uy * 0.5), tipY - head * (uy * 0.87 - ux * 0.5));
  context.lineTo(tipX, tipY);
  context.lineTo(tipX - head * (ux * 0.87 - uy * 0.5), tipY - head * (uy * 0.87 + ux * 0.5));
}

const PAIR_BINS = 12;

// From where the first pane's run ends to where this one's ends, from the same noise, in the colour of the distance.
function drawPairs(context, pane, stage, theme) {
  const first = stage.panes[0].run;
  const run = pane.run;
  if (!first || !first.layers.state || !first.got) return;
  const from = first.layers.state;
  const to = run.layers.state;
  const count = Math.min(from.n, to.n, 3 * pathsAsked(pane));
  const scale = stage.scales.pairs;
  const shades = new Map(); // a stroke for each colour, the long arrows last
  for (let i = 0; i < count; i++) {
    const a = (first.got - 1) * from.size + i * from.dims;
    const b = (run.got - 1) * to.size + i * to.dims;
    const ends = [from.values[a], from.values[a + 1], to.values[b], to.values[b + 1]];
    const bin = scale ? Math.floor(scale.part(Math.hypot(ends[2] - ends[0], ends[3] - ends[1])) * PAIR_BINS) : 0;
    if (!shades.has(bin)) shades.set(bin, []);
    shades.get(bin).push(ends);
  }
  for (const bin of [...shades.keys()].sort((a, b) => a - b)) strokePairs(context, pane, shades.get(bin), scale ? css(scale.colour((bin + 0.5) / PAIR_BINS)) : theme.roles.state);
}

function strokePairs(context, pane, pairs, colour) {
  context.beginPath();
  for (const ends of pairs) pairArrow(context, pane, ...ends);
  context.strokeStyle = colour;
  context.lineWidth = 1.3 * pane.dpr;
  context.globalAlpha = 0.85;
  context.stroke();
  context.globalAlpha = 1;
}

function pairArrow(context, pane, fromX, fromY, toX, toY) {
  const x = pane.pixelX(fromX);
  const y = pane.pixelY(fromY);
  const dx = pane.pixelX(toX) - x;
  const dy = pane.pixelY(toY) - y;
  const length = Math.hypot(dx, dy);
  if (length > 4 * pane.dpr && length < 1e5) arrow(context, x + dx / 2, y + dy / 2, dx, dy, 1, length, pane.dpr);
}
