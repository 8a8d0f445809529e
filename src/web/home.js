// The start page: asks the server how it is, once, and again whenever the page comes back into view.

import { byId } from "./dom.js";
import { send } from "./api.js";

const REFRESH_MS = 30_000;

async function refresh() {
  let state = "bad";
  let text = "The server does not answer.";
  try {
    const { ok, status, data } = await send("GET", "/api/v1/health");
    if (ok && data) {
      state = "good";
      text = "Up and answering.";
      byId("up-time").textContent = data.up_time;
      byId("server-time").textContent = new Date(data.server_time * 1000).toLocaleString();
    } else if (ok) {
      // A server without a super user answers every call with the way to /first_install.
      state = "wait";
      text = "Waiting for its first install.";
    } else {
      text = `The server answered ${status}.`;
    }
  } catch {
    // The text above says it.
  }
  byId("health").dataset.state = state;
  // Said again only when it changed: this is a live region.
  const line = byId("health-text");
  if (line.textContent !== text) line.textContent = text;
}

refresh();
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
