// Receiving: an invoice as a picture and as text, which turns to paid by itself.

import { api, button, choice, copyButton, field, form, h, onceKey, sat, session, svg, t, when } from "../ui/kit.js";
import { dialog } from "../ui/dialog.js";
import { qr } from "../ui/qr.js";

export default function receive(wallet, { currency }) {
  const units = [["sat", "sat"], [currency, currency]];
  const amount = field({ label: t("amount"), hint: t("amount.open"), input: { inputmode: "decimal", autocomplete: "off", autofocus: true } });
  const unit = field({ label: t("unit"), control: choice({}, units, "sat") });
  const memo = field({ label: t("memo"), hint: t("memo.hint"), optional: true, input: { autocomplete: "off", autocapitalize: "sentences", maxlength: "600" } });
  const once = onceKey();
  const it = dialog(t("receive"), form({
    fields: { amount, unit, memo },
    submit: t("receive.make"),
    act: async (values) => {
      const number = Number(values.amount.trim().replace(",", ".") || "0");
      if (!Number.isFinite(number) || number < 0) {
        amount.wrong(t("amount.wrong"));
        amount.control.focus();
        return;
      }
      const body = { out: false, amount: number, unit: values.unit, memo: values.memo || undefined };
      const made = await api("POST", "/api/v1/payments", { wallet: wallet.id, body, once: `${once}-${JSON.stringify(body).length}-${number}` });
      dispatchEvent(new CustomEvent("wallet-changed"));
      show(it, made, wallet);
    },
  }));
  it.querySelector("form .field").after(unit);
  // amount and unit stand side by side
  const pair = h("div", { class: "pair amount-pair" });
  it.querySelector("form").insertBefore(pair, amount);
  pair.append(amount, unit);
  amount.control.focus();
}

function show(it, payment, wallet) {
  const invoice = payment.bolt11;
  const picture = qr(`lightning:${invoice}`.toUpperCase(), t("qr.invoice"));
  const waiting = h("p", { class: "waiting", role: "status" }, t("receive.waiting"));
  const practice = session.server?.play_money && session.user?.super_user && payment.amount > 0
    && button(t("receive.practice"), () => api("POST", "/admin/api/v1/simulation/pay", { body: { bolt11: invoice } }).catch(() => { waiting.textContent = t("receive.practice.failed"); }), "small");
  it.retitle(t("receive.title"));
  it.show(h("p", { class: "balance money" }, payment.amount ? [sat(payment.amount), " ", h("span", { class: "unit" }, "sat")] : t("amount.any")),
    payment.memo && h("p", {}, payment.memo), picture,
    h("p", { class: "mono invoice" }, invoice),
    h("p", { class: "actions" }, copyButton(t("copy"), () => invoice), h("a", { class: "button small", href: `lightning:${invoice}` }, t("receive.app")), practice),
    waiting, h("p", { class: "soft small" }, t("expires"), " ", when(payment.expiry)));
  const heard = ({ detail }) => {
    if (detail.payment.payment_hash !== payment.payment_hash || detail.type !== "payment_received") return;
    paid(it, detail.payment);
    removeEventListener("payment", heard);
  };
  addEventListener("payment", heard);
  it.closed.then(() => removeEventListener("payment", heard));
  // should it have been paid before anybody listened
  api("GET", `/api/v1/payments/${payment.payment_hash}`, { wallet: wallet.id }).then((now) => {
    if (now.paid && it.isConnected) paid(it, now.details);
  }).catch(() => null);
}

export function tick() {
  return svg("svg", { class: "tick", viewBox: "0 0 64 64", "aria-hidden": "true" },
    svg("circle", { cx: "32", cy: "32", r: "29" }), svg("path", { d: "M19 33l9 9 18-20" }));
}

function paid(it, payment) {
  it.retitle(t("receive.paid"));
  const done = button(t("done"), () => it.close(), "primary");
  it.show(h("div", { class: "paid", role: "status" }, tick(), h("p", { class: "balance money in" }, sat(payment.amount, { sign: true }), " ", h("span", { class: "unit" }, "sat")), h("p", {}, payment.memo)),
    h("p", { class: "actions" }, done));
  done.focus();
}
