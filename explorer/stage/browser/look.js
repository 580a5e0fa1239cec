// Light or dark: what was asked, else what JupyterLab or the system shows.

class Look {
  constructor(stage) {
    this.stage = stage;
    this.night = matchMedia("(prefers-color-scheme: dark)");
    this.later = () => this.dress();
    this.night.addEventListener("change", this.later);
    this.jupyter = new MutationObserver(this.later);
    this.jupyter.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.dress();
  }

  name() {
    const asked = this.stage.model.get("theme");
    if (asked === "light" || asked === "dark") return asked;
    const lab = document.body.dataset.jpThemeLight;
    if (lab !== undefined) return lab === "false" ? "dark" : "light";
    return this.night.matches ? "dark" : "light";
  }

  dress() {
    const { stage } = this;
    const name = this.name();
    stage.theme = { ...THEMES[name], name };
    stage.root.dataset.theme = name;
    for (const [token, value] of Object.entries(stage.theme)) {
      if (typeof value === "string") stage.root.style.setProperty(`--${token}`, value);
    }
    stage.charts.restyle();
    stage.timeline.layTicks();
    stage.sketch.render();
    stage.spoil();
  }

  drop() {
    this.jupyter.disconnect();
    this.night.removeEventListener("change", this.later);
  }
}
