// The last line of the cell: what the run cost, and what can be taken away.

const LATE = 250; // ms before a short run would flash its cancel button

function make(tag, name, parent, text) {
  const node = document.createElement(tag);
  node.className = name;
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // without https there is no clipboard; the lines below can be taken by hand
  }
}

function download(view, name) {
  const link = make("a", "", document.body);
  link.href = URL.createObjectURL(new Blob([view], { type: "text/html" }));
  link.download = name;
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function render({ model, el }) {
  const bar = make("div", "ex-bar", el);
  const line = make("span", "ex-line", bar);
  line.setAttribute("role", "status");
  let facts = {};
  let late = 0;
  let asked = Date.now();

  const action = (words, act) => {
    const node = make("button", "ex-act", bar, words);
    node.type = "button";
    node.addEventListener("click", act);
    return node;
  };
  const ask = (what) => {
    model.set("asked", `${what} ${++asked}`);
    model.save_changes();
  };

  const cancel = action("Cancel", () => ask("cancel"));
  cancel.classList.add("ex-cancel");
  cancel.hidden = true;
  const python = action("Copy as Python", async () => {
    lines.hidden = !lines.hidden;
    python.setAttribute("aria-expanded", String(!lines.hidden));
    if (lines.hidden || !(await copy(facts.recipe))) return;
    python.textContent = "Copied";
    setTimeout(() => (python.textContent = "Copy as Python"), 1400);
  });
  python.setAttribute("aria-expanded", "false");
  const html = action("Export HTML", () => {
    html.textContent = "Preparing";
    html.disabled = true;
    ask("export");
  });
  const lines = make("pre", "ex-lines", el);
  lines.tabIndex = 0;
  lines.setAttribute("aria-label", "the same in Python");
  lines.hidden = true;

  const update = () => {
    facts = JSON.parse(model.get("facts"));
    line.textContent = line.title = facts.line || "";
    lines.textContent = facts.recipe || "";
    clearTimeout(late);
    if (!facts.running) cancel.hidden = true;
    else if (cancel.hidden) late = setTimeout(() => (cancel.hidden = false), LATE);
    if (!facts.busy) html.textContent = "Export HTML";
    html.disabled = !facts.can_export;
  };
  const take = () => {
    const name = model.get("file_name").split(" ").slice(1).join(" ");
    if (name && model.get("file").byteLength) download(model.get("file"), name);
  };
  model.on("change:facts", update);
  model.on("change:file_name", take);
  update();
  return () => {
    clearTimeout(late);
    model.off("change:facts", update);
    model.off("change:file_name", take);
  };
}

export default { render };
