// The example command and the form that sends the real thing, both fed by the same fields.

import { copyButton, fill, h } from "../ui/kit.js";
import { alternatives, bodyExample, isPublic, plain, schemeLabel } from "./openapi.js";
import { carrier, curl, headers, isList, target } from "./request.js";

/**
 * The secrets typed into the page, shared by all its forms. They live in this variable and nowhere else: not in
 * storage, not in the address, not in the curl line; a reload forgets them.
 */
const secrets = { key: "", bearer: "" };

const SHOWN_CHARACTERS_MAX = 200_000;

/** The curl block and the form of one operation. */
export function tryIt(doc, operation) {
  const uid = operation.id;
  const fields = operation.parameters.filter((parameter) => parameter.in !== "cookie").map((parameter) => parameterField(doc, uid, parameter));
  const body = operation.body ? bodyField(doc, uid, operation) : null;
  const credential = credentialField(doc, uid, operation);

  const values = () => new Map(fields.map((field) => [field.parameter, field.value()]));
  const origin = location.origin + serverPath(doc);
  const command = h("pre", { tabindex: "0", "aria-label": "Example command" });
  const refresh = () => { command.textContent = curl(origin, operation, values(), body?.value(), credential.chosen()); };

  const output = h("div", { class: "answer", hidden: true });
  const button = h("button", { type: "submit", class: "button primary" }, "Send");
  const stop = h("button", { type: "button", class: "button", hidden: true }, "Stop");
  const form = h("form", { class: "try", autocomplete: "off" },
    operation.method === "GET" ? "" : h("p", { class: "hint" }, "This calls the real server and changes real things."),
    credential.node, fields.map((field) => field.node), body?.node,
    h("p", { class: "actions" }, button, stop));
  form.addEventListener("input", refresh);
  form.addEventListener("change", refresh);

  let running = null;
  stop.addEventListener("click", () => running?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    running = new AbortController();
    button.setAttribute("aria-disabled", "true");
    stop.hidden = false;
    try {
      await call(output, origin, operation, values(), body?.value(), credential.chosen(), running.signal);
    } finally {
      running = null;
      button.setAttribute("aria-disabled", "false");
      // The focus must not fall to the top of the page with the button it stood on.
      if (document.activeElement === stop) button.focus();
      stop.hidden = true;
    }
  });
  refresh();

  return [
    h("section", { class: "part" },
      h("div", { class: "part-head" }, h("h4", {}, "Command line"), copyButton("Copy", () => command.textContent)),
      command),
    h("section", { class: "part" }, h("h4", {}, "Try it"), form, output),
  ];
}

/** `servers: [{url: "/prefix"}]` when the server lives below a path; other hosts are refused by the page's CSP. */
function serverPath(doc) {
  const url = doc.servers?.[0]?.url ?? "";
  return url.startsWith("/") ? url.replace(/\/$/, "") : "";
}

function parameterField(doc, uid, parameter) {
  const id = `${uid}:${parameter.in}:${parameter.name}`;
  const { schema } = plain(doc, parameter.schema);
  const options = schema.enum ?? (schema.type === "boolean" ? [true, false] : null);
  const given = parameter.example ?? schema.example;
  const input = options && !isList(parameter)
    ? h("select", { id, required: parameter.required }, h("option", { value: "" }, "–"),
        options.filter((value) => value !== null).map((value) => h("option", { value: String(value) }, String(value))))
    : h("input", {
        id, required: parameter.required, spellcheck: "false", autocapitalize: "none",
        inputmode: schema.type === "integer" ? "numeric" : null,
        placeholder: isList(parameter) ? "one, two, three" : given === undefined ? null : `for example ${given}`,
      });
  return {
    parameter,
    value: () => input.value,
    node: h("div", { class: "field" },
      h("label", { for: id }, h("code", {}, parameter.name), " ",
        h("span", { class: "optional" }, parameter.required ? `${parameter.in}, required` : parameter.in)),
      input),
  };
}

function bodyField(doc, uid, operation) {
  return operation.body.type.startsWith("multipart/") ? multipartField(doc, uid, operation) : textField(doc, uid, operation);
}

function textField(doc, uid, operation) {
  const id = `${uid}:body`;
  const json = operation.body.type.includes("json");
  const sample = bodyExample(doc, operation.body);
  const text = json ? JSON.stringify(sample, null, 2) : typeof sample === "string" ? sample : "";
  const area = h("textarea", {
    id, spellcheck: "false", autocapitalize: "none", rows: String(Math.min(16, Math.max(3, text.split("\n").length + 1))),
    "aria-describedby": `${id}:note`,
  });
  area.value = text;
  // Said, not enforced: sending something broken is a fair thing to try.
  const note = h("p", { class: "error", id: `${id}:note`, role: "status" });
  area.addEventListener("input", () => { note.textContent = json ? jsonProblem(area.value) : ""; });
  return {
    value: () => (area.value === "" ? null : { text: area.value }),
    node: h("div", { class: "field" },
      h("label", { for: id }, "Body ", h("span", { class: "optional" }, operation.body.type)), area, note),
  };
}

function jsonProblem(text) {
  if (!text.trim()) return "";
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `Not valid JSON: ${error.message}`;
  }
}

