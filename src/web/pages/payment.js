// One payment with all that is known of it, its labels and its receipt.

import { api, copyButton, field, fill, form, h, sat, t, when } from "../ui/kit.js";
import { dialog } from "../ui/dialog.js";
import { stateOf } from "./history.js";

export default function open(wallet, payment, { changed, labels }) {
  const incoming = payment.amount > 0;
  const state = stateOf(payment);
  const it = dialog(incoming ? t("payment.in") : t("payment.out"),
    h("p", { class: `balance money ${incoming ? "in" : ""}` }, sat(payment.amount, { sign: true }), " ", h("span", { class: "unit" }, "sat")),
    h("p", {}, h("span", { class: `tag ${{ success: "good", failed: "bad" }[state] ?? ""}` }, t(`status.${state}`)), " ", payment.memo),
    payment.failure && h("p", { class: "notice bad" }, payment.failure),
    h("dl", { class: "facts" }, fact(t("time"), when(payment.time, true)),
      !incoming && fact(t("fee"), h("span", { class: "money" }, sat(-payment.fee), " sat")),
      state === "pending" && incoming && fact(t("expires"), when(payment.expiry, true)),
      worth(payment)),
    h("dl", { class: "facts codes" }, code(t("hash"), payment.payment_hash), payment.preimage && code(t("preimage"), payment.preimage),
      payment.bolt11 && code(t("invoice"), payment.bolt11)),
    labelForm(wallet, payment, labels, (now) => {
      payment.labels = now;
      changed(payment);
    }),
    state === "success" && h("p", { class: "actions" }, h("a", { class: "button", download: "", href: `/api/v1/payments/${payment.payment_hash}/receipt.pdf?wallet_id=${wallet.id}` }, t("receipt"))));
  return it;
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

const code = (name, text) => h("div", { class: "wide-fact" }, h("dt", {}, name, " ", copyButton(t("copy"), () => text)), h("dd", { class: "mono" }, text.length > 80 ? `${text.slice(0, 40)}…${text.slice(-12)}` : text));

/** What it was worth when it was made, where that was kept. */
function worth(payment) {
  const { wallet_fiat_currency: currency, wallet_fiat_amount: amount } = payment.extra ?? {};
  return currency && amount ? fact(t("worth"), h("span", { class: "money" }, `${amount} ${currency}`)) : null;
}

function labelForm(wallet, payment, known, changed) {
  const place = h("div", {});
  const list = h("datalist", { id: "known-labels" }, known.map((label) => h("option", { value: label })));
  const labels = field({ label: t("labels"), hint: t("labels.hint"), optional: true, input: { autocomplete: "off", list: "known-labels", value: payment.labels.join(", ") } });
  fill(place, list, form({
    fields: { labels },
    submit: t("save"),
    kind: "small",
    act: async (values) => {
      const now = [...new Set(values.labels.split(",").map((label) => label.trim()).filter(Boolean))];
      await api("PUT", `/api/v1/payments/${payment.payment_hash}/labels`, { wallet: wallet.id, body: { labels: now } });
      changed(now);
      said.textContent = t("saved");
    },
    after: [],
  }));
  const said = h("span", { class: "said", role: "status" });
  place.querySelector(".actions").append(said);
  return place;
}
