// Which layers show, and the chips that switch them where the stage has its own.

const DEFAULT_LAYERS = ["target", "map", "particles", "paths", "clean"];

class Layers {
  constructor(stage, parent) {
    this.stage = stage;
    this.shown = new Set(DEFAULT_LAYERS);
    this.node = make("div", "exs-chips", parent);
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "layers");
  }

  has(name) {
    return this.shown.has(name);
  }

  set(text) {
    const wanted = parsed(text, DEFAULT_LAYERS);
    this.shown = new Set(Array.isArray(wanted) ? wanted.filter((name) => LAYERS.includes(name)) : DEFAULT_LAYERS);
    this.keep();
    this.stage.spoil();
  }

  keep() {
    const wanted = Boolean(this.stage.spec.layer_chips);
    this.node.hidden = !wanted;
    if (!wanted) return;
    const names = LAYERS.filter((name) => this.offers(name));
    if (names.join() !== this.names) {
      this.names = names.join();
      this.node.replaceChildren(...names.map((name) => this.chip(name)));
    }
    for (const chip of this.node.children) chip.setAttribute("aria-pressed", String(this.has(chip.textContent)));
  }

  chip(name) {
    const node = make("button", "exs-chip", null, name);
    node.type = "button";
    node.addEventListener("click", () => this.flip(name));
    return node;
  }

  flip(name) {
    if (this.shown.has(name)) this.shown.delete(name);
    else this.shown.add(name);
    this.stage.tell("layers", JSON.stringify(LAYERS.filter((layer) => this.shown.has(layer))));
    this.keep();
    this.stage.spoil();
  }

  offers(layer) {
    const { panes, spec, targets } = this.stage;
    if (Array.isArray(spec.layer_chips) && !spec.layer_chips.includes(layer)) return false;
    const runs = panes.map((pane) => pane.run).filter(Boolean);
    const has = (kind) => runs.some((run) => run.layers[kind]);
    if (spec.images) return layer === "clean" && has("imagesClean") && !spec.images.single;
    if (spec.still) return layer === "map" && Boolean(spec.heat); // a map with marks on it
    if (layer === "target") return targets.size > 0;
    if (layer === "clean" || layer === "field") return has(layer);
    if (layer === "map") return Boolean(spec.heat) && has("heat");
    return layer === "pairs" ? panes.length > 1 : true;
  }
}
