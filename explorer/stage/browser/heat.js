// A map under the picture: one number for each cell of the box (or for each node of a lattice that reaches its edges),
// smooth between them.

class Heat {
  constructor(pane) {
    this.pane = pane;
    this.canvas = document.createElement("canvas");
  }

  // The frame of the map that shows: the newest known at or before the cursor's, or -1.
  frame() {
    const { run, stage, frame } = this.pane;
    const layer = run && run.layers.heat;
    if (!layer || !stage.scales.heat || !stage.layers.has("map")) return -1;
    let known = Math.min(frame, layer.have.length - 1);
    while (known >= 0 && !layer.have[known]) known--;
    return known;
  }

  // The numbers of a frame on their lattice. A finer map comes in two pieces, its numbers and the spec: between the two
  // the one before stays.
  lattice(frame) {
    const { stage, run } = this.pane;
    const { nx, ny, nodes } = stage.spec.heat;
    const layer = run.layers.heat;
    if (nx * ny === layer.n) {
      const key = [stage.box(), nx, ny, Boolean(nodes), frame].join();
      if (!this.known || this.known.layer !== layer || this.known.key !== key) {
        this.known = { run: run.id, layer, key, lattice: new Lattice(stage.box(), nx, ny, Boolean(nodes), layer.values, frame * layer.size) };
      }
    } else if (!this.known || this.known.run !== run.id) {
      stage.refuse(`A map must have ${nx} × ${ny} cells, ${layer.n} numbers came for each moment.`);
      return null;
    }
    return this.known.lattice;
  }

  paint(context, frame) {
    const { stage, place } = this.pane;
    const lattice = this.lattice(frame);
    if (!lattice) return;
    this.fill(lattice, stage.scales.heat);
    const [left, right] = [-0.5, lattice.nx - 0.5].map((column) => lattice.x(column) * place[0] + place[1]);
    const [foot, top] = [-0.5, lattice.ny - 0.5].map((row) => lattice.y(row) * place[2] + place[3]);
    context.save();
    clipBox(context, stage.box(), place);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low"; // straight between cell centres
    context.drawImage(this.canvas, 0, 0, lattice.nx, lattice.ny, left, top, right - left, foot - top);
    drawContours(context, this.pane, lattice, stage.scales.heat);
    context.restore();
  }

  // One pixel a cell; the first row of numbers is the lowest, that of pixels the highest.
  fill({ nx, ny, values, start }, scale) {
    if (this.canvas.width !== nx || this.canvas.height !== ny || !this.image) {
      Object.assign(this.canvas, { width: nx, height: ny });
      this.image = new ImageData(nx, ny);
    }
    if (this.scale !== scale) [this.scale, this.shades] = [scale, scale.words()];
    const words = new Uint32Array(this.image.data.buffer);
    for (let row = 0; row < ny; row++) {
      for (let column = 0; column < nx; column++) {
        const value = values[start + row * nx + column];
        const shade = Math.round(scale.part(value) * (SHADES - 1));
        words[(ny - 1 - row) * nx + column] = Number.isNaN(value) ? 0 : this.shades[shade];
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }
}

function clipBox(context, [lowX, lowY, highX, highY], place) {
  const [left, top] = [lowX * place[0] + place[1], highY * place[2] + place[3]];
  context.beginPath();
  context.rect(left, top, (highX - lowX) * place[0], lowY * place[2] + place[3] - top);
  context.clip();
}

// Numbers at cell centres of a box, or at nodes of which the outermost lie on its edges.
class Lattice {
  constructor(box, nx, ny, nodes, values, start) {
    Object.assign(this, { nx, ny, values, start });
    const [inset, cutX, cutY] = nodes ? [0, Math.max(nx - 1, 1), Math.max(ny - 1, 1)] : [0.5, nx, ny];
    [this.stepX, this.stepY] = [(box[2] - box[0]) / cutX, (box[3] - box[1]) / cutY];
    [this.lowX, this.lowY] = [box[0] + inset * this.stepX, box[1] + inset * this.stepY];
  }

  x(column) {
    return this.lowX + column * this.stepX;
  }

  y(row) {
    return this.lowY + row * this.stepY;
  }

  value(column, row) {
    return this.values[this.start + row * this.nx + column];
  }

  // Straight between the four around a place; beyond the outermost the nearest; NaN where one of them is not known.
  at(x, y) {
    const across = clamp((x - this.lowX) / this.stepX, 0, this.nx - 1);
    const up = clamp((y - this.lowY) / this.stepY, 0, this.ny - 1);
    const [column, row] = [Math.min(Math.floor(across), Math.max(this.nx - 2, 0)), Math.min(Math.floor(up), Math.max(this.ny - 2, 0))];
    const [right, above] = [Math.min(column + 1, this.nx - 1), Math.min(row + 1, this.ny - 1)];
    const along = (at) => this.value(column, at) + (across - column) * (this.value(right, at) - this.value(column, at));
    return along(row) + (up - row) * (along(above) - along(row));
  }
}
