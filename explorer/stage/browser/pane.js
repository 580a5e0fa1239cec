// One pane: a picture of one run at the cursor. Space is drawn equal along both axes, in a fixed box.

const NEAR = 26; // how far a hand may be from the particle it means, in CSS pixels
const GROUNDS = 3; // kept for a pane, or fewer where they would hold more than so many pixels
const GROUND_PIXELS = 3e6;

class Pane {
  constructor(stage, index, parent) {
    this.stage = stage;
    this.index = index;
    this.frame = 0;
    this.run = null;
    this.width = 0;
    this.height = 0;
    this.dpr = 1;
    this.stale = true;
    this.build(parent);
    this.images = new ImageGrids(this);
    this.heat = new Heat(this);
    this.surface = new Surface(this);
    this.heatFrame = -1;
    this.grounds = [];
  }

  build(parent) {
    this.node = make("section", "exs-pane", parent);
    this.canvas = make("canvas", "exs-canvas", this.node);
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.base = document.createElement("canvas");
    this.baseContext = this.base.getContext("2d", { alpha: false, willReadFrequently: true });
    this.captions = new Captions(this);
    this.listen();
  }

  listen() {
    this.canvas.addEventListener("pointermove", (event) => {
      this.stage.hover(this, this.spot(event));
      this.stage.hands.showMark(this, markAt(this, this.spot(event)));
    });
    this.canvas.addEventListener("pointerleave", () => {
      this.stage.hover(null);
      this.stage.hands.showMark(this, null);
    });
    this.canvas.addEventListener("pointerdown", (event) => {
      this.pressed = [event.clientX, event.clientY];
      this.stage.hover(this, this.spot(event));
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const still = this.pressed && Math.hypot(event.clientX - this.pressed[0], event.clientY - this.pressed[1]) < 5;
      this.pressed = null;
      if (still) this.stage.launch(this, this.spot(event));
    });
  }

  // A place of the pointer in device pixels of the canvas.
  spot(event) {
    const frame = this.canvas.getBoundingClientRect();
    return [((event.clientX - frame.left) / frame.width) * this.width, ((event.clientY - frame.top) / frame.height) * this.height];
  }

  resize() {
    const dpr = Math.min(2, globalThis.devicePixelRatio || 1);
    const width = Math.round(this.node.clientWidth * dpr);
    const height = Math.round(this.node.clientHeight * dpr);
    if (width < 2 || height < 2) {
      this.width = 0; // hidden: keep everything and draw on return
      return;
    }
    if (width === this.width && height === this.height && dpr === this.dpr) return;
    Object.assign(this, { width, height, dpr, stale: true });
    for (const canvas of [this.canvas, this.base]) Object.assign(canvas, { width, height });
    this.pixels = new Pixels(width, height);
    this.density = null;
    this.grounds = [];
  }

  // Fits the box into the free part of the pane; what lies around the box is still drawn.
  fit() {
    const foot = (EDGE_ROOM + 6) * this.dpr;
    const head = Math.max(headRoom(this.width, this.dpr), this.stage.headHeight * this.dpr);
    this.place = fitted(this.stage.box(), this.width, this.height, head, foot, this.dpr, this.stage.spec.fill);
    this.words = this.spec.show_axes && Array.isArray(this.spec.axes) ? this.spec.axes : [];
  }

  pixelX(x) {
    return x * this.place[0] + this.place[1];
  }

  pixelY(y) {
    return y * this.place[2] + this.place[3];
  }

  space(spot) {
    return spaceOf(this.place, spot);
  }

  target() {
    const { targets } = this.stage;
    return targets.get(this.spec.target || 0) || targets.get(this.run ? this.run.id : 0) || targets.get(0);
  }

  // The layers that do not move with the cursor, kept as pixels.
  layBase() {
    const { run } = this;
    const tint = tintOf(this);
    this.fit();
    this.still = this.ground(run, tint);
    this.sprites(run && run.layers.state ? run.layers.state.n : 1);
    this.layStrands(run, tint);
    this.stale = false;
  }

  // What lies under the coloured paths. The last few are kept: hands go back and forth between two or three pictures.
  // A map and plain paths are always laid anew.
  ground(run, tint) {
    const { theme, layers } = this.stage;
    const plain = run && run.layers.state && layers.has("paths") && !tint;
    if (this.heatFrame >= 0 || plain) return this.layGround(run, tint);
    const target = layers.has("target") ? this.target() : null;
    const sign = [theme.name, this.width, this.height, this.place, this.words, this.stage.headHeight, JSON.stringify(this.spec.shapes)].join();
    const known = this.grounds.find((each) => each.sign === sign && each.target === target);
    const newest = known || { sign, target, pixels: this.layGround(run, tint) };
    const room = clamp(Math.floor(GROUND_PIXELS / (this.width * this.height)), 1, GROUNDS);
    this.grounds = [newest, ...this.grounds.filter((each) => each !== known)].slice(0, room);
    return newest.pixels;
  }

