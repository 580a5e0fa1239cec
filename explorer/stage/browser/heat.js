// A map under the picture: one number for each cell of the box, smooth between the centres of the cells.

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

  paint(context, frame) {
    const { stage, run, place } = this.pane;
    const { nx, ny } = stage.spec.heat;
    const layer = run.layers.heat;
    if (nx * ny !== layer.n) {
      stage.refuse(`A map must have ${nx} × ${ny} cells, ${layer.n} numbers came for each moment.`);
      return;
    }
    this.fill(layer, frame, nx, ny, stage.scales.heat);
    const [lowX, lowY, highX, highY] = stage.box();
    const top = highY * place[2] + place[3];
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low"; // straight between cell centres
    context.drawImage(this.canvas, 0, 0, nx, ny, lowX * place[0] + place[1], top, (highX - lowX) * place[0], lowY * place[2] + place[3] - top);
  }

  // One pixel a cell; the first row of numbers is the lowest, that of pixels the highest.
  fill(layer, frame, nx, ny, scale) {
    if (this.canvas.width !== nx || this.canvas.height !== ny || !this.image) {
      Object.assign(this.canvas, { width: nx, height: ny });
      this.image = new ImageData(nx, ny);
    }
    if (this.scale !== scale) [this.scale, this.shades] = [scale, scale.words()];
    const words = new Uint32Array(this.image.data.buffer);
    for (let row = 0; row < ny; row++) {
      for (let column = 0; column < nx; column++) {
        const value = layer.values[frame * layer.size + row * nx + column];
        const shade = Math.round(scale.part(value) * (SHADES - 1));
        words[(ny - 1 - row) * nx + column] = Number.isNaN(value) ? 0 : this.shades[shade];
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }
}
