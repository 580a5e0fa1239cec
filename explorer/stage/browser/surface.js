// The map of a pane seen as a surface: a hand, the wheel or the arrow keys turn it, and the runs of the pane lie on it.

const VIEWS = Symbol.for("explorer.stage.views"); // "view" -> map or surface, as long as the page lives
const START = { yaw: -0.55, pitch: 0.78, zoom: 1 };
const REFINE = 220; // ms of rest
const RISE = 0.85; // how high the top of the scale stands, of half the longer side
let viewSwitches = 0;

class Surface {
  constructor(pane) {
    this.pane = pane;
    this.view = { ...START };
    this.canvas = document.createElement("canvas");
    this.listen(pane.canvas);
  }

  get on() {
    const { stage, run } = this.pane;
    return Boolean(stage.spec.heat && stage.spec.heat.surface && run && run.layers.heat && chosenView() === "surface" && stage.layers.has("map"));
  }

  listen(canvas) {
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.on) return;
      this.held = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.held || !this.on) return;
      this.turn((event.clientX - this.held[0]) * 0.008, (event.clientY - this.held[1]) * 0.006);
      this.held = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.held = null));
    canvas.addEventListener("wheel", (event) => {
      if (!this.on || !(event.shiftKey || document.activeElement === canvas || canvas.matches(":focus"))) return;
      event.preventDefault();
      this.zoom(Math.exp(-(event.deltaY || event.deltaX) * 0.0012));
    }, { passive: false });
  }

  turn(yaw, pitch) {
    this.change({ yaw: this.view.yaw + yaw, pitch: clamp(this.view.pitch + pitch, 0.08, 1.5) });
  }

  zoom(factor) {
    this.change({ zoom: clamp(this.view.zoom * factor, 0.5, 6) });
  }

  // While it turns it is drawn quickly, and finely once it rests.
  change(changes) {
    Object.assign(this.view, changes);
    this.draft = true;
    this.redraw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.draft = false;
      this.redraw();
    }, REFINE);
  }

  redraw() {
    this.pane.stale = true;
    this.pane.stage.invalidate();
  }

  drop() {
    clearTimeout(this.resting);
  }

  keyed(key) {
    const turns = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] };
    if (turns[key]) this.turn(...turns[key]);
    else if (key === "+" || key === "=") this.zoom(1.2);
    else if (key === "-") this.zoom(1 / 1.2);
    else if (key === "Home" || key === "0") this.change({ ...START });
    else return false;
    return true;
  }

  // From a place and its height (0 to 1 on the scale) to [x, y, depth] in a picture `times` as large as the canvas.
  projection(times) {
    const { pane, view } = this;
    const [lowX, lowY, highX, highY] = pane.stage.box();
    const half = Math.max(highX - lowX, highY - lowY) / 2;
    const [cos, sin, up, lean] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const head = headOf(pane);
    const foot = 34 * pane.dpr;
    const tall = pane.height - head - foot;
    const size = Math.min((pane.width - 40 * pane.dpr) / 2.75, tall / (2.75 * Math.sin(START.pitch) + RISE * Math.cos(START.pitch))) * view.zoom;
    const [midX, midY] = [pane.width / 2, head + tall / 2];
    return (x, y, part) => {
      const [u, v] = [(x - (lowX + highX) / 2) / half, (y - (lowY + highY) / 2) / half];
      const [across, away] = [u * cos - v * sin, u * sin + v * cos];
      const rise = (part - 0.5) * RISE;
      return [(midX + size * across) * times, (midY - size * (rise * up + away * lean)) * times, away * up - rise * lean];
    };
  }

  // Where a state lies: at its own third number, else on the surface.
  place(project, lattice, layer, at) {
    const [x, y] = [layer.values[at], layer.values[at + 1]];
    const value = layer.dims > 2 ? layer.values[at + 2] : lattice.at(x, y);
    return project(x, y, this.pane.stage.scales.heat.part(value));
  }

  paint(context, frame) {
    const { pane } = this;
    const { stage } = pane;
    const lattice = pane.heat.lattice(frame);
    if (lattice && (pane.stale || frame !== pane.heatFrame || lattice !== this.laid)) this.lay(lattice);
    [pane.heatFrame, pane.stale] = [frame, false];
    context.drawImage(this.canvas, 0, 0);
    if (lattice) drawOnSurface(context, this, lattice, stage.theme);
    pane.outside = 0;
  }

  // The ground, the frame of the box and the surface, once for each view of each map.
  lay(lattice) {
    const { pane } = this;
    const { theme, scales, spec } = pane.stage;
    this.laid = lattice;
    Object.assign(this.canvas, { width: pane.width, height: pane.height });
    const context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, pane.width, pane.height);
    this.times = this.draft || pane.dpr > 1.5 ? 1 : 2; // finely, for smooth edges
    const [width, height] = [pane.width * this.times, pane.height * this.times];
    this.relief = this.reliefOf(width, height);
    this.relief.lay(lattice, scales.heat, this.projection(this.times), contourLevels(spec.heat, scales.heat).length);
    const { sheet } = this.relief;
    sheet.getContext("2d", { willReadFrequently: true }).putImageData(this.relief.image, 0, 0);
    drawFloor(context, this, lattice, theme);
    Object.assign(context, { imageSmoothingEnabled: true, imageSmoothingQuality: "medium" });
    context.drawImage(sheet, 0, 0, pane.width, pane.height);
    drawSurfaceMarks(context, this, lattice, theme);
  }
  // The quick picture and the fine one are kept.
  reliefOf(width, height) {
    this.reliefs = (this.reliefs || []).filter((relief) => relief.fits(this.pane));
    const known = this.reliefs.find((relief) => relief.width === width && relief.height === height);
    if (!known) this.reliefs.push(new Relief(width, height));
    return known || this.reliefs.at(-1);
  }
}

function chosenView() {
  return globalThis[VIEWS] || "map";
}

// The switch by the title of the first pane, where the map may be seen as a surface.
class ViewSwitch {
  constructor(pane, parent) {
    this.pane = pane;
    this.node = make("div", "exs-view", parent);
    this.node.setAttribute("role", "radiogroup");
    this.node.setAttribute("aria-label", "view");
    this.node.hidden = true;
    const name = `exs-view-${viewSwitches++}`;
    this.radios = ["map", "surface"].map((view) => {
      const label = make("label", "", this.node);
      const radio = make("input", "", label);
      Object.assign(radio, { type: "radio", name, value: view });
      make("span", "", label, view);
      radio.addEventListener("change", () => {
        globalThis[VIEWS] = view;
        pane.stage.spoil();
      });
      return radio;
    });
  }

  keep() {
    const { pane } = this;
    const { heat } = pane.stage.spec;
    this.node.hidden = !(pane.index === 0 && heat && heat.surface && pane.run && pane.run.layers.heat && pane.stage.layers.has("map"));
    for (const radio of this.radios) radio.checked = radio.value === chosenView();
    const { on } = pane.surface;
    if (pane.canvas.classList.contains("exs-turns") === on) return;
    pane.canvas.classList.toggle("exs-turns", on);
    if (on) pane.canvas.tabIndex = 0;
    else pane.canvas.removeAttribute("tabindex");
  }
}