  layGround(run, tint) {
    const { theme, layers } = this.stage;
    const context = this.baseContext;
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, this.width, this.height);
    const mapped = this.heatFrame >= 0;
    if (mapped) this.heat.paint(context, this.heatFrame);
    drawGrid(context, this, mapped ? { ...theme, grid: theme.veil } : theme, this.words, this.stage.headHeight * this.dpr);
    if (run && run.layers.state && layers.has("paths") && !tint) drawFuture(context, this, run, theme);
    drawShapes(context, this, theme);
    const pixels = context.getImageData(0, 0, this.width, this.height);
    this.pixels.words.set(new Uint32Array(pixels.data.buffer));
    this.splatTarget(theme, layers);
    return this.pixels.words.slice();
  }

  layStrands(run, tint) {
    if (!tint) this.strands = null;
    else if (!this.strands || this.stale) {
      const fits = this.strands && this.strands.width === this.width && this.strands.height === this.height;
      if (!fits) this.strands = new Strands(this.width, this.height);
      this.strands.lay(this, run, tint);
    }
  }

  splatTarget(theme, layers) {
    const target = this.target();
    if (!target || !layers.has("target")) return;
    const sprite = new Sprite(this.radius(target.n) * this.dpr, theme.name === "dark" ? 0.62 : 0.55);
    this.pixels.splat(target.values, 0, target.n, target.dims, this.place, sprite, rgb(theme.roles.target));
  }

  radius(n) {
    return clamp(0.1 * Math.sqrt((this.width * this.height) / this.dpr ** 2 / n), 0.95, 1.7);
  }

  sprites(n) {
    const radius = this.radius(n) * this.dpr;
    this.dot = new Sprite(radius, 0.72);
    this.small = new Sprite(Math.max(0.85 * this.dpr, radius * 0.72), 0.7);
  }

  paint() {
    if (!this.width) return;
    const { stage, run } = this;
    if (run) this.frame = run.nearest(stage.cursor.share);
    if (stage.spec.images && run && run.layers.images) this.paintImages();
    else this.paintPoints();
    this.captions.keep();
  }

  paintImages() {
    const { stage, run, context } = this;
    const fault = imageFault(run, stage.spec.images);
    if (fault) {
      stage.refuse(fault);
      context.fillStyle = stage.theme.ground;
      context.fillRect(0, 0, this.width, this.height);
      return;
    }
    if (this.stale) this.images.forget();
    this.stale = false;
    this.images.paint(context, run, this.frame, stage.spec, stage.layers, stage.theme);
    if (stage.followed >= 0 && stage.followed < run.layers.images.n) this.images.ring(context, stage.followed, stage.theme);
    this.outside = 0;
  }

  paintPoints() {
    const { stage, run, context } = this;
    const heatFrame = this.heat.frame();
    if (this.surface.on && heatFrame >= 0) return this.surface.paint(context, heatFrame);
    if (this.stale || heatFrame !== this.heatFrame) {
      this.heatFrame = heatFrame;
      this.layBase();
    }
    this.pixels.words.set(this.still);
    if (this.strands) this.strands.paint(this.pixels.words, this.frame);
    this.outside = run ? this.splatRun(run) : 0;
    context.putImageData(this.pixels.image, 0, 0);
    if (run) drawOverlays(context, this, stage);
  }

  splatRun(run) {
    const { theme, layers } = this.stage;
    const { state, clean } = run.layers;
    if (!state) return 0;
    const colour = rgb(theme.roles[this.spec.role] || theme.roles.state);
    const start = this.frame * state.size;
    let outside = 0;
    if (layers.has("density")) this.paintDensity(state, start, colour);
    if (layers.has("particles")) {
      outside = this.pixels.splat(state.values, start, state.n, state.dims, this.place, this.dot, colour);
    }
    if (clean && layers.has("clean") && run.has("clean", this.frame)) {
      this.pixels.splat(clean.values, this.frame * clean.size, clean.n, clean.dims, this.place, this.small, rgb(theme.roles.clean));
    }
    return outside;
  }

  paintDensity(state, start, colour) {
    if (!this.density) this.density = new Density(this.width, this.height);
    const smooth = state.n > 5000 ? 1 : 2;
    const top = this.density.count(state.values, start, state.n, state.dims, this.place, smooth);
    if (top > 0) this.density.paint(this.pixels, top, colour);
  }

  // The nearest particle (or picture) to a spot, or -1.
  nearest(spot) {
    const { run, stage } = this;
    if (!run || !this.width || this.surface.on) return -1;
    if (run.layers.images && stage.spec.images) return this.images.sampleAt(spot[0], spot[1], run.layers.images.n);
    const state = run.layers.state;
    if (!state || !this.place) return -1;
    let best = (NEAR * this.dpr) ** 2;
    let found = -1;
    for (let i = 0, at = this.frame * state.size; i < state.n; i++, at += state.dims) {
      const dx = this.pixelX(state.values[at]) - spot[0];
      const dy = this.pixelY(state.values[at + 1]) - spot[1];
      const distance = dx * dx + dy * dy;
      if (distance < best) {
        best = distance;
        found = i;
      }
    }
    return found;
  }
}
