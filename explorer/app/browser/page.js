// The frame of the page: theme, link and what to do when the server goes. It runs before anything is drawn.

const KEPT = "explorer-theme";
const AGAIN = 1000; // ms between two looks for a server that went

const kept = () => {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
};

const night = matchMedia("(prefers-color-scheme: dark)");

// The stage watches the same mark that JupyterLab sets, so that all turn at once and nothing is asked of Python.
function dress() {
  const theme = kept() || (night.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  document.body.dataset.jpThemeLight = String(theme === "light");
}

document.getElementById("theme").addEventListener("click", () => {
  try {
    localStorage.setItem(KEPT, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  } catch {
    // A page without storage keeps following the system.
  }
  dress();
});
night.addEventListener("change", dress);
dress();

// The address follows a little later than the picture, for which the browser's time is wanted first.
let link = null;
let waiting = 0;

function address() {
  clearTimeout(waiting);
  if (link !== null) history.replaceState(null, "", link ? `?${link}` : location.pathname);
  link = null;
}

document.addEventListener("explorer:link", ({ detail }) => {
  link = detail || "";
  clearTimeout(waiting);
  waiting = setTimeout(address, 200);
});
addEventListener("pagehide", address);

// The tabs are plain links; they lead to the other labs with what those share with the state of this one.
document.addEventListener("explorer:tabs", ({ detail }) => {
  for (const tab of document.querySelectorAll(".tab")) {
    if (detail[tab.dataset.lab]) tab.href = `?${detail[tab.dataset.lab]}`;
  }
});

const share = document.getElementById("share");
share.addEventListener("click", async () => {
  address();
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    const area = document.createElement("textarea");
    area.value = location.href;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  share.textContent = "Link copied";
  setTimeout(() => (share.textContent = "Share"), 1400);
});

// The page keeps scrubbing without its server; when one answers again, the link brings the state back.
let isLeaving = false;
addEventListener("pagehide", () => (isLeaving = true));

function lost() {
  if (isLeaving) return;
  document.getElementById("gone").hidden = false;
  setTimeout(look, AGAIN);
}

async function look() {
  try {
    const answer = await fetch("favicon.ico", { cache: "no-store" });
    if (answer.ok) return location.reload();
  } catch {
    // still gone
  }
  setTimeout(look, AGAIN);
}

const Plain = globalThis.WebSocket;
globalThis.WebSocket = class extends Plain {
  constructor(...all) {
    super(...all);
    this.addEventListener("close", lost);
  }
};
