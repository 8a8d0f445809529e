// The pages' way to the server: JSON out, JSON back, and one reading of the error envelope.

/** Sends `body` as JSON. Resolves to `{ status, ok, data }`; rejects only when the server is not there. */
export async function send(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  const data = await response.json().catch(() => null);
  return { status: response.status, ok: response.ok, data };
}

/**
 * Reads `{"detail": "text"}`, `{"detail": [{"loc": ["body", "field"], "msg": "…"}]}` and `{"error": "text"}`.
 * Gives the text for the whole form and one text per field that was named.
 */
export function problem(data) {
  const fields = new Map();
  const general = [];
  const detail = data?.detail ?? data?.error;
  if (Array.isArray(detail)) {
    for (const { loc = [], msg } of detail) {
      const field = loc[0] === "body" && typeof loc[1] === "string" ? loc[1] : undefined;
      if (field && !fields.has(field)) fields.set(field, sentence(msg));
      else if (!field) general.push(sentence(msg));
    }
  } else if (typeof detail === "string") {
    general.push(detail);
  }
  return { fields, general: general.join(" ") };
}

function sentence(text = "not accepted") {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
