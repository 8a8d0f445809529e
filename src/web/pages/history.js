// The list of payments: search, filters, labels, page after page by cursor, and files to keep.

import { api, button, choice, fill, h, moment, sat, t, when } from "../ui/kit.js";
import { oops } from "../ui/dialog.js";

const PAGE = 20;
/** After so long without a key the search begins, in milliseconds. */
const TYPING = 250;

/** What a filter asks the server for. */
const KINDS = {
  all: {},
  in: { "amount[gt]": "0" },
  out: { "amount[lt]": "0" },
  pending: { status: "pending" },
  failed: { status: "failed" },
};

export function history(wallet, { signal, currency }) {
  const asked = { kind: "all", search: "", label: "", since: "" };
  const rows = h("ol", { class: "list payments" });
  const status = h("p", { class: "hearing", role: "status" });
  const more = button(t("history.more"), () => next().catch(oops), "", { hidden: true });
  const empty = h("div", { class: "empty", hidden: true });
  const labels = h("div", { class: "row labels", role: "group", "aria-label": t("labels") });
  let shown = new Map();
  let round = 0;

  async function fetchPage() {
    const query = new URLSearchParams({ ...KINDS[asked.kind], limit: PAGE + 1, sortby: "time", direction: "desc" });
    if (asked.search) query.set("search", asked.search);
    if (asked.label) query.set("labels[every]", asked.label);
    if (asked.since) query.set("time[ge]", `${asked.since}T00:00:00Z`);
    const last = [...shown.values()].at(-1)?.payment;
    if (last) {
      // Of payments of the same moment some may be shown already: they come again, and are passed over.
      const same = [...shown.values()].filter(({ payment }) => payment.time === last.time).length;
      query.set("time[le]", last.time);
      query.set("limit", PAGE + 1 + same);
    }
    // the plain list counts nothing and is as fast in a wallet of a million; failed ones are in the other alone
    if (asked.kind !== "failed") return api("GET", `/api/v1/payments?${query}`, { wallet: wallet.id, signal });
    return (await api("GET", `/api/v1/payments/paginated?${query}`, { wallet: wallet.id, signal })).data;
  }

  async function next() {
    const mine = round;
    const found = await fetchPage();
    if (mine !== round) return;
    const fresh = found.filter((payment) => !shown.has(payment.checking_id));
    for (const payment of fresh.slice(0, PAGE)) add(payment);
    more.hidden = fresh.length <= PAGE;
    const none = shown.size === 0;
    empty.hidden = !none;
    rows.hidden = none;
    if (none) fill(empty, h("p", {}, asked.search || asked.kind !== "all" || asked.label || asked.since ? t("history.nothing") : t("history.empty")));
    status.textContent = t("history.count", { n: shown.size });
  }

  function add(payment, first = false) {
    const node = row(payment, () => details(payment.checking_id));
    shown.set(payment.checking_id, { payment, node });
    rows[first ? "prepend" : "append"](node);
  }

  async function reload() {
    round += 1;
    shown = new Map();
    // what is there stays until the new is, so that nothing jumps
    const old = [...rows.children];
    await next();
    for (const one of old) one.remove();
    listLabels();
  }

  /** A payment happened or changed. */
  function arrived(payment) {
    const known = shown.get(payment.checking_id);
    if (known) {
      const node = row(payment, () => details(payment.checking_id));
      known.node.replaceWith(node);
      shown.set(payment.checking_id, { payment, node });
    } else if (asked.kind === "all" && !asked.search && !asked.label) {
      empty.hidden = true;
      rows.hidden = false;
      // the cursor is the last in the map, so the new one goes to its beginning
      const rest = shown;
      shown = new Map();
      add(payment, true);
      for (const [id, one] of rest) shown.set(id, one);
    }
  }

  async function details(id) {
    const { default: open } = await import("./payment.js");
    open(wallet, shown.get(id).payment, { currency, changed: arrived, labels: known() });
  }

  const known = () => [...new Set([...shown.values()].flatMap(({ payment }) => payment.labels))].sort();

  function listLabels() {
    const all = known();
    if (asked.label && !all.includes(asked.label)) all.unshift(asked.label);
    fill(labels, all.map((label) => button(label, () => {
      asked.label = asked.label === label ? "" : label;
      reload().catch(oops);
    }, "small chip", { "aria-pressed": String(asked.label === label) })));
    labels.hidden = all.length === 0;
  }

  const search = h("input", { type: "search", id: "history-search", autocomplete: "off", placeholder: t("history.search.hint"), spellcheck: "false" });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      asked.search = search.value.trim();
      reload().catch(oops);
    }, TYPING);
  });
  const kind = choice({ id: "history-kind", onchange: (event) => { asked.kind = event.target.value; reload().catch(oops); } },
    Object.keys(KINDS).map((one) => [one, t(`history.${one}`)]), "all");
  const since = h("input", { type: "date", id: "history-since", onchange: (event) => { asked.since = event.target.value; reload().catch(oops); } });
  const keep = button(t("export"), async () => {
    const { default: open } = await import("./export.js");
    open(wallet);
  }, "small");

  const node = h("section", { class: "history", "aria-labelledby": "history-title" },
    h("div", { class: "row apart" }, h("h2", { id: "history-title" }, t("history")), keep),
    h("div", { class: "filters", role: "search" },
      h("div", {}, h("label", { for: "history-search" }, t("history.search")), search),
      h("div", {}, h("label", { for: "history-kind" }, t("history.show")), kind),
      h("div", {}, h("label", { for: "history-since" }, t("history.since")), since)),
    labels, status, rows, empty, h("p", { class: "more" }, more));
  return { node, reload, arrived };
}

function row(payment, open) {
  const way = payment.amount > 0 ? "in" : "out";
  const state = stateOf(payment);
  return h("li", {}, h("button", { type: "button", class: "entry", onclick: open },
    h("span", { class: `arrow ${way}`, "aria-hidden": "true" }, way === "in" ? "↓" : "↑"),
    h("span", { class: "what" }, h("span", { class: "memo" }, payment.memo || t(way === "in" ? "payment.in" : "payment.out")),
      h("span", { class: "soft small" }, when(payment.time), payment.labels.map((label) => [" ", h("span", { class: "tag" }, label)]))),
    h("span", { class: `money amount ${state === "success" ? way : "soft"}` }, sat(payment.amount + payment.fee, { sign: true }), h("span", { class: "hearing" }, " sat, "),
      state !== "success" && h("span", { class: `tag ${state === "failed" ? "bad" : ""}` }, t(`status.${state}`)))));
}

/** `success`, `pending`, `failed` or, of an invoice that nobody can pay any more, `expired`. */
export function stateOf(payment) {
  const over = payment.status === "pending" && payment.amount > 0 && moment(payment.expiry) < new Date();
  return over ? "expired" : payment.status;
}

