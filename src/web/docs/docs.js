// The API page: reads /openapi.json and shows every operation; a body is built when it is opened.

import { byId, copyButton, fill, h, speak } from "../ui/kit.js";
import { alternatives, groups, isPublic, operations, schemeLabel } from "./openapi.js";
import { inline, prose } from "./prose.js";
import { member, schemaTree } from "./schema-tree.js";
import { tryIt } from "./try.js";

/** What is on the page: one entry per operation, for search, keys and links. */
const shown = [];

async function start() {
  await speak("en");
  let doc;
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    doc = await response.json();
  } catch (error) {
    const again = h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again");
    fill(byId("operations"), h("p", { class: "notice bad", role: "alert" }, `The contract could not be read: ${error.message}.`), again);
    return;
  }
  byId("api-title").textContent = doc.info?.title ?? "API";
  fill(byId("api-intro"), doc.info?.version && h("p", { class: "hint" }, `Version ${doc.info.version}`), prose(doc.info?.description));
  showSchemes(doc);

  const all = groups(doc, operations(doc));
  fill(byId("groups"), h("ul", {}, all.map((group) =>
    h("li", {}, h("a", { href: `#${group.id}` }, h("span", { class: "label" }, group.name), " ", h("span", { class: "count" }, String(group.operations.length)))))));
  fill(byId("operations"), all.map((group) => showGroup(doc, group)), h("p", { id: "nothing", class: "notice", hidden: true }, "Nothing matches."));
  byId("search-status").textContent = `${shown.length} operations`;

  byId("search").addEventListener("input", search);
  search();
  document.addEventListener("keydown", keys);
  addEventListener("hashchange", () => openHash());
  openHash();
}

function showSchemes(doc) {
  const schemes = Object.entries(doc.components?.securitySchemes ?? {});
  fill(byId("schemes"), schemes.map(([name, scheme]) => {
    const how = scheme.type === "apiKey" ? `${scheme.in} ${scheme.name}` : scheme.scheme === "bearer" ? "Authorization: Bearer" : (scheme.scheme ?? scheme.type);
    return h("div", { id: `scheme/${name}` }, h("dt", {}, schemeLabel(name), " ", h("code", {}, how)), h("dd", {}, inline(scheme.description ?? "")));
  }));
  byId("credentials").hidden = schemes.length === 0;
}

function showGroup(doc, group) {
  const title = `${group.id}/title`;
  return h("section", { class: "group", id: group.id, "aria-labelledby": title },
    h("h2", { id: title }, group.name),
    group.description && h("div", { class: "prose" }, prose(group.description)),
    group.operations.map((operation) => showOperation(doc, operation)));
}

function showOperation(doc, operation) {
  const body = h("div", { class: "op-body", id: `${operation.id}/body`, hidden: true });
  const button = h("button", { type: "button", class: "op-head", "aria-expanded": "false", "aria-controls": body.id },
    h("span", { class: `method ${operation.method.toLowerCase()}` }, operation.method), " ",
    h("span", { class: "path" }, breakable(operation.path)), " ",
    h("span", { class: "summary" }, operation.deprecated && "Deprecated. ", inline(operation.summary ?? "")));
  const node = h("article", { class: "op", id: operation.id }, h("h3", {}, button), body);
  const entry = {
    operation, node, button,
    words: [operation.method, operation.path, operation.summary, operation.operationId, operation.group,
      isPublic(operation) ? "public" : "", ...alternatives(operation).flat().map(schemeLabel)].join(" ").toLowerCase(),
    open(on) {
      if (on && !body.childNodes.length) fill(body, details(doc, operation));
      body.hidden = !on;
      button.setAttribute("aria-expanded", String(on));
    },
  };
  button.addEventListener("click", () => {
    const on = body.hidden;
    entry.open(on);
    // In place, so that the way back does not lead through every operation that was looked at.
    history.replaceState(null, "", on ? `#${operation.id}` : location.pathname + location.search);
  });
  shown.push(entry);
  return node;
}

/** A path may break after each slash, and nowhere else. */
function breakable(path) {
  return path.split(/(?<=\/)/).map((part, index) => [index ? h("wbr") : "", part]);
}

