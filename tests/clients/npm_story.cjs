#!/usr/bin/env node
"use strict";
// Plays a wallet story with the unmodified npm package lnbits, of which only `wallet` speaks the core API.
//
//     NODE_PATH=<where it is installed> npm_story.cjs [base-url]
//
// Environment: SATCHEL_URL (unless given as argument), ADMIN_KEY_A, INVOICE_KEY_A, ADMIN_KEY_B, INVOICE_KEY_B,
// OUTSIDE_PAID, OUTSIDE_FAILED: invoices of other nodes over 2000 and 1000 sat, of which the first can be paid for a
// fee and the second never. Wallet A needs no money, wallet B at least 4000 sat. Prints one `ok` line per step; the
// first deviation is printed to standard error and ends the program with status 1.

const { createHash } = require("node:crypto");
const lnbits = require("lnbits").default;

const NAMES = ["ADMIN_KEY_A", "INVOICE_KEY_A", "ADMIN_KEY_B", "INVOICE_KEY_B", "OUTSIDE_PAID", "OUTSIDE_FAILED"];
const URL_OF_SERVER = (process.argv[2] ?? process.env.SATCHEL_URL ?? "").replace(/\/+$/, "");
const HEX32 = /^[0-9a-f]{64}$/;

/** The server did something that this client's users would notice. */
class Deviation extends Error {}

function ok(what) {
  console.log(`ok ${what}`);
}

function need(condition, what, seen) {
  if (!condition) throw new Deviation(seen === undefined ? what : `${what}: ${JSON.stringify(seen)}`);
}

function same(seen, wanted, what) {
  need(JSON.stringify(seen) === JSON.stringify(wanted), `${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`);
}

function wallet(adminKey, invoiceReadKey) {
  return lnbits({ adminKey, invoiceReadKey, endpoint: URL_OF_SERVER }).wallet;
}

async function balance(of) {
  const details = await of.walletDetails();
  need(typeof details.name === "string", "the wallet has no name", details);
  need(Number.isInteger(details.balance), "the balance is not a whole number", details);
  return details.balance;
}

async function refused(promise, status, text, what) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    if (!error.response) throw error;
    same(error.response.status, status, what);
    const { detail } = error.response.data;
    need(typeof detail === "string" && detail.toLowerCase().includes(text.toLowerCase()), `${what}: the detail does not say ${text}`, detail);
    return ok(what);
  }
  throw new Deviation(`${what}: not refused, but ${JSON.stringify(answer)}`);
}

function needProof(preimage, hash, what) {
  need(HEX32.test(preimage ?? ""), `${what}: no preimage`, preimage);
  same(createHash("sha256").update(Buffer.from(preimage, "hex")).digest("hex"), hash, what);
}

async function play([adminA, invoiceA, adminB, invoiceB, outsidePaid, outsideFailed]) {
  const a = wallet(adminA, invoiceA);
  const b = wallet(adminB, invoiceB);
  const aStart = await balance(a);
  const bStart = await balance(b);
  need(bStart >= 4_000_000, "wallet B needs 4000 sat for this story", bStart);
  ok("wallet details of both wallets");

  const invoice = await a.createInvoice({ amount: 21, memo: "npm", out: false });
  const hash = invoice.payment_hash;
  need(HEX32.test(hash), "no payment hash", invoice);
  same(invoice.payment_request, invoice.bolt11, "payment_request, which this client's users read");
  same([invoice.amount, invoice.status, invoice.memo], [21_000, "pending", "npm"], "the invoice");
  ok("create an invoice with the invoice key");

  const open = await a.checkInvoice({ payment_hash: hash });
  same([open.paid, open.preimage, open.details.status], [false, null, "pending"], "the open invoice");
  ok("the invoice is open");
  await refused(b.checkInvoice({ payment_hash: hash }), 404, "Payment does not exist", "another wallet's payment is not shown");
  await refused(a.checkInvoice({ payment_hash: "00".repeat(32) }), 404, "Payment does not exist", "an unknown payment is not found");
  await refused(wallet(invoiceB, invoiceB).payInvoice({ out: true, bolt11: invoice.bolt11 }), 403, "key required", "an invoice key cannot pay");
  const stranger = wallet("0".repeat(32), "f".repeat(32));
  await refused(stranger.walletDetails(), 404, "Wallet not found", "an unknown key has no wallet");
  await refused(stranger.createInvoice({ amount: 1, memo: "", out: false }), 404, "Wallet not found", "an unknown key makes no invoice");
  await refused(b.payInvoice({ out: true, bolt11: "nonsense" }), 520, "decoding failed", "nonsense cannot be paid");
  await refused(b.payInvoice(), 400, "Missing BOLT11", "an empty invoice, which is the client's default, cannot be paid");
  const dear = await b.createInvoice({ amount: aStart / 1000 + 22, memo: "dear", out: false });
  await refused(a.payInvoice({ out: true, bolt11: dear.bolt11 }), 520, "Insufficient balance", "nobody spends more than there is");
  same([await balance(a), await balance(b)], [aStart, bStart], "balances after the refusals");
  ok("refusals moved no money");

  const paid = await b.payInvoice({ out: true, bolt11: invoice.bolt11 });
  same([paid.payment_hash, paid.status, paid.amount], [hash, "success", -21_000], "the payment");
  same([await balance(a), await balance(b)], [aStart + 21_000, bStart - 21_000], "balances after the payment");
  ok("pay with the admin key");
  for (const [of, amount, whose] of [[a, 21_000, "payee"], [b, -21_000, "payer"]]) {
    const seen = await of.checkInvoice({ payment_hash: hash });
    same([seen.paid, seen.details.status, seen.details.amount], [true, "success", amount], `the payment, as the ${whose} sees it`);
    needProof(seen.preimage, hash, `preimage for the ${whose}`);
  }
  ok("the invoice is paid, with proof, for payee and payer");
  await refused(b.payInvoice({ out: true, bolt11: invoice.bolt11 }), 520, "already paid", "the same invoice cannot be paid twice");

  const sent = await b.payInvoice({ out: true, bolt11: outsidePaid });
  same([sent.status, sent.amount, sent.fee], ["success", -2_000_000, -2000], "the payment to another node");
  needProof((await b.checkInvoice({ payment_hash: sent.payment_hash })).preimage, sent.payment_hash, "preimage of the other node");
  same(await balance(b), bStart - 2_023_000, "balance after a payment with a fee");
  ok("pay another node, with a fee");
  await refused(b.payInvoice({ out: true, bolt11: outsideFailed }), 520, "Payment failed", "a payment that finds no way fails");
  same(await balance(b), bStart - 2_023_000, "balance after the payment that failed");
  ok("the payment that failed cost nothing");

  const back = await b.createInvoice({ amount: 21, memo: "npm back", out: false });
  await a.payInvoice({ out: true, bolt11: back.bolt11 });
  same([await balance(a), await balance(b)], [aStart, bStart - 2_002_000], "balances at the end");
  ok("the story is told");
}

async function main() {
  const missing = NAMES.filter((name) => !process.env[name]).concat(URL_OF_SERVER ? [] : ["SATCHEL_URL"]);
  if (missing.length) throw new Deviation(`not set: ${missing.join(", ")}`);
  await play(NAMES.map((name) => process.env[name]));
}

main().catch((error) => {
  // A missing field, a refused connection: also a deviation.
  const status = error.response ? ` ${error.response.status} ${JSON.stringify(error.response.data)}` : "";
  console.error(`npm_story: ${error.message}${status}`);
  process.exitCode = 1;
});
