// What every page is made of: elements, words, amounts, and the one way to the server. Importing it does nothing.

// ---- elements ------------------------------------------------------------------------------------------------
// Everything the pages show is built from text nodes. Nothing is ever parsed as HTML, so that no description,
// payment memo or error text can become markup.

/** An element with attributes (`on…` values become listeners, `true` a bare attribute) and children. */
export function h(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

/** Replaces what is inside `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
}

export const byId = (id) => document.getElementById(id);

function present(children) {
  return children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false && child !== "");
}

let lastId = 0;

/**
 * A labelled field: `{ label, hint, optional, input: attributes }`, or `control` for an element of one's own.
 * Its element has `.control`, `.value` and `.wrong(text)`.
 */
export function field({ label, hint, optional, input = {}, control }) {
  const id = input.id ?? `field-${++lastId}`;
  const it = control ?? h("input", { autocapitalize: "none", spellcheck: "false", ...input });
  it.id = id;
  const error = h("p", { class: "error", id: `${id}-error`, hidden: true });
  const hinted = hint && h("p", { class: "hint", id: `${id}-hint` }, hint);
  it.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-error`);
  const node = h("div", { class: "field" },
    h("label", { for: id }, label, optional && h("span", { class: "optional" }, ` ${t("optional")}`)), it, hinted, error);
  node.control = it;
  node.wrong = (text) => {
    error.textContent = text ?? "";
    error.hidden = !text;
    it.setAttribute("aria-invalid", text ? "true" : "false");
  };
  Object.defineProperty(node, "value", { get: () => it.value, set: (value) => { it.value = value; } });
  return node;
}

/** A choice from a list: `[[value, text], …]`. */
export function choice(attributes, options, chosen) {
  return h("select", attributes, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

export function button(text, onclick, kind = "", attributes = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), onclick, ...attributes }, text);
}

/**
 * A form that sends once: fields by the names that the server calls them, a button, and a place for what went wrong.
 * `act(values)` may throw `Refused`; what the server says of a field is shown at the field.
 */
export function form({ fields = {}, submit, kind = "primary", act, extra = [], after = [] }) {
  const general = h("p", { class: "notice bad", role: "alert", tabindex: "-1", hidden: true });
  const send = h("button", { type: "submit", class: `button ${kind}` }, submit);
  const node = h("form", { method: "post", novalidate: true }, general, Object.values(fields), extra,
    h("p", { class: "actions" }, send, after));
  let busy = false;
  node.show = (problem) => {
    const { fields: wrong, text } = problemTexts(problem);
    const rest = [text];
    let first;
    for (const [name, said] of wrong) {
      if (!fields[name]) rest.push(`${name}: ${said}`);
      else {
        fields[name].wrong(said);
        first ??= fields[name].control;
      }
    }
    const all = rest.filter(Boolean).join(" ");
    fill(general, all, problem?.requestId && all && h("span", { class: "request-id" }, t("error.id", { id: problem.requestId })));
    general.hidden = !all;
    (first ?? (all ? general : undefined))?.focus();
  };
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    // Not `disabled`, which would throw the keyboard focus away.
    send.setAttribute("aria-disabled", "true");
    general.hidden = true;
    for (const one of Object.values(fields)) one.wrong?.("");
    try {
      await act(Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, one.value])));
    } catch (problem) {
      node.show(problem);
    } finally {
      busy = false;
      send.setAttribute("aria-disabled", "false");
    }
  });
  return node;
}

/** A button that copies what `text()` says, and says so to eyes and to screen readers. */
export function copyButton(label, text) {
  const said = h("span", { class: "said", role: "status" });
  const it = button(label, async () => {
    said.textContent = (await copied(text())) ? t("copied") : t("copied.not");
    setTimeout(() => { said.textContent = ""; }, 2000);
  }, "small");
  return h("span", { class: "copy" }, it, said);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard object exists on https and localhost only; a wallet at home is often plain http.
    const area = h("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true", tabindex: "-1" });
    area.value = text;
    const focused = document.activeElement;
    (focused?.closest("dialog") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

// ---- words ---------------------------------------------------------------------------------------------------

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" };
let words = {};
let code = "en";

/** Loads the words of a language, and makes the document speak it. */
export async function speak(wanted) {
  code = wanted in LANGUAGES ? wanted : "en";
  words = (await import(`../i18n/${code}.js`)).default;
  document.documentElement.lang = code;
}

export const language = () => code;

/** The words of this name, with values put in. Where it has `.one` and `.other`, `n` decides. */
export function t(name, values = {}) {
  let text = words[name];
  if (text === undefined && values.n !== undefined) {
    text = words[`${name}.${new Intl.PluralRules(code).select(values.n)}`] ?? words[`${name}.other`];
  }
  return (text ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** Is there a text of this name? */
export const has = (name) => name in words;

// ---- amounts and times ---------------------------------------------------------------------------------------

/** Millisatoshi as a text in satoshi; parts of a satoshi are shown only where there are some. */
export function sat(msat, { sign = false } = {}) {
  const form = { maximumFractionDigits: 3, signDisplay: sign ? "exceptZero" : "auto" };
  return new Intl.NumberFormat(code, form).format(msat / 1000);
}

export function fiat(amount, currency) {
  try {
    return new Intl.NumberFormat(code, { style: "currency", currency }).format(amount);
  } catch {
    return `${amount.toFixed(2)} ${currency}`;
  }
}

export const count = (n) => new Intl.NumberFormat(code).format(n);

/** A moment for people: `long` with the seconds and the year. */
export function when(iso, long = false) {
  const style = long ? { dateStyle: "medium", timeStyle: "medium" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return h("time", { datetime: iso }, new Intl.DateTimeFormat(code, style).format(moment(iso)));
}

/** The server's times have no zone where they mean UTC. */
export function moment(iso) {
  return new Date(/[Zz]|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`);
}

