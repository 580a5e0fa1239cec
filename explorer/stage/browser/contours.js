// Contour lines of a map, evenly in its scale of colours, by marching squares between the numbers of its lattice.

// The values that have a line.
function contourLevels(said, scale) {
  const count = clamp(Math.round(Number(said.contours) || 0), 0, 40);
  return Array.from({ length: count }, (_, k) => scale.value((k + 1) / (count + 1)));
}

function drawContours(context, pane, lattice, scale) {
  const { stage, dpr } = pane;
  const levels = contourLevels(stage.spec.heat, scale);
  if (!levels.length) return;
  context.beginPath();
  for (const level of levels) march(lattice, scale.bend(level), (value) => scale.bend(value), (x, y, toX, toY) => {
    context.moveTo(pane.pixelX(x), pane.pixelY(y));
    context.lineTo(pane.pixelX(toX), pane.pixelY(toY));
  });
  Object.assign(context, { strokeStyle: stage.theme.text, lineWidth: 0.8 * dpr, globalAlpha: stage.spec.heat.strong ? 0.4 : 0.3, lineCap: "round" });
  context.stroke();
  context.globalAlpha = 1;
}

// Each stretch of the line where the bent values reach `level`; none where a corner is not known.
function march(lattice, level, bend, stretch) {
  for (let row = 0; row + 1 < lattice.ny; row++) {
    for (let column = 0; column + 1 < lattice.nx; column++) {
      const corners = [lattice.value(column, row), lattice.value(column + 1, row), lattice.value(column + 1, row + 1), lattice.value(column, row + 1)].map((value) => bend(value) - level);
      const above = corners.filter((value) => value > 0).length;
      if (above === 0 || above === 4 || corners.some(Number.isNaN)) continue;
      const ends = crossingsOf(corners).map(([across, up]) => [lattice.x(column + across), lattice.y(row + up)]);
      for (let k = 0; k + 1 < ends.length; k += 2) stretch(...ends[k], ...ends[k + 1]);
    }
  }
}

const SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]; // its corners, round about

// Where the edges of a square are crossed, in pairs that belong together.
function crossingsOf(corners) {
  const ends = [];
  SQUARE.forEach(([across, up], k) => {
    const next = (k + 1) % 4;
    if (corners[k] > 0 === corners[next] > 0) return;
    const part = corners[k] / (corners[k] - corners[next]);
    ends.push([across + part * (SQUARE[next][0] - across), up + part * (SQUARE[next][1] - up)]);
  });
  // At a saddle the middle of the square says which of the corners hang together.
  const middle = corners.reduce((sum, value) => sum + value, 0) > 0;
  if (ends.length === 4 && middle === corners[0] > 0) ends.push(ends.shift());
  return ends;
}
