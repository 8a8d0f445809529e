// What a person who cannot see, hear or point would stumble over on this page. Answers a list of texts; empty is good.
// Runs inside the page, in the theme and the width that it has now.

const found = [];
const modal = [...document.querySelectorAll("dialog[open]")].at(-1);
const root = modal ?? document.body;

const shown = (node) => {
  if (!node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const box = node.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};
const name = (node) => {
  const by = node.getAttribute("aria-labelledby");
  if (by) return by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  const own = node.getAttribute("aria-label");
  if (own) return own.trim();
  if (node.labels?.length) return [...node.labels].map((label) => label.textContent).join(" ").trim();
  const pictures = [...node.querySelectorAll("img[alt], svg[aria-label]")].map((one) => one.getAttribute("alt") ?? one.getAttribute("aria-label"));
  return `${node.innerText ?? node.textContent} ${pictures.join(" ")} ${node.getAttribute("title") ?? ""}`.trim();
};
const where = (node) => {
  const text = (node.innerText ?? node.textContent ?? "").trim().slice(0, 40);
  return `<${node.localName}${node.id ? `#${node.id}` : ""}${node.getAttribute("class") ? `.${node.getAttribute("class").replaceAll(" ", ".")}` : ""}> «${text}»`;
};

if (!document.documentElement.lang) found.push("the document has no language");
if (!document.title.trim()) found.push("the document has no title");
const headings = [...document.querySelectorAll("h1")].filter(shown);
if (headings.length !== 1) found.push(`${headings.length} headings of the first level`);
if (document.querySelectorAll("main").length !== 1) found.push("not one main");
if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
if (modal && modal.scrollWidth > modal.clientWidth) found.push(`the dialog's content is ${modal.scrollWidth} wide in ${modal.clientWidth}`);

const ids = new Set();
for (const node of document.querySelectorAll("[id]")) {
  if (ids.has(node.id)) found.push(`two elements with the id ${node.id}`);
  ids.add(node.id);
}
for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
  for (const node of root.querySelectorAll(`[${attribute}]`)) {
    for (const id of node.getAttribute(attribute).split(/\s+/)) {
      if (!ids.has(id)) found.push(`${attribute} of ${where(node)} names ${id}, which is not there`);
    }
  }
}
for (const node of root.querySelectorAll("img:not([alt]), [tabindex]")) {
  if (node.localName === "img" && !node.hasAttribute("alt")) found.push(`a picture without words: ${node.src}`);
  if (Number(node.getAttribute("tabindex")) > 0) found.push(`an order of its own: ${where(node)}`);
}
const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=tab], [role=switch], [contenteditable]";
for (const node of root.querySelectorAll(CONTROLS)) {
  if (shown(node) && !name(node)) found.push(`a control without a name: ${where(node)}`);
}
for (const node of root.querySelectorAll("svg[role=img]:not([aria-label]):not([aria-labelledby]), canvas:not([aria-label]), video:not([aria-label])")) {
  if (shown(node)) found.push(`a drawing without words: ${where(node)}`);
}

// ---- contrast (WCAG 2.2, 1.4.3), with what shines through ----
const parse = (text) => {
  const numbers = text.match(/-?[\d.]+(?:e-?\d+)?%?/g)?.map((one) => (one.endsWith("%") ? parseFloat(one) / 100 : parseFloat(one)));
  if (!numbers) return [0, 0, 0, 0];
  if (text.startsWith("color(srgb")) return [...numbers.slice(0, 3).map((one) => one * 255), numbers[3] ?? 1];
  return [numbers[0], numbers[1], numbers[2], numbers[3] ?? 1];
};
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
const behind = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  const canvas = getComputedStyle(document.documentElement).colorScheme === "dark" ? [18, 18, 18, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
};
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ratio = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const texts = new Set();
const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) if (walk.currentNode.data.trim()) texts.add(walk.currentNode.parentElement);
for (const node of root.querySelectorAll("input:not([type=checkbox]):not([type=radio]), select, textarea")) texts.add(node);
for (const node of texts) {
  if (!shown(node) || node.closest("option, title, desc, style, script")) continue;
  const style = getComputedStyle(node);
  let opacity = 1;
  for (let at = node; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  const ink = parse(node instanceof SVGElement ? style.fill : style.color);
  const ground = behind(node);
  const seen = ratio(over([ink[0], ink[1], ink[2], ink[3] * opacity], ground), ground);
  if (seen < 4.5) found.push(`contrast ${seen.toFixed(2)}: ${where(node)}`);
}

return found;
