// The contract as the page needs it: operations in groups, references resolved, examples made up.
// Knows OpenAPI 3.1 and nothing of the DOM.

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

/** Follows a local `$ref`, keeping what is written beside it (3.1 allows a description there). */
export function resolve(doc, node) {
  let current = node;
  const beside = {};
  for (let steps = 0; current && typeof current === "object" && current.$ref; steps++) {
    if (steps > 16 || !current.$ref.startsWith("#/")) return {};
    for (const [key, value] of Object.entries(current)) if (key !== "$ref" && !(key in beside)) beside[key] = value;
    current = current.$ref
      .slice(2)
      .split("/")
      .reduce((at, part) => at?.[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")], doc);
  }
  return current && typeof current === "object" ? { ...current, ...beside } : {};
}

/** The name a reference ends in: `#/components/schemas/Payment` is `Payment`. */
export const refName = (node) => node?.$ref?.split("/").pop();

/** Every operation, flat, in the order of the document. */
export function operations(doc) {
  const found = [];
  for (const [path, rawItem] of Object.entries(doc.paths ?? {})) {
    const item = resolve(doc, rawItem);
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      found.push({
        id: `${method}${path.replace(/[{}]/g, "").replace(/#/g, "/")}`,
        operationId: operation.operationId,
        method: method.toUpperCase(),
        path,
        group: operation.tags?.[0] ?? segment(path),
        summary: operation.summary ?? "",
        description: operation.description ?? "",
        deprecated: operation.deprecated === true,
        security: operation.security ?? doc.security ?? [],
        parameters: parameters(doc, item, operation),
        body: body(doc, operation),
        responses: responses(doc, operation),
      });
    }
  }
  return found;
}

/** Groups in the order of the document's `tags`, then the others by name. */
export function groups(doc, all) {
  const known = (doc.tags ?? []).map((tag) => tag.name);
  const names = [...new Set(all.map((operation) => operation.group))];
  const rank = (name) => (known.includes(name) ? known.indexOf(name) : known.length);
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return names.map((name) => ({
    name,
    id: `group/${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`,
    description: doc.tags?.find((tag) => tag.name === name)?.description ?? "",
    operations: all.filter((operation) => operation.group === name),
  }));
}

/** `/api/v1/payments/{hash}` belongs to `payments`; what is outside the API, to `server`. */
function segment(path) {
  return /^\/api\/v\d+\/([^/{#]+)/.exec(path)?.[1] ?? "server";
}

function parameters(doc, item, operation) {
  const byKey = new Map();
  // The operation's own come last and win over those of the whole path.
  for (const raw of [...(item.parameters ?? []), ...(operation.parameters ?? [])]) {
    const parameter = resolve(doc, raw);
    byKey.set(`${parameter.in} ${parameter.name}`, parameter);
  }
  const order = ["path", "query", "header", "cookie"];
  return [...byKey.values()].sort((a, b) => order.indexOf(a.in) - order.indexOf(b.in));
}

function body(doc, operation) {
  if (!operation.requestBody) return null;
  const found = resolve(doc, operation.requestBody);
  const types = Object.entries(found.content ?? {});
  if (!types.length) return null;
  // JSON first when there is a choice: it is what the example and the form speak best.
  const [type, media] = types.find(([name]) => name.includes("json")) ?? types[0];
  return { type, media, required: found.required === true, description: found.description ?? "" };
}

function responses(doc, operation) {
  return Object.entries(operation.responses ?? {})
    .map(([status, raw]) => {
      const found = resolve(doc, raw);
      return {
        status,
        description: found.description ?? "",
        headers: Object.entries(found.headers ?? {}).map(([name, header]) => ({ name, ...resolve(doc, header) })),
        content: Object.entries(found.content ?? {}).map(([type, media]) => ({ type, media })),
      };
    })
    .sort((a, b) => a.status.localeCompare(b.status));
}

/**
 * One schema made plain: its reference followed, `null` taken out of unions (utoipa writes an optional
 * reference as `oneOf: [null, $ref]`), and the parts of an `allOf` of objects put together.
 * `names` are the references passed on the way; one of them met again is a cycle.
 */
export function plain(doc, raw, names = []) {
  if (raw === undefined || raw === null || typeof raw !== "object") {
    return { schema: {}, name: undefined, names, nullable: false, cycle: false };
  }
  const name = refName(raw);
  if (name && names.includes(name)) return { schema: {}, name, names, nullable: false, cycle: true };
  const path = name ? [...names, name] : names;
  let schema = resolve(doc, raw);
  let nullable = schema.nullable === true;
  if (Array.isArray(schema.type)) {
    nullable ||= schema.type.includes("null");
    const types = schema.type.filter((type) => type !== "null");
    schema = { ...schema, type: types.length === 1 ? types[0] : types };
  }
  for (const key of ["oneOf", "anyOf"]) {
    const variants = schema[key];
    if (!variants) continue;
    const real = variants.filter((variant) => variant.type !== "null");
    nullable ||= real.length < variants.length;
    if (real.length === 1) {
      const inner = plain(doc, real[0], path);
      const description = schema.description ?? inner.schema.description;
      return { ...inner, nullable: nullable || inner.nullable, name: inner.name ?? name, schema: { ...inner.schema, description } };
    }
    schema = { ...schema, [key]: real };
  }
  if (schema.allOf) {
    const parts = schema.allOf.map((part) => plain(doc, part, path));
    if (parts.every((part) => !part.cycle && (part.schema.properties || part.schema.type === "object"))) {
      const { allOf, ...rest } = schema;
      schema = {
        ...rest,
        type: "object",
        properties: Object.assign({}, ...parts.map((part) => part.schema.properties ?? {}), schema.properties ?? {}),
        required: [...parts.flatMap((part) => part.schema.required ?? []), ...(schema.required ?? [])],
      };
      return { schema, name: name ?? parts.find((part) => part.name)?.name, names: [...path, ...parts.map((part) => part.name).filter(Boolean)], nullable, cycle: false };
    }
  }
  return { schema, name, names: path, nullable, cycle: false };
}

/** The type in words: `list of Payment`, `integer (int64)`, `text or null`. */
export function typeText(doc, raw) {
  const { schema, name, nullable, cycle } = plain(doc, raw);
  const none = nullable ? " or null" : "";
  if (cycle) return name;
  if (schema.type === "array") return `list of ${schema.items ? typeText(doc, schema.items) : "anything"}${none}`;
  if (name) return name + none;
  if (schema.oneOf || schema.anyOf) return `one of ${(schema.oneOf ?? schema.anyOf).length} shapes${none}`;
  if (Array.isArray(schema.type)) return schema.type.join(" or ") + none;
  if (schema.type) return schema.type + (schema.format ? ` (${schema.format})` : "") + none;
  if (schema.enum || schema.const !== undefined) return `value${none}`;
  return schema.properties ? `object${none}` : `anything${none}`;
}

/** A value that fits the schema: what the document gives as an example, else required members only. */
export function example(doc, raw, names = []) {
  const { schema, names: path, nullable, cycle } = plain(doc, raw, names);
  if (cycle) return null;
  if (schema.example !== undefined) return schema.example;
  if (Array.isArray(schema.examples) && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum.find((value) => value !== null) ?? null;
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants?.length) return example(doc, variants[0], path);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => example(doc, part, path)));
  switch (Array.isArray(schema.type) ? schema.type[0] : (schema.type ?? (schema.properties ? "object" : undefined))) {
    case "object": {
      const made = {};
      for (const [key, property] of Object.entries(schema.properties ?? {})) {
        const { schema: inner } = plain(doc, property, path);
        const given = inner.example !== undefined || inner.examples?.length;
        if (schema.required?.includes(key) || given) made[key] = example(doc, property, path);
      }
      return made;
    }
    case "array":
      return schema.items ? [example(doc, schema.items, path)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return sampleText(schema.format);
    default:
      return nullable ? null : {};
  }
}

function sampleText(format) {
  switch (format) {
    case "uuid": return "123e4567-e89b-42d3-a456-426614174000";
    case "date-time": return "2030-01-31T12:00:00Z";
    case "date": return "2030-01-31";
    case "uri": return "https://example.com";
    case "email": return "name@example.com";
    default: return "text";
  }
}

/** The example request body as the form and the curl line start with it. */
export function bodyExample(doc, body) {
  const named = Object.values(body.media.examples ?? {}).map((entry) => resolve(doc, entry).value);
  return body.media.example ?? named.find((value) => value !== undefined) ?? example(doc, body.media.schema);
}

/** The credential schemes of an operation: alternatives, each a list of names used together. */
export function alternatives(operation) {
  return operation.security.map((choice) => Object.keys(choice));
}

/** Whether the operation can be called without any credential. */
export function isPublic(operation) {
  return operation.security.length === 0 || operation.security.some((choice) => Object.keys(choice).length === 0);
}

/** `WalletAdminKey` in words: `Wallet admin key`. */
export function schemeLabel(name) {
  const words = name.replace(/[_-]+/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(" ");
  const text = words.map((word) => (["acl", "api", "jwt", "nwc"].includes(word) ? word.toUpperCase() : word)).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