function multipartField(doc, uid, operation) {
  const { schema } = plain(doc, operation.body.media.schema);
  const inputs = Object.entries(schema.properties ?? {}).map(([name, raw]) => {
    const inner = plain(doc, raw).schema;
    const file = inner.format === "binary" || inner.contentMediaType !== undefined || inner.contentEncoding !== undefined;
    return { name, input: h("input", { id: `${uid}:body:${name}`, type: file ? "file" : "text", required: schema.required?.includes(name) }) };
  });
  return {
    value: () => ({
      fields: inputs.flatMap(({ name, input }) =>
        input.type === "file" ? [...input.files].map((file) => [name, file]) : input.value ? [[name, input.value]] : []),
    }),
    node: h("fieldset", { class: "field" }, h("legend", {}, "Body ", h("span", { class: "optional" }, operation.body.type)),
      inputs.map(({ name, input }) => h("div", { class: "field" }, h("label", { for: input.id }, h("code", {}, name)), input))),
  };
}

/** Which credential to send, and the secret itself. */
function credentialField(doc, uid, operation) {
  const schemes = doc.components?.securitySchemes ?? {};
  const names = [...new Set(alternatives(operation).flat())];
  if (!names.length) return { chosen: () => null, node: "" };

  const select = h("select", { id: `${uid}:as` },
    names.map((name) => h("option", { value: name }, schemeLabel(name))),
    h("option", { value: "" }, "No credential"));
  if (isPublic(operation)) select.value = "";
  // autocomplete: the password store has no business with a key of a page for trying things.
  const secret = h("input", { id: `${uid}:secret`, type: "password", autocomplete: "off", spellcheck: "false", "aria-describedby": `${uid}:kept` });
  const label = h("label", { for: secret.id });
  const secretBox = h("div", { class: "field" }, label, secret,
    h("p", { class: "hint", id: `${uid}:kept` }, "Kept in the memory of this page until you reload it."));
  const cookieNote = h("p", { class: "hint" }, "Sent with the session cookie of this browser.");

  const chosen = () => {
    if (!select.value) return null;
    const found = carrier(select.value, schemes[select.value]);
    return { ...found, secret: secrets[found.kind] ?? "" };
  };
  const update = () => {
    const found = chosen();
    secretBox.hidden = !found || found.kind === "cookie";
    cookieNote.hidden = found?.kind !== "cookie";
    if (secretBox.hidden) return;
    label.textContent = found.kind === "key" ? found.name : "Bearer token";
    secret.value = found.secret;
  };
  select.addEventListener("change", update);
  secret.addEventListener("input", () => { secrets[chosen().kind] = secret.value; });
  // Another form of the page may have been given the secret meanwhile.
  secret.addEventListener("focus", update);
  document.addEventListener("satchel-secret", update);
  secret.addEventListener("change", () => document.dispatchEvent(new Event("satchel-secret")));
  update();
  return { chosen, node: h("div", { class: "pair" }, h("div", { class: "field" }, h("label", { for: select.id }, "Send as"), select), secretBox, cookieNote) };
}

async function call(output, origin, operation, values, body, credential, signal) {
  const sent = new Headers(headers(operation, values, body));
  let address = origin + target(operation, values);
  if (credential?.secret && credential.kind === "bearer") sent.set("Authorization", `Bearer ${credential.secret}`);
  if (credential?.secret && credential.kind === "key" && credential.place === "header") sent.set(credential.name, credential.secret);
  if (credential?.secret && credential.kind === "key" && credential.place === "query") {
    address += `${address.includes("?") ? "&" : "?"}${encodeURIComponent(credential.name)}=${encodeURIComponent(credential.secret)}`;
  }
  let payload = body?.text;
  if (body?.fields) {
    payload = new FormData();
    for (const [name, value] of body.fields) payload.append(name, value);
  }

  const status = h("p", { class: "status", role: "status" }, "Sending …");
  const rest = h("div");
  fill(output, status, rest);
  output.hidden = false;
  const start = performance.now();
  try {
    const response = await fetch(address, {
      method: operation.method,
      headers: sent,
      body: payload,
      // Only when asked: otherwise the cookie of a signed-in browser would answer for a wrong key.
      credentials: credential?.kind === "cookie" ? "same-origin" : "omit",
      cache: "no-store",
      signal,
    });
    const head = [
      h("span", { class: response.ok ? "code ok" : "code bad" }, `${response.status} ${response.statusText}`.trim()),
      response.redirected && ` after a redirect to ${new URL(response.url).pathname}`,
    ];
    const pre = h("pre", { tabindex: "0", "aria-label": "Response body" });
    fill(status, head, " …");
    fill(rest,
      h("details", {}, h("summary", {}, "Headers"),
        h("dl", { class: "headers" }, [...response.headers].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))),
      pre);
    const size = await read(response, pre);
    fill(status, head, ` · ${Math.round(performance.now() - start)} ms · ${size.toLocaleString()} bytes`);
  } catch (error) {
    const text = error.name === "AbortError" ? "Stopped." : `No answer: ${error.message}`;
    if (rest.childNodes.length) rest.append(h("p", { class: "hint" }, text));
    else fill(status, text);
  }
}

/** Shows the body as it comes in, so that an event stream can be watched. Gives its size in bytes. */
async function read(response, pre) {
  const type = response.headers.get("Content-Type") ?? "";
  const isText = /json|text|xml|csv|javascript|^$/.test(type);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (!isText || text.length > SHOWN_CHARACTERS_MAX) continue;
    text += decoder.decode(value, { stream: true });
    if (type.includes("event-stream")) pre.textContent = text;
  }
  if (!isText) pre.textContent = size ? `${size.toLocaleString()} bytes of ${type}` : "";
  else pre.textContent = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}\n… cut here` : pretty(text);
  if (!pre.textContent) pre.textContent = "(no body)";
  return size;
}

function pretty(text) {
  try {
    const value = JSON.parse(text);
    // Numbers beyond 2^53 would be changed by parsing; then the server's own writing is shown.
    return /\d{16,}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, "")) ? text : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}
