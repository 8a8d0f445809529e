// A wallet: what it holds, receiving and sending, what came and went, and the list of it all, live.

import { api, button, choice, fiat, fill, go, h, memory, refresh, sat, session, t } from "../ui/kit.js";
import { oops, toast } from "../ui/dialog.js";
import { history } from "./history.js";

/** What amounts are shown in besides satoshi when neither wallet nor server say. */
const USUAL_CURRENCY = "USD";

export default async function render(page, { query, signal }) {
  const user = await refresh();
  const wanted = query.get("wal") ?? memory.get("wallet");
  const wallet = user.wallets.find((one) => one.id === wanted && !one.deleted) ?? user.wallets.find((one) => !one.deleted);
  if (!wallet) {
    fill(page, h("h1", { tabindex: "-1" }, t("nav.wallet")), h("div", { class: "empty" }, h("p", {}, t("wallet.none")), h("p", {}, h("a", { class: "button primary", href: "/wallets" }, t("wallets.new")))));
    return t("nav.wallet");
  }
  memory.set("wallet", wallet.id);
  const may = (what) => !wallet.share_permissions.length || wallet.share_permissions.some((one) => one.startsWith(what));
  const balance = purse(wallet);
  const list = history(wallet, { signal, currency: balance.currency });
  const actions = h("p", { class: "actions wallet-actions" },
    may("receive") && button(t("receive"), () => open("receive"), "primary"),
    may("send") && button(t("send"), () => open("send")));
  const open = async (which, given) => {
    const { default: start } = await (which === "send" ? import("./send.js") : import("./receive.js"));
    start(wallet, { currency: balance.currency, given });
  };
  const chart = h("section", { class: "card chart", hidden: wallet.balance_msat === 0, "aria-labelledby": "chart-title" }, h("h2", { id: "chart-title" }, t("chart.title")));
  fill(page,
    h("div", { class: "row apart" }, h("h1", { tabindex: "-1" }, wallet.name), switcher(user.wallets, wallet)),
    h("div", { class: "wallet-top" }, h("section", { class: "purse", "aria-label": t("balance") }, balance.node, actions), chart), list.node);

  const redraw = async () => {
    const { default: draw } = await import("./chart.js");
    await draw(chart, wallet, signal).catch(() => { chart.hidden = true; });
  };
  listen(wallet, signal, (event) => {
    balance.show(event.balance_msat);
    list.arrived(event.payment);
    redraw();
    dispatchEvent(new CustomEvent("payment", { detail: event }));
    // an open dialog says it itself
    if (event.type === "payment_received" && !document.querySelector("dialog[open]")) toast(t("received", { sat: sat(event.payment.amount) }));
  });
  const changed = async () => {
    try {
      const now = await api("GET", "/api/v1/wallet", { wallet: wallet.id, signal });
      balance.show(now.balance);
      await list.reload();
      redraw();
    } catch (problem) {
      oops(problem);
    }
  };
  addEventListener("wallet-changed", changed, { signal });
  await list.reload();
  redraw();
  dropping(page, signal, may("send"), (file) => open("send", file));
  return wallet.name;
}

/** The balance in satoshi, and in money where a rate is known. */
function purse(wallet) {
  const currency = wallet.currency ?? session.server?.currency ?? USUAL_CURRENCY;
  let msat = wallet.balance_msat;
  let price = null;
  const big = h("p", { class: "balance money" });
  const small = h("p", { class: "soft money worth" });
  const show = (now) => {
    msat = now;
    fill(big, sat(msat), " ", h("span", { class: "unit" }, "sat"));
    fill(small, price === null ? "\u00a0" : t("about", { money: fiat((msat / 1e11) * price, currency) }));
  };
  show(msat);
  api("GET", `/api/v1/rate/${currency}`).then((rate) => {
    price = Number(rate.price);
    show(msat);
  }).catch(() => { /* without a rate, satoshi are enough */ });
  return { node: h("div", { "aria-live": "polite" }, big, small), show, currency };
}

function switcher(wallets, wallet) {
  const living = wallets.filter((one) => !one.deleted);
  if (living.length < 2) return null;
  return h("label", { class: "inline" }, t("wallet.which"),
    choice({ onchange: (event) => go(`/wallet?wal=${event.target.value}`) }, living.map((one) => [one.id, one.name]), wallet.id));
}

/** Hears what happens to the wallet for as long as the page is shown; the browser comes back by itself. */
function listen(wallet, signal, heard) {
  const stream = new EventSource(`/api/v1/events/stream?wallet_id=${wallet.id}`);
  for (const kind of ["payment_received", "payment_sent", "payment_failed", "invoice_expired", "hold_accepted"]) {
    stream.addEventListener(kind, (event) => heard(JSON.parse(event.data)));
  }
  stream.addEventListener("gap", () => dispatchEvent(new CustomEvent("wallet-changed")));
  signal.addEventListener("abort", () => stream.close());
}

/** A picture that is dropped on the page, or text, is what shall be paid. */
function dropping(page, signal, may, take) {
  if (!may) return;
  addEventListener("dragover", (event) => event.preventDefault(), { signal });
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (document.querySelector("dialog[open]")) return;
    take(event.dataTransfer.files[0] ?? event.dataTransfer.getData("text"));
  }, { signal });
}
