// Descriptions are CommonMark. This reads the part of it that doc comments use (paragraphs, lists, code,
// emphasis, links) and builds nodes, so that a description can never bring markup of its own.

import { h } from "../ui/kit.js";

/** Nodes for a whole text. */
export function prose(text) {
  const blocks = [];
  const lines = (text ?? "").replace(/\r\n?/g, "\n").split("\n");
  let at = 0;
  const isItem = (line) => /^\s*([*+-]|\d+[.)])\s+/.test(line);
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) {
      at += 1;
    } else if (line.trim().startsWith("```")) {
      const code = [];
      for (at += 1; at < lines.length && !lines[at].trim().startsWith("```"); at++) code.push(lines[at]);
      at += 1;
      blocks.push(h("pre", { tabindex: "0" }, code.join("\n")));
    } else if (/^#{1,6}\s/.test(line)) {
      blocks.push(h("p", {}, h("strong", {}, inline(line.replace(/^#+\s+/, "")))));
      at += 1;
    } else if (isItem(line)) {
      const items = [];
      const tag = /^\s*\d/.test(line) ? "ol" : "ul";
      while (at < lines.length && lines[at].trim() && (isItem(lines[at]) || items.length)) {
        if (isItem(lines[at])) items.push(lines[at].replace(/^\s*([*+-]|\d+[.)])\s+/, ""));
        else items[items.length - 1] += ` ${lines[at].trim()}`;
        at += 1;
      }
      blocks.push(h(tag, {}, items.map((item) => h("li", {}, inline(item)))));
    } else {
      const words = [];
      while (at < lines.length && lines[at].trim() && !isItem(lines[at]) && !lines[at].trim().startsWith("```")) {
        words.push(lines[at].trim());
        at += 1;
      }
      blocks.push(h("p", {}, inline(words.join(" "))));
    }
  }
  return blocks;
}

const MARKS = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

/** Nodes for text inside a line. */
export function inline(text) {
  const nodes = [];
  let last = 0;
  for (const match of text.matchAll(MARKS)) {
    nodes.push(text.slice(last, match.index));
    const [whole, code, strong, emphasis, label, address] = match;
    if (code) nodes.push(h("code", {}, code));
    else if (strong) nodes.push(h("strong", {}, strong));
    else if (emphasis) nodes.push(h("em", {}, emphasis));
    // Any other scheme (javascript:, data:) stays plain text.
    else if (/^(https?:\/\/|\/|#)/.test(address)) nodes.push(h("a", { href: address, rel: "noreferrer" }, label));
    else nodes.push(whole);
    last = match.index + whole.length;
  }
  nodes.push(text.slice(last));
  return nodes;
}