function details(doc, operation) {
  return [
    h("div", { class: "prose" }, prose(operation.description)),
    h("section", { class: "part" },
      h("div", { class: "part-head" }, h("h4", {}, "Credentials"), copyButton("Copy link", () => `${location.origin}${location.pathname}#${operation.id}`)),
      accepted(operation)),
    operation.parameters.length > 0 && h("section", { class: "part" }, h("h4", {}, "Parameters"),
      h("ul", { class: "members top" }, operation.parameters.map((parameter) => member(doc, { ...parameter, note: `· ${parameter.in}` })))),
    operation.body && h("section", { class: "part" },
      h("h4", {}, "Request body ", h("span", { class: "optional" }, `${operation.body.type}${operation.body.required ? "" : ", optional"}`)),
      operation.body.description && h("div", { class: "prose" }, prose(operation.body.description)),
      schemaTree(doc, operation.body.media.schema)),
    operation.responses.length > 0 && h("section", { class: "part" }, h("h4", {}, "Responses"), operation.responses.map((response) => showResponse(doc, response))),
    tryIt(doc, operation),
  ];
}

function accepted(operation) {
  const choices = alternatives(operation).filter((names) => names.length);
  const chip = (name) => h("a", { class: "chip", href: `#scheme/${name}` }, schemeLabel(name));
  const list = choices.map((names, index) => [
    index ? h("span", { class: "or" }, " or ") : "",
    names.map((name, place) => [place ? h("span", { class: "or" }, " with ") : "", chip(name)]),
  ]);
  if (!isPublic(operation)) return h("p", { class: "chips" }, list);
  return h("p", { class: "chips" }, choices.length ? [list, h("span", { class: "or" }, " or "), "none"] : "None: anybody may call this.");
}

function showResponse(doc, { status, description, headers, content }) {
  const good = status.startsWith("2");
  return h("details", { class: "response", open: good },
    h("summary", {}, h("span", { class: good ? "code ok" : "code" }, status), " ", inline(description.split("\n")[0])),
    headers.length > 0 && h("ul", { class: "members top" }, headers.map((header) => member(doc, { ...header, note: "· header" }))),
    content.map(({ type, media }) => h("div", {}, h("p", { class: "hint" }, type), media.schema && schemaTree(doc, media.schema))),
    content.length === 0 && h("p", { class: "hint" }, "No body."));
}

function search() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { node, words: text } of shown) {
    node.hidden = !words.every((word) => text.includes(word));
    if (!node.hidden) count += 1;
  }
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector(".op:not([hidden])");
  byId("nothing").hidden = count > 0;
  // What was found belongs where the eye is, not below an introduction or above the edge of the screen.
  byId("prologue").hidden = words.length > 0;
  if (words.length && byId("main").getBoundingClientRect().top < 0) byId("main").scrollIntoView();
  byId("search-status").textContent = words.length ? `${count} of ${shown.length} operations` : `${shown.length} operations`;
}

/** Arrows walk through the operations; Ctrl+K (⌘K) goes to the search, Escape empties it. */
function keys(event) {
  const field = byId("search");
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    field.focus();
    field.select();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const heads = shown.filter(({ node }) => !node.hidden).map(({ button }) => button);
  const inSearch = event.target === field;
  if (inSearch && event.key === "Escape") {
    field.value = "";
    search();
    event.preventDefault();
    return;
  }
  const at = heads.indexOf(event.target);
  if (at < 0 && !inSearch) return;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key] ?? (inSearch ? undefined : { Home: 0, End: heads.length - 1 }[event.key]);
  if (to === undefined || (inSearch && event.key === "ArrowUp")) return;
  event.preventDefault();
  if (to < 0) field.focus();
  else heads[Math.min(to, heads.length - 1)]?.focus();
}

/** Opens what the address names: an operation by its id or operationId, a group, a credential. */
function openHash() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (!wanted) return;
  const entry = shown.find(({ operation }) => operation.id === wanted || operation.operationId === wanted);
  const node = entry?.node ?? byId(wanted);
  if (!node) return;
  if (node.closest("[hidden]")) {
    byId("search").value = "";
    search();
  }
  entry?.open(true);
  node.scrollIntoView();
  entry?.button.focus({ preventScroll: true });
}

start();
