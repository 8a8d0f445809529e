// The records as files to keep: a table of all payments, or a statement over a span, with progress on the way.

import { button, count, field, form, h, Refused, t } from "../ui/kit.js";
import { dialog } from "../ui/dialog.js";

const day = (date) => date.toISOString().slice(0, 10);

export default function open(wallet) {
  const now = new Date();
  const from = field({ label: t("export.from"), input: { type: "date", value: day(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))) } });
  const to = field({ label: t("export.to"), input: { type: "date", value: day(now) } });
  const progress = h("p", { class: "progress-text", role: "status" });
  let cancel = new AbortController();
  const stop = button(t("cancel"), () => cancel.abort(), "small", { hidden: true });
  const it = dialog(t("export"), h("p", {}, t("export.text")), form({
    fields: { from, to },
    submit: t("export.csv"),
    after: [button(t("export.pdf"), () => run("pdf").catch((problem) => it.querySelector("form").show(problem)))],
    act: () => run("csv"),
  }), h("p", { class: "row" }, progress, stop));
  const pair = h("div", { class: "pair" });
  it.querySelector("form").insertBefore(pair, from);
  pair.append(from, to);
  it.closed.then(() => cancel.abort());

  async function run(kind) {
    cancel = new AbortController();
    // until the end of the last day
    const end = to.value && day(new Date(Date.parse(to.value) + 86_400_000));
    const query = new URLSearchParams(kind === "csv"
      ? { ...(from.value && { "time[ge]": `${from.value}T00:00:00Z` }), ...(end && { "time[lt]": `${end}T00:00:00Z` }) }
      : { ...(from.value && { from: from.value }), ...(end && { to: end }) });
    stop.hidden = false;
    progress.textContent = t("export.begun");
    try {
      const path = kind === "csv" ? "export.csv" : "statement.pdf";
      const parts = await read(`/api/v1/payments/${path}?${query}`, wallet, kind, cancel.signal, progress);
      save(new Blob(parts.all), `${wallet.name.replace(/[^\p{L}\p{N}]+/gu, "-")}-${from.value}-${to.value}.${kind}`);
      progress.textContent = kind === "csv" ? t("export.done.rows", { n: Math.max(0, parts.lines - 1), count: count(Math.max(0, parts.lines - 1)) }) : t("export.done");
    } catch (problem) {
      progress.textContent = "";
      if (problem.name !== "AbortError") throw problem;
    } finally {
      stop.hidden = true;
    }
  }
}

/** Reads it bit by bit, and says how far it is. */
async function read(path, wallet, kind, signal, progress) {
  const response = await fetch(path, { headers: { "X-Wallet-Id": wallet.id }, signal });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => null));
  const reader = response.body.getReader();
  const all = [];
  let [bytes, lines] = [0, 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { all, lines };
    all.push(value);
    bytes += value.length;
    for (const byte of value) if (byte === 10) lines += 1;
    progress.textContent = kind === "csv" ? t("export.rows", { count: count(lines) }) : t("export.bytes", { count: count(Math.ceil(bytes / 1024)) });
  }
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