// ---- the server ----------------------------------------------------------------------------------------------

/** What the server refused, and why. `status` 0 means that it did not answer. */
export class Refused extends Error {
  constructor(status, data) {
    super(typeof data?.detail === "string" ? data.detail : "");
    this.status = status;
    this.data = data ?? {};
    this.code = data?.code ?? (status === 0 ? "offline" : "");
    this.requestId = data?.request_id;
  }
}

/** `{ text, fields }` for people; known codes in their language, others as the server puts them. */
export function problemTexts(problem) {
  const fields = new Map();
  if (!(problem instanceof Refused)) return { fields, text: String(problem?.message ?? problem) };
  const general = [];
  const detail = problem.data.detail;
  if (Array.isArray(detail)) {
    for (const { loc = [], msg } of detail) {
      if (loc[0] === "body" && typeof loc[1] === "string" && !fields.has(loc[1])) fields.set(loc[1], sentence(msg));
      else general.push(sentence(msg));
    }
  } else if (has(`code.${problem.code}`)) {
    general.push(t(`code.${problem.code}`, { ...problem.data, detail: problem.message }));
  } else if (problem.message) {
    general.push(sentence(problem.message));
  } else if (!fields.size) {
    general.push(t("error.status", { status: problem.status }));
  }
  return { fields, text: general.join(" ") };
}

function sentence(text = "not accepted") {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

let waiting = 0;

/** What takes longer than this is shown to be on its way, in milliseconds. */
const PATIENCE = 300;

/** Shows that something goes on, if it goes on for long. */
export async function during(promise) {
  waiting += 1;
  const timer = setTimeout(() => { document.documentElement.dataset.busy = "true"; }, PATIENCE);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    waiting -= 1;
    if (!waiting) delete document.documentElement.dataset.busy;
  }
}

/**
 * Asks the server. `options`: `body` (sent as JSON), `wallet` (its id), `code` (one-time code), `once` (an
 * idempotency key), `headers`, `signal`. Resolves to what the answer says; throws `Refused`.
 */
export async function api(method, path, options = {}) {
  const { body, wallet, code: otp, once, headers = {}, signal } = options;
  const sent = { ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (wallet) sent["X-Wallet-Id"] = wallet;
  if (otp) sent["X-OTP-Code"] = otp;
  if (once) sent["Idempotency-Key"] = once;
  let response;
  try {
    const asked = fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store", signal });
    response = await during(asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { code: "offline" });
  }
  const data = await response.json().catch(() => null);
  if (response.ok) return data;
  const refused = new Refused(response.status, data);
  if (refused.code === "unauthenticated" && session.user) dispatchEvent(new CustomEvent("signed-out"));
  throw refused;
}

/** A name for something that must not be done twice. */
export function onceKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What is known of the server (`GET /api/v1/server`) and of the account (`GET /api/v1/auth`; null when nobody is signed
 * in). The session itself is in a cookie that scripts cannot read.
 */
export const session = { server: null, user: null };

/** Reads the account again. */
export async function refresh() {
  session.user = await api("GET", "/api/v1/auth");
  return session.user;
}

/** Goes to another page of the dashboard. */
export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** What this browser remembers; nothing that is secret. */
export const memory = {
  get(name) {
    try { return localStorage.getItem(name); } catch { return null; }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, value);
    } catch { /* a browser that remembers nothing works all the same */ }
  },
};
