// Sending: whatever it is (an invoice, an LNURL, a lightning address; typed, pasted, dropped or seen by the camera), it
// is read first, shown with what it costs at most, and asked once.

import { api, button, field, form, h, onceKey, Refused, sat, session, t, when } from "../ui/kit.js";
import { dialog, oops, withCode } from "../ui/dialog.js";
import { tick } from "./receive.js";

/** What is left of what somebody typed: no scheme, no spaces around. */
const bare = (text) => text.trim().replace(/^(lightning|bitcoin):(\/\/)?/i, "").replace(/^.*[?&]lightning=([^&]+).*$/i, "$1");
const isInvoice = (text) => /^ln(bc|tb|tbs|bcrt|sb)[0-9]*[munp]?1[a-z0-9]+$/i.test(text);

export default function send(wallet, { given } = {}) {
  const target = field({
    label: t("send.target"),
    hint: t("send.target.hint"),
    control: h("textarea", { rows: "4", autocapitalize: "none", autocomplete: "off", spellcheck: "false" }),
  });
  const it = dialog(t("send"));
  const take = (text) => {
    target.value = text;
    target.closest("form").requestSubmit();
  };
  it.show(form({
    fields: { target },
    submit: t("send.read"),
    act: async (values) => read(it, wallet, bare(values.target)),
  }), ways(it, take));
  target.control.focus();
  if (typeof given === "string") take(given);
  else if (given instanceof Blob) fromPicture(given).then(take, oops);
}

/** Other ways to say whom to pay. */
function ways(it, take) {
  const pick = h("input", { type: "file", accept: "image/*", class: "hearing", tabindex: "-1", "aria-label": t("send.picture"),
    onchange: (event) => fromPicture(event.target.files[0]).then(take, oops) });
  const practice = session.server?.play_money && session.user?.super_user
    && button(t("send.practice"), async () => {
      try {
        take((await api("POST", "/admin/api/v1/simulation/invoice", { body: { amount_msat: 2_100_000, memo: t("send.practice.memo") } })).bolt11);
      } catch (problem) {
        oops(problem);
      }
    }, "small");
  return h("div", { class: "row" },
    navigator.clipboard?.readText && button(t("send.paste"), () => navigator.clipboard.readText().then(take, oops), "small"),
    "BarcodeDetector" in globalThis && [button(t("send.picture"), () => pick.click(), "small"), pick,
      navigator.mediaDevices?.getUserMedia && button(t("send.camera"), () => camera(it, take).catch(oops), "small")],
    practice);
}

async function fromPicture(file) {
  if (!("BarcodeDetector" in globalThis)) throw new Error(t("send.nodetector"));
  const picture = await createImageBitmap(file);
  const [found] = await new BarcodeDetector({ formats: ["qr_code"] }).detect(picture);
  if (!found) throw new Error(t("send.noqr"));
  return found.rawValue;
}

