// Sets the super user of a new server. Checks here what can be known here; the server decides the rest.

import { byId } from "./dom.js";
import { problem, send } from "./api.js";

const FIELDS = ["username", "password", "password_repeat", "first_install_token"];

const form = byId("form");
// The browser's own bubbles vanish and are read poorly; the texts below stay next to their fields.
form.noValidate = true;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  const values = Object.fromEntries(FIELDS.map((name) => [name, byId(name).value]));
  const wrong = check(values);
  if (wrong.size) return show({ fields: wrong, general: "" });

  if (!values.first_install_token) delete values.first_install_token;
  busy(true);
  try {
    const { ok, status, data } = await send("PUT", "/api/v1/auth/first_install", values);
    if (ok) return finish("done", values.username);
    const found = problem(data);
    if (status === 403 && found.general.includes("not your first install")) return finish("already");
    if (found.general.includes("first_install_token")) {
      found.fields.set("first_install_token", found.general);
      found.general = "";
    }
    if (!found.general && !found.fields.size) found.general = `The server answered ${status} without a reason.`;
    show(found);
  } catch {
    show({ fields: new Map(), general: "The server does not answer. Nothing was set; try again in a moment." });
  } finally {
    busy(false);
  }
});

byId("show").addEventListener("change", (event) => {
  for (const id of ["password", "password_repeat"]) byId(id).type = event.target.checked ? "text" : "password";
});

// As soon as the second password is left, not only after sending.
byId("password_repeat").addEventListener("blur", () => {
  const repeat = byId("password_repeat").value;
  setError("password_repeat", repeat && repeat !== byId("password").value ? "The two passwords differ." : "");
});

function check({ username, password, password_repeat: repeat }) {
  const wrong = new Map();
  // Counted as the server counts, in characters and not in UTF-16 halves.
  const length = (text) => [...text].length;
  if (length(username) < 2 || length(username) > 20) wrong.set("username", "Take 2 to 20 characters.");
  if (length(password) < 8 || length(password) > 50) wrong.set("password", "Take 8 to 50 characters.");
  if (repeat !== password) wrong.set("password_repeat", "The two passwords differ.");
  return wrong;
}

function show({ fields, general }) {
  const unplaced = [...fields].filter(([name]) => !FIELDS.includes(name)).map(([name, text]) => `${name}: ${text}`);
  const text = [general, ...unplaced].filter(Boolean).join(" ");
  if (text) {
    byId("problem").textContent = text;
    byId("problem").hidden = false;
  }
  const placed = FIELDS.filter((name) => fields.has(name));
  for (const name of placed) setError(name, fields.get(name));
  (placed.length ? byId(placed[0]) : byId("problem")).focus();
}

function setError(name, text) {
  byId(`${name}-error`).textContent = text;
  byId(`${name}-error`).hidden = !text;
  byId(name).setAttribute("aria-invalid", text ? "true" : "false");
}

function clear() {
  byId("problem").hidden = true;
  for (const name of FIELDS) setError(name, "");
}

function busy(on) {
  const button = byId("submit");
  // Not `disabled`, which would throw the keyboard focus away.
  button.setAttribute("aria-disabled", on ? "true" : "false");
  button.textContent = on ? "Setting …" : "Set the super user";
}

// A second click while the first is on its way must not send twice.
byId("submit").addEventListener("click", (event) => {
  if (byId("submit").getAttribute("aria-disabled") === "true") event.preventDefault();
});

function finish(section, username) {
  form.reset();
  byId("setup").hidden = true;
  byId(section).hidden = false;
  if (username) byId("done-name").textContent = username;
  document.title = `${byId(`${section}-title`).textContent} – Satchel`;
  byId(`${section}-title`).focus();
}
