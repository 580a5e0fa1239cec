// What lies on a surface: the frame of the box, the paths and states of the pane's runs, and its marks.

// The edge of the box on the floor, with the ends of both axes.
function drawFloor(context, surface, lattice, theme) {
  const { pane } = surface;
  const { dpr, spec } = pane;
  const [lowX, lowY, highX, highY] = pane.stage.box();
  const project = surface.projection(1);
  const corners = [[lowX, lowY], [highX, lowY], [highX, highY], [lowX, highY]].map(([x, y]) => ({ x, y, at: project(x, y, 0) }));
  context.beginPath();
  corners.forEach(({ at }, k) => context[k ? "lineTo" : "moveTo"](at[0], at[1]));
  context.closePath();
  Object.assign(context, { strokeStyle: theme.line, lineWidth: 1.2 * dpr, fillStyle: theme.muted, textAlign: "center", textBaseline: "middle", font: `${10.5 * dpr}px system-ui, sans-serif` });
  context.stroke();
  const middle = project((lowX + highX) / 2, (lowY + highY) / 2, 0);
  const names = spec.axes || ["x", "y"];
  const word = (value) => tickWord(Number(value.toPrecision(3)));
  // An axis is named on its edge that is nearer to the eye.
  for (const [axis, first, second] of [[0, [0, 1], [3, 2]], [1, [0, 3], [1, 2]]]) {
    const near = (pair) => pair.reduce((sum, k) => sum + corners[k].at[2], 0);
    const [from, to] = (near(first) < near(second) ? first : second).map((k) => corners[k]);
    const beyond = (x, y, gap) => {
      const length = Math.hypot(x - middle[0], y - middle[1]) || 1;
      return [x + ((x - middle[0]) / length) * gap * dpr, y + ((y - middle[1]) / length) * gap * dpr];
    };
    const ends = [from, to].map((end) => (axis ? end.y : end.x));
    const spot = (part) => [0, 1].map((i) => from.at[i] + part * (to.at[i] - from.at[i]));
    context.fillText(word(ends[0]), ...beyond(...spot(0.06), 15));
    context.fillText(word(ends[1]), ...beyond(...spot(0.94), 15));
    context.fillText(names[axis] || "", ...beyond(...spot(0.5), 20));
  }
}

// Every run of the pane: what is behind a ridge shows faintly.
function drawOnSurface(context, surface, lattice, theme) {
  const { pane } = surface;
  const { run, stage, spec } = pane;
  context.lineJoin = context.lineCap = "round";
  const { state } = run.layers;
  if (state) {
    const colour = theme.roles[spec.role] || theme.roles.state;
    const count = stage.layers.has("paths") ? pathCount(pane, state) : 0;
    for (let i = 0; i < count; i++) surfacePath(context, surface, lattice, run, i, pane.frame, colour, theme, isMajor(pane, state));
    if (stage.layers.has("particles")) surfaceDots(context, surface, lattice, run, pane.frame, colour, theme);
  }
  for (const launched of stage.launchedIn(pane.index)) {
    const frame = launched.nearest(stage.cursor.share);
    for (let i = 0; i < launched.layers.state.n; i++) surfacePath(context, surface, lattice, launched, i, frame, theme.roles[launched.role] || theme.roles.launched, theme, true);
    surfaceDots(context, surface, lattice, launched, frame, theme.roles[launched.role] || theme.roles.launched, theme);
  }
}

function surfacePath(context, surface, lattice, run, particle, frame, colour, theme, major) {
  const { pane, relief, times } = surface;
  const layer = run.layers.state;
  const project = surface.projection(1);
  const strokes = { past: new Path2D(), behind: new Path2D(), future: new Path2D() };
  let before = null;
  let last = "";
  for (let k = 0; k < run.got; k++) {
    const at = surface.place(project, lattice, layer, k * layer.size + particle * layer.dims);
    const known = at.every(Number.isFinite);
    if (known && before) {
      const hidden = !relief.shows(at[0] * times, at[1] * times, at[2]) && !relief.shows(before[0] * times, before[1] * times, before[2]);
      const kind = k > frame ? "future" : hidden ? "behind" : "past";
      if (kind !== last) strokes[kind].moveTo(before[0], before[1]);
      strokes[kind].lineTo(at[0], at[1]);
      last = kind;
    }
    before = known ? at : null;
    if (!known) last = "";
  }
  const width = (major ? 2.2 : 1) * pane.dpr;
  const draws = [[strokes.future, theme.text, 0.7 * width, 0.4], [strokes.behind, colour, width, 0.4], [strokes.past, theme.ground, width + 2 * pane.dpr, major ? 0.8 : 0], [strokes.past, colour, width, 1]];
  for (const [path, strokeStyle, lineWidth, globalAlpha] of draws) {
    Object.assign(context, { strokeStyle, lineWidth, globalAlpha });
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

// The states; one that stands off the surface has a stem to it.
function surfaceDots(context, surface, lattice, run, frame, colour, theme) {
  const { pane, relief, times } = surface;
  const layer = run.layers.state;
  const project = surface.projection(1);
  const major = isMajor(pane, layer) || run !== pane.run;
  const radius = (major ? 5 : 1.8) * pane.dpr;
  const { heat } = pane.stage.scales;
  for (let i = 0; i < layer.n; i++) {
    const from = frame * layer.size + i * layer.dims;
    const at = surface.place(project, lattice, layer, from);
    if (!at.every(Number.isFinite)) continue;
    const foot = project(layer.values[from], layer.values[from + 1], heat.part(lattice.at(layer.values[from], layer.values[from + 1])));
    context.globalAlpha = 1;
    if (major && Math.abs(foot[1] - at[1]) > 3 * pane.dpr) {
      Object.assign(context, { strokeStyle: theme.text, lineWidth: pane.dpr });
      context.beginPath();
      pathLine(context, foot[0], foot[1], at[0], at[1]);
      context.stroke();
    }
    context.globalAlpha = relief.shows(at[0] * times, at[1] * times, at[2]) ? 1 : 0.45;
    context.beginPath();
    context.arc(at[0], at[1], radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: colour, strokeStyle: theme.ground, lineWidth: 1.6 * pane.dpr });
    context.fill();
    if (major) context.stroke();
  }
  context.globalAlpha = 1;
}

// The marks of the pane at the height of the surface; circles and lines belong to the map.
function drawSurfaceMarks(context, surface, lattice, theme) {
  const { pane } = surface;
  const project = surface.projection(1);
  const { heat } = pane.stage.scales;
  const marks = soundShapes(pane).filter((shape) => shape.kind === "mark").map((shape) => ({ shape, at: project(shape.x, shape.y, heat.part(lattice.at(shape.x, shape.y))) }));
  const sound = marks.filter(({ at }) => at.every(Number.isFinite));
  pane.marks = sound.map(({ shape, at: [x, y] }) => ({ x, y, hint: shape.hint || shape.label || "" }));
  pane.marked = sound.map(({ shape }) => shape.label).filter(Boolean).join(", ");
  const seen = ([x, y, depth]) => surface.relief.shows(x * surface.times, y * surface.times, depth);
  for (const { shape, at } of sound) drawMark(context, shape.shape, at[0], at[1], pane.dpr, shapeColour(shape, theme.roles, theme), theme.ground, seen(at) ? 1 : 0.4);
  const words = new Words(pane, takenBy(pane), []);
  for (const { shape, at } of sound) {
    if (shape.label && seen(at)) words.write(context, shape, ([wide, tall]) => around(at[0], at[1], MARK_REACH * pane.dpr, wide, tall, 2 * pane.dpr), theme);
  }
}
