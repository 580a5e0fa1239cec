// The last line of the page: what the run cost and what can be taken away; and the note for what was refused.

const LARGEST = 20_000_000; // bytes of a run that is opened
const LATE = 250; // ms before a short run would flash its cancel button

function make(tag, name, parent, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https there is no clipboard but the old one.
    const area = make("textarea", "", document.body, text);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function download(view, name, kind) {
  const bytes = new Uint8Array(view.buffer ? view.buffer : view, view.byteOffset || 0, view.byteLength);
  const link = make("a", "", document.body);
  link.href = URL.createObjectURL(new Blob([bytes], { type: kind }));
  link.download = name;
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

class Foot {
  constructor(model, el) {
    this.model = model;
    this.asked = 0;
    this.recent = [];
    make("style", "", el, STYLE);
    this.root = make("div", "exf", el);
    this.line = make("span", "line", this.root);
    this.line.setAttribute("role", "status");
    this.cancel = this.action("Cancel", () => this.ask({ what: "cancel" }));
    this.cancel.classList.add("cancel");
    this.cancel.hidden = true;
    this.python = this.action("Copy as Python", async () => {
      await copy(this.facts.recipe);
      this.flash(this.python, "Copied");
    });
    this.open = this.action("Open run", () => this.file.click());
    this.save = this.action("Save run", () => this.fetch(this.save, "save"));
    this.export = this.action("Export HTML", () => this.fetch(this.export, "export"));
    this.file = make("input", "", this.root);
    Object.assign(this.file, { type: "file", accept: ".safetensors", hidden: true });
    this.file.setAttribute("aria-label", "a saved run to open");
    this.file.addEventListener("change", () => this.upload());
    this.buildNote();
  }

  buildNote() {
    this.note = make("div", "note", this.root);
    this.note.setAttribute("role", "alert");
    this.words = make("span", "", this.note);
    const close = make("button", "", this.note, "×");
    close.type = "button";
    close.setAttribute("aria-label", "close this note");
    close.addEventListener("click", () => (this.note.hidden = true));
    this.note.hidden = true;
  }

  action(words, act) {
    const node = make("button", "act", this.root, words);
    node.type = "button";
    node.dataset.words = words;
    node.addEventListener("click", act);
    return node;
  }

  // The last few go together: what is set twice within a blink would otherwise arrive once.
  ask(words) {
    this.asked = Math.max(this.asked + 1, Date.now());
    this.recent = [...this.recent, { ...words, n: this.asked }].slice(-6);
    this.model.set("asked", JSON.stringify(this.recent));
    this.model.save_changes();
  }

  fetch(node, what) {
    node.textContent = "Preparing";
    node.disabled = true;
    this.ask({ what, theme: document.documentElement.dataset.theme || "auto" });
  }

  flash(node, words) {
    node.textContent = words;
    setTimeout(() => (node.textContent = node.dataset.words), 1400);
  }

  async upload() {
    const [file] = this.file.files;
    if (!file) return;
    if (file.size > LARGEST) this.say(`a saved run may have 20 MB, this file has ${(file.size / 1e6).toFixed(1)} MB; save it with fewer samples or steps`);
    else {
      this.model.set("upload", await file.arrayBuffer());
      this.model.save_changes();
    }
    this.file.value = "";
  }

  say(words) {
    this.words.textContent = words;
    this.note.hidden = !words;
  }

  update() {
    const facts = (this.facts = JSON.parse(this.model.get("facts")));
    this.line.textContent = facts.line;
    this.line.title = facts.line;
    this.offerCancel(facts.running);
    for (const node of [this.save, this.export]) node.disabled = facts.running || !facts.has_run;
    if (facts.note !== this.said || facts.notes !== this.notes) this.say(facts.note);
    this.said = facts.note;
    this.notes = facts.notes;
    for (const node of [this.save, this.export]) if (!facts.busy) node.textContent = node.dataset.words;
    document.dispatchEvent(new CustomEvent("explorer:link", { detail: facts.link }));
    document.dispatchEvent(new CustomEvent("explorer:tabs", { detail: facts.tabs }));
  }

  offerCancel(isRunning) {
    if (isRunning && !this.late) this.late = setTimeout(() => (this.cancel.hidden = false), LATE);
    if (isRunning) return;
    clearTimeout(this.late);
    this.late = 0;
    this.cancel.hidden = true;
  }

  take() {
    const { name, kind } = JSON.parse(this.model.get("file_facts"));
    if (name) download(this.model.get("file"), name, kind);
  }
}

function render({ model, el }) {
  const foot = new Foot(model, el);
  const hear = () => foot.update();
  const take = () => foot.take();
  model.on("change:facts", hear);
  model.on("change:file_facts", take);
  foot.update();
  return () => {
    clearTimeout(foot.late);
    model.off("change:facts", hear);
    model.off("change:file_facts", take);
    el.replaceChildren();
  };
}

export default { render };
