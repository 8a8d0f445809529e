// One-time codes and passkeys.

import { api, button, copyButton, field, fill, form, h, t, when } from "../ui/kit.js";
import { codeField, dialog, oops, sure, toast, withCode } from "../ui/dialog.js";
import { qr } from "../ui/qr.js";

/** The two cards. */
export async function factors(user) {
  const codes = h("section", { class: "card" });
  const keys = h("section", { class: "card" });
  await Promise.all([drawCodes(codes, user), drawKeys(keys)]);
  return [codes, keys];
}

const quietly = (act) => () => act().catch(oops);

async function drawCodes(card, user) {
  const status = await api("GET", "/api/v1/auth/totp");
  const again = () => drawCodes(card, user);
  fill(card, h("h2", {}, t("totp")), h("p", { class: "soft small" }, t("totp.text")));
  if (!status.enabled) {
    card.append(h("p", { class: "actions" }, button(t("totp.on"), quietly(() => begin(again)))));
    return;
  }
  const above = field({ label: t("totp.above"), hint: t("totp.above.hint"), optional: true, input: { inputmode: "numeric", autocomplete: "off", value: status.otp_required_above_sat ?? "" } });
  card.append(h("p", {}, h("span", { class: "tag good" }, t("totp.is")), " ", h("span", { class: "small soft" }, t("totp.left", { n: status.recovery_codes_left }))),
    form({
      fields: { otp_required_above_sat: above },
      submit: t("save"),
      kind: "",
      after: [button(t("totp.off"), quietly(async () => {
        await withCode((code) => api("DELETE", "/api/v1/auth/totp", { body: {}, code }));
        toast(t("totp.offed"));
        await again();
      }), "danger")],
      act: async (values) => {
        const limit = values.otp_required_above_sat.trim();
        const body = { otp_required_above_sat: limit === "" ? null : Number(limit) };
        try {
          await withCode((code) => api("PATCH", "/api/v1/auth", { body, code }));
        } catch (problem) {
          if (problem.name === "AbortError") return;
          throw problem;
        }
        toast(t("saved"));
      },
    }));
}

async function begin(again) {
  const { secret, otpauth_uri: uri } = await api("POST", "/api/v1/auth/totp");
  const code = codeField();
  const it = dialog(t("totp.on"), h("p", {}, t("totp.scan")), qr(uri, t("totp.qr")),
    h("p", { class: "row" }, h("code", { class: "mono" }, secret), copyButton(t("copy"), () => secret)),
    form({
      fields: { code },
      submit: t("totp.confirm"),
      act: async (values) => {
        const { recovery_codes: codes } = await api("PUT", "/api/v1/auth/totp", { body: { code: values.code.trim() } });
        it.retitle(t("totp.recovery"));
        it.show(h("p", {}, t("totp.recovery.text")), h("ul", { class: "recovery mono" }, codes.map((one) => h("li", {}, one))),
          h("p", { class: "actions" }, copyButton(t("copy"), () => codes.join("\n")), button(t("done"), () => it.close(), "primary")));
        await again();
      },
    }));
}

async function drawKeys(card) {
  const keys = await api("GET", "/api/v1/auth/passkeys");
  const again = () => drawKeys(card);
  const remove = async (key) => {
    if (!(await sure(t("passkey.remove"), t("passkey.remove.text", { name: key.name }), t("passkey.remove")))) return;
    await withCode((code) => api("DELETE", `/api/v1/auth/passkeys/${key.id}`, { code }));
    await again();
  };
  const able = Boolean(globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON);
  fill(card, h("h2", {}, t("passkeys")), h("p", { class: "soft small" }, able ? t("passkeys.text") : t("passkeys.not")),
    keys.length > 0 && h("ul", { class: "list" }, keys.map((key) => h("li", { class: "line" },
      h("div", { class: "grow" }, h("strong", {}, key.name || t("passkey")), h("div", { class: "soft small" }, key.last_used_at ? [t("used"), " ", when(key.last_used_at)] : [t("made"), " ", when(key.created_at)])),
      button(t("remove"), quietly(() => remove(key)), "small", { "aria-label": `${t("remove")}: ${key.name || t("passkey")}` })))),
    able && h("p", { class: "actions after" }, button(t("passkey.add"), quietly(() => add(again)))));
}

async function add(again) {
  const options = await withCode((code) => api("POST", "/api/v1/auth/passkeys/register/start", { body: {}, code }));
  let credential;
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options);
    credential = await navigator.credentials.create({ publicKey });
  } catch (problem) {
    // who closes the browser's own window meant it
    if (problem.name === "NotAllowedError") return;
    throw problem;
  }
  const name = field({ label: t("passkey.name"), input: { autocomplete: "off", autocapitalize: "words", maxlength: "100", value: t("passkey") } });
  const it = dialog(t("passkey.add"), form({
    fields: { name },
    submit: t("save"),
    act: async (values) => {
      await api("POST", "/api/v1/auth/passkeys/register/finish", { body: { name: values.name, credential: credential.toJSON() } });
      it.close();
      toast(t("saved"));
      await again();
    },
  }));
  name.control.select();
}
