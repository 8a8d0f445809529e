// Runs in every page before its own scripts: keeps what the policy stopped, and finds controls as people do, by name.

window.satchelViolations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.satchelViolations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
}, true);

window.satchelRoot = () => [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;

const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getBoundingClientRect().width > 0;
const words = (node) => node.replace(/\s+/g, " ").trim();

window.satchelFind = (name) => {
  const root = window.satchelRoot();
  const all = [...root.querySelectorAll("a[href], button, summary, input, select, textarea, [role=button]")].filter(shown);
  const names = (node) => [node.getAttribute("aria-label"), ...[...(node.labels ?? [])].map((label) => label.textContent), node.matches("input, select, textarea") ? null : node.textContent]
    .filter(Boolean).map(words);
  return all.find((node) => names(node).includes(name)) ?? all.find((node) => names(node).some((one) => one.startsWith(name))) ?? null;
};

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0'], [contenteditable]";
let stops = [];
window.satchelStops = () => {
  stops = [...window.satchelRoot().querySelectorAll(FOCUSABLE)].filter((node) => {
    if (node.disabled || node.getAttribute("tabindex") === "-1" || !shown(node)) return false;
    // of radio buttons, one is reached
    return node.type !== "radio" || node.checked || !document.querySelector(`input[name="${node.name}"]:checked`);
  });
  document.activeElement?.blur();
  getSelection().removeAllRanges();
  // from the very beginning: the place where focus starts is where it was last
  const start = window.satchelRoot() === document ? document.body : window.satchelRoot();
  const first = document.createElement("span");
  first.tabIndex = -1;
  start.prepend(first);
  first.focus();
  first.remove();
  return stops.length;
};
window.satchelStop = () => {
  const at = stops.indexOf(document.activeElement);
  return at < 0 ? null : at;
};
window.satchelStopNames = () => stops.map((node) => `${node.localName} ${words(node.innerText ?? "").slice(0, 20)}`);
