// Paths in the colour of what is known along them; where nothing is known they stay neutral.

const NEUTRAL = BINS;

// The scale of a pane's paths, or null where they are all neutral.
function tintOf(pane) {
  return pane.run && pane.run.layers.colour ? pane.stage.scales.colour : null;
}

// The bin of each stretch of a path, from one frame to the next: [frame, path]; the mean of its two ends.
function stretchBins(run, scale, count) {
  const { colour, state } = run.layers;
  const kept = colour.bins;
  if (kept && kept.scale === scale && kept.takes === colour.takes && kept.count === count) return kept.bins;
  const bins = new Uint8Array(Math.max(0, run.total - 1) * count).fill(NEUTRAL);
  for (let k = 0; k + 1 < run.total; k++) {
    for (let i = 0; i < Math.min(count, colour.n, state.n); i++) {
      const value = meanOf(colour.values[k * colour.n + i], colour.values[(k + 1) * colour.n + i]);
      if (!Number.isNaN(value)) bins[k * count + i] = Math.min(BINS - 1, Math.floor(scale.part(value) * BINS));
    }
  }
  colour.bins = { scale, takes: colour.takes, count, bins };
  return bins;
}

// The one that is known where the other is not: paths have no bend at their very ends.
function meanOf(a, b) {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : (a + b) / 2;
}

function drawTintedFuture(context, pane, run, scale) {
  const pens = [...scale.pens(FUTURE_WEIGHT), pane.stage.theme.future];
  strokeTinted(context, pane, run, scale, run.got - 1, pens, (strength) => 0.8 + 0.5 * strength);
}

function drawTintedPast(context, pane, run, scale) {
  const pens = [...scale.pens(1), pane.stage.theme.past];
  strokeTinted(context, pane, run, scale, pane.frame, pens, (strength) => 1.2 + strength);
}

function strokeTinted(context, pane, run, scale, to, pens, widthOf) {
  const lanes = gathered(pane, run, scale, to);
  for (const bin of [NEUTRAL, ...scale.order()]) {
    if (!lanes[bin]) continue;
    context.strokeStyle = pens[bin];
    context.lineWidth = (bin === NEUTRAL ? 1 : widthOf(scale.strength(bin))) * pane.dpr;
    context.globalAlpha = bin === NEUTRAL ? 0.5 : 1;
    context.stroke(lanes[bin]);
  }
  context.globalAlpha = 1;
}

// One course for each bin, through all paths up to frame `to`.
function gathered(pane, run, scale, to) {
  const { values, size, dims } = run.layers.state;
  const [scaleX, shiftX, scaleY, shiftY] = pane.place;
  const count = pathCount(pane, run.layers.state);
  const bins = stretchBins(run, scale, count);
  const lanes = [];
  for (let i = 0; i < count; i++) {
    let last = -1;
    let x = values[i * dims] * scaleX + shiftX;
    let y = values[i * dims + 1] * scaleY + shiftY;
    for (let k = 0; k < to; k++) {
      const at = (k + 1) * size + i * dims;
      const nextX = values[at] * scaleX + shiftX;
      const nextY = values[at + 1] * scaleY + shiftY;
      const bin = bins[k * count + i];
      if (!(Math.abs(x) < 1e6 && Math.abs(y) < 1e6 && Math.abs(nextX) < 1e6 && Math.abs(nextY) < 1e6)) last = -1;
      else {
        const lane = lanes[bin] || (lanes[bin] = new Path2D());
        if (bin !== last) lane.moveTo(x, y);
        lane.lineTo(nextX, nextY);
        last = bin;
      }
      x = nextX;
      y = nextY;
    }
  }
  return lanes;
}
