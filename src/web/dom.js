// Everything the pages show is built here from text nodes. Nothing is ever parsed as HTML, so that no
// description, payment memo or error text can become markup.

/** An element with attributes (`on…` values become listeners, `true` a bare attribute) and children. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
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

/** A button that copies what `text()` says, and says so to eyes and to screen readers. */
export function copyButton(label, text) {
  const button = h("button", { type: "button", class: "button small" }, label);
  const said = h("span", { class: "said", role: "status" });
  button.addEventListener("click", async () => {
    said.textContent = (await copy(text())) ? "Copied" : "Could not copy";
    setTimeout(() => { said.textContent = ""; }, 2000);
  });
  return h("span", { class: "copy" }, said, button);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard object exists on https and localhost only; a wallet at home is often plain http.
    const area = h("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true" });
    area.value = text;
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}
