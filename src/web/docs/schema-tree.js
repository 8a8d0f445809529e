// A schema as a tree one can read: a line per member, opened level by level. A level is built when it is
// opened, so that a schema which contains itself costs nothing.

import { h } from "../ui/kit.js";
import { plain, typeText } from "./openapi.js";
import { inline } from "./prose.js";

const OPEN_LEVELS = 1;

/** The tree below a schema, headed by its type. */
export function schemaTree(doc, raw) {
  const start = plain(doc, raw);
  return h("div", { class: "tree" },
    h("p", { class: "tree-head" }, h("span", { class: "type" }, typeText(doc, raw)), facts(start.schema)),
    below(doc, start, 0));
}

/** One member or parameter: name, type, whether it is needed, what it means. */
export function member(doc, { name, schema: raw, required, description, note, deprecated }, names = [], level = 0) {
  const view = plain(doc, raw, names);
  const text = description ?? view.schema.description;
  const line = [
    h("code", { class: "name" }, name), " ",
    h("span", { class: "type" }, typeText(doc, raw)), " ",
    note && [h("span", { class: "note" }, note), " "],
    required && [h("span", { class: "required" }, "required"), " "],
    (deprecated || view.schema.deprecated) && h("span", { class: "note" }, "deprecated"),
  ];
  const about = [text && h("p", { class: "about" }, inline(text.trim().replace(/\s*\n\s*/g, " "))), facts(view.schema)];
  if (view.cycle) {
    return h("li", {}, h("p", { class: "line" }, line, h("span", { class: "note" }, "(as above)")), about);
  }
  if (!hasBelow(doc, view)) return h("li", {}, h("p", { class: "line" }, line), about);

  const box = h("details", { open: level < OPEN_LEVELS }, h("summary", { class: "line" }, line));
  const build = () => { if (box.open && box.children.length === 1) box.append(below(doc, view, level + 1)); };
  box.addEventListener("toggle", build);
  build();
  return h("li", {}, box, about);
}

function below(doc, view, level) {
  const { schema, names } = view;
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) {
    return h("ol", { class: "members variants" }, variants.map((variant, index) =>
      member(doc, { name: variantName(variant, index), schema: variant, required: false }, names, level)));
  }
  if (schema.type === "array") {
    if (schema.prefixItems) {
      return h("ol", { class: "members" }, schema.prefixItems.map((item, index) =>
        member(doc, { name: String(index), schema: item, required: true }, names, level)));
    }
    const item = plain(doc, schema.items, names);
    if (item.cycle) return h("p", { class: "note" }, `${item.name} (as above)`);
    return below(doc, item, level);
  }
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) =>
    member(doc, { name, schema: property, required: schema.required?.includes(name) }, names, level));
  for (const part of schema.allOf ?? []) {
    rows.push(member(doc, { name: "and", schema: part, required: false }, names, level));
  }
  if (schema.additionalProperties && schema.additionalProperties !== true) {
    rows.push(member(doc, { name: "any other name", schema: schema.additionalProperties, required: false }, names, level));
  }
  return rows.length ? h("ul", { class: "members" }, rows) : "";
}

function hasBelow(doc, { schema, names }) {
  if (schema.oneOf || schema.anyOf || schema.allOf || schema.prefixItems) return true;
  if (schema.type === "array") {
    const item = plain(doc, schema.items, names);
    return item.cycle || hasBelow(doc, item);
  }
  const open = schema.additionalProperties && schema.additionalProperties !== true;
  return Object.keys(schema.properties ?? {}).length > 0 || Boolean(open);
}

/** A variant of a tagged enum is best known by its tag. */
function variantName(variant, index) {
  if (variant.title) return variant.title;
  if (variant.$ref) return variant.$ref.split("/").pop();
  for (const property of Object.values(variant.properties ?? {})) {
    const tag = property.const ?? (property.enum?.length === 1 ? property.enum[0] : undefined);
    if (tag !== undefined) return String(tag);
  }
  return variant.const !== undefined ? JSON.stringify(variant.const) : `shape ${index + 1}`;
}

/** Limits, defaults and permitted values, in words. */
function facts(schema) {
  const said = [];
  const code = (value) => h("code", {}, JSON.stringify(value));
  if (schema.enum) said.push(["one of ", schema.enum.map((value, index) => [index ? ", " : "", code(value)])]);
  if (schema.const !== undefined) said.push(["always ", code(schema.const)]);
  if (schema.default !== undefined && schema.default !== null) said.push(["default ", code(schema.default)]);
  range(said, "at least", "at most", schema.minimum, schema.maximum, "");
  if (schema.exclusiveMinimum !== undefined) said.push(`more than ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined) said.push(`less than ${schema.exclusiveMaximum}`);
  range(said, "at least", "at most", schema.minLength, schema.maxLength, " characters");
  range(said, "at least", "at most", schema.minItems, schema.maxItems, " entries");
  if (schema.pattern) said.push(["matches ", h("code", {}, schema.pattern)]);
  const shown = schema.example ?? (Array.isArray(schema.examples) ? schema.examples[0] : undefined);
  if (shown !== undefined && (typeof shown !== "object" || shown === null)) said.push(["for example ", code(shown)]);
  return said.length ? h("p", { class: "facts-line" }, said.map((part, index) => [index ? " · " : "", part])) : "";
}

function range(said, least, most, low, high, unit) {
  if (low !== undefined && high !== undefined) said.push(`${low} to ${high}${unit}`);
  else if (low !== undefined) said.push(`${least} ${low}${unit}`);
  else if (high !== undefined) said.push(`${most} ${high}${unit}`);
}