/** Looks through the camera until it sees a code or the dialog is closed. */
async function camera(it, take) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = h("video", { class: "camera", playsinline: true, muted: true, "aria-label": t("send.camera") });
  const stop = () => {
    stream.getTracks().forEach((track) => track.stop());
    video.remove();
  };
  it.closed.then(stop);
  it.querySelector(".dialog-body").prepend(video);
  video.srcObject = stream;
  await video.play();
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  while (video.isConnected) {
    const [found] = await detector.detect(video).catch(() => []);
    if (found) {
      stop();
      take(found.rawValue);
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

async function read(it, wallet, text) {
  if (!text) throw new Refused(400, { detail: [{ loc: ["body", "target"], msg: t("send.target.hint") }] });
  if (isInvoice(text)) return invoice(it, wallet, text);
  const offer = await api("POST", "/api/v1/lnurlscan", { wallet: wallet.id, body: { lnurl: text } });
  if (offer.tag === "payRequest") return payOffer(it, wallet, text, offer);
  if (offer.tag === "login") return logIn(it, wallet, offer);
  throw new Error(t("send.unknown", { tag: offer.tag }));
}

async function invoice(it, wallet, bolt11) {
  const [decoded, reserve] = await Promise.all([
    api("POST", "/api/v1/payments/decode", { body: { data: bolt11 } }),
    api("GET", `/api/v1/payments/fee-reserve?invoice=${bolt11}`).catch(() => null),
  ]);
  const fixed = decoded.amount_msat > 0;
  const fields = {};
  if (!fixed) fields.amount = field({ label: t("amount.sat"), input: { inputmode: "numeric", autocomplete: "off" } });
  const most = reserve ? Math.ceil(reserve.fee_reserve / 1000) : null;
  fields.fee = field({ label: t("send.fee"), hint: t("send.fee.hint"), optional: most === null, input: { inputmode: "numeric", autocomplete: "off", value: most ?? "" } });
  const expires = new Date((decoded.date + decoded.expiry) * 1000);
  summary(it, wallet, {
    title: t("send.check"),
    amount: fixed && decoded.amount_msat,
    text: decoded.description,
    facts: [[t("payee"), h("span", { class: "mono" }, `${decoded.payee.slice(0, 12)}…${decoded.payee.slice(-8)}`)], [t("expires"), when(expires.toISOString())]],
    fields,
    submit: fixed ? t("send.pay", { sat: sat(decoded.amount_msat) }) : t("send.pay.any"),
    pay: (values, code, once) => {
      const body = { out: true, bolt11 };
      if (!fixed) body.amount = whole(fields.amount, values.amount);
      if (values.fee.trim() !== "") body.fee_limit_msat = whole(fields.fee, values.fee, 0) * 1000;
      return api("POST", "/api/v1/payments", { wallet: wallet.id, body, code, once });
    },
  });
}

/** A whole number of a field, or a word at the field. */
function whole(node, text, least = 1) {
  const number = Number(text.trim());
  if (Number.isInteger(number) && number >= least) return number;
  node.wrong(t("amount.wrong"));
  node.control.focus();
  throw new DOMException("", "AbortError");
}

function payOffer(it, wallet, lnurl, offer) {
  const [least, most] = [offer.minSendable, offer.maxSendable].map((msat) => Math.floor(msat / 1000));
  const fixed = least === most;
  const fields = {};
  if (!fixed) fields.amount = field({ label: t("amount.sat"), hint: t("amount.between", { least: sat(least * 1000), most: sat(most * 1000) }), input: { inputmode: "numeric", autocomplete: "off" } });
  if (offer.commentAllowed) fields.comment = field({ label: t("comment"), optional: true, input: { autocomplete: "off", autocapitalize: "sentences", maxlength: String(offer.commentAllowed) } });
  summary(it, wallet, {
    title: t("send.check"),
    amount: fixed && offer.minSendable,
    text: words(offer.metadata),
    facts: [[t("payee"), host(offer.callback)]],
    fields,
    submit: fixed ? t("send.pay", { sat: sat(offer.minSendable) }) : t("send.pay.any"),
    pay: (values, code, once) => {
      const amount = fixed ? offer.minSendable : whole(fields.amount, values.amount) * 1000;
      const body = { res: offer, lnurl, amount, unit: "sat", comment: values.comment || undefined };
      return api("POST", "/api/v1/payments/lnurl", { wallet: wallet.id, body, code, once });
    },
  });
}

function words(metadata) {
  try {
    return JSON.parse(metadata).find(([kind]) => kind === "text/plain")?.[1];
  } catch {
    return "";
  }
}

function host(url) {
  try {
    return new URL(url).host;
  } catch {
    return "";
  }
}

function logIn(it, wallet, offer) {
  it.retitle(t("send.login"));
  it.show(h("p", {}, t("send.login.text", { host: host(offer.callback) })), form({
    submit: t("send.login"),
    act: async () => {
      const answer = await api("POST", "/api/v1/lnurlauth", { wallet: wallet.id, body: { callback: offer.callback, k1: offer.k1 } });
      if (answer?.status === "ERROR") throw new Error(answer.reason);
      it.show(h("p", { class: "notice good", role: "status" }, t("send.login.done", { host: host(offer.callback) })));
    },
  }));
}

/** What will happen, in full; pressing the button is the one question. */
function summary(it, wallet, { title, amount, text, facts, fields, submit, pay }) {
  const once = onceKey();
  it.retitle(title);
  it.show(amount && h("p", { class: "balance money" }, sat(amount), " ", h("span", { class: "unit" }, "sat")),
    text && h("p", { class: "lead-small" }, text),
    h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    form({
      fields,
      submit,
      after: [button(t("cancel"), () => it.close())],
      act: async (values) => {
        let payment;
        try {
          payment = await withCode((code) => pay(values, code, code ? `${once}-code` : once));
        } catch (problem) {
          if (problem.name === "AbortError") return;
          throw problem;
        }
        dispatchEvent(new CustomEvent("wallet-changed"));
        sent(it, payment);
      },
    }));
  (it.querySelector("form input") ?? it.querySelector("button[type=submit]")).focus();
}

function sent(it, payment) {
  const show = (now) => {
    if (now.status === "success") {
      it.retitle(t("send.done"));
      it.show(h("div", { class: "paid", role: "status" }, tick(), h("p", { class: "balance money" }, sat(now.amount, { sign: true }), " ", h("span", { class: "unit" }, "sat")),
        h("p", { class: "soft" }, t("send.cost", { sat: sat(-now.fee) })), h("p", {}, now.extra?.success_action_text)), h("p", { class: "actions" }, close));
    } else if (now.status === "failed") {
      it.retitle(t("send.failed"));
      it.show(h("p", { class: "notice bad", role: "alert" }, now.failure ?? t("send.failed.text"), " ", t("send.back")), h("p", { class: "actions" }, close));
    } else {
      it.retitle(t("send.way"));
      it.show(h("p", { class: "notice", role: "status" }, t("send.way.text")), h("p", { class: "actions" }, close));
    }
    close.focus();
  };
  const close = button(t("done"), () => it.close(), "primary");
  const heard = ({ detail }) => {
    if (detail.payment.payment_hash === payment.payment_hash && detail.payment.amount < 0) show(detail.payment);
  };
  addEventListener("payment", heard);
  it.closed.then(() => removeEventListener("payment", heard));
  show(payment);
}
