// A request as a value: what the form has gathered, from which both the curl line and the real call are made,
// so that the two can never differ.

/**
 * What a security scheme puts into a request: `{ kind, name, place, variable }`.
 * `kind` says which secret the page asks for; `variable` is the shell variable in the curl line.
 */
export function carrier(name, scheme = {}) {
  const variable = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9]+/g, "_").toUpperCase();
  if (scheme.type === "apiKey" && scheme.in === "cookie") return { kind: "cookie", name: scheme.name, place: "cookie", variable };
  if (scheme.type === "apiKey") return { kind: "key", name: scheme.name, place: scheme.in, variable };
  return { kind: "bearer", name: "Authorization", place: "header", variable };
}

/** The address below the origin: path parameters put in, query added. Empty values are left out. */
export function target(operation, values) {
  // A path may carry `#send` to tell apart two operations that share one address.
  let path = operation.path.split("#")[0];
  const query = new URLSearchParams();
  for (const parameter of operation.parameters) {
    const value = values.get(parameter) ?? "";
    if (value === "") continue;
    if (parameter.in === "path") path = path.replaceAll(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === "query") {
      for (const one of isList(parameter) ? value.split(",") : [value]) query.append(parameter.name, one.trim());
    }
  }
  const text = query.toString();
  return path + (text ? `?${text}` : "");
}

/** Header parameters with a value. The credential is not among them. */
export function headers(operation, values, body) {
  const found = operation.parameters
    .filter((parameter) => parameter.in === "header" && values.get(parameter))
    .map((parameter) => [parameter.name, values.get(parameter)]);
  // A browser writes the boundary of a multipart body itself.
  if (body?.text) found.push(["Content-Type", operation.body.type]);
  return found;
}

/**
 * The same as a command line. The secret is a shell variable, never the one typed into the page: a command is
 * pasted into chats and stays in histories.
 */
export function curl(origin, operation, values, body, credential) {
  const at = target(operation, values);
  const parts = [operation.method === "GET" ? "curl" : `curl -X ${operation.method}`];
  let address = quote(origin + at);
  if (credential?.kind === "key" && credential.place === "query") {
    address += `"${at.includes("?") ? "&" : "?"}${credential.name}=$${credential.variable}"`;
  } else if (credential?.kind === "key") parts.push(`-H "${credential.name}: $${credential.variable}"`);
  else if (credential?.kind === "bearer") parts.push(`-H "Authorization: Bearer $${credential.variable}"`);
  else if (credential?.kind === "cookie") parts.push(`-b "${credential.name}=$${credential.variable}"`);
  for (const [name, value] of headers(operation, values, body)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  for (const [name, value] of body?.fields ?? []) {
    // `--form-string` takes the text as it is; `-F` would read a leading @ as a file.
    parts.push(value instanceof File ? `-F ${quote(`${name}=@${value.name || "FILE"}`)}` : `--form-string ${quote(`${name}=${value}`)}`);
  }
  if (body?.text) parts.push(`--data-raw ${quote(body.text)}`);
  const [first, ...rest] = parts;
  return [`${first} ${address}`, ...rest].join(" \\\n  ");
}

export const isList = (parameter) => [parameter.schema?.type].flat().includes("array");

/** For a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
