#!/usr/bin/env python3
"""Plays a wallet story with the unmodified client library pylnbits.

    pylnbits_story.py [base-url]

Environment: SATCHEL_URL (unless given as argument), ADMIN_KEY_A, INVOICE_KEY_A, ADMIN_KEY_B, INVOICE_KEY_B.
Wallet A needs no money, wallet B at least 200 sat. Prints one `ok` line per step; the first
deviation is printed to standard error and ends the program with status 1.
"""

import asyncio
import hashlib
import os
import re
import sys
import uuid
from contextlib import redirect_stdout
from io import StringIO
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientTimeout, TraceConfig
from pylnbits.config import Config
from pylnbits.lndhub import LndHub
from pylnbits.user_wallet import UserWallet

HEX32 = re.compile(r"[0-9a-f]{64}")


class Deviation(Exception):
    """The server did something that this client's users would notice."""


class Story:
    def __init__(self, url):
        self.url = url
        self.status = None
        trace = TraceConfig()
        trace.on_request_end.append(self._remember)
        self.session = ClientSession(timeout=ClientTimeout(total=30), trace_configs=[trace])

    async def _remember(self, _session, _context, params):
        self.status = params.response.status

    def wallet(self, invoice_key, admin_key):
        return UserWallet(Config(in_key=invoice_key, admin_key=admin_key, lnbits_url=self.url), self.session)

    async def call(self, coroutine, status, what):
        """Awaits one call of the library. It hands back exceptions as values and hides the status: both are undone."""
        self.status = None
        answer = await coroutine
        if isinstance(answer, Exception):
            raise Deviation(f"{what}: the library failed with {answer!r} (status {self.status})")
        if self.status != status:
            raise Deviation(f"{what}: status {self.status} instead of {status}: {answer!r}")
        return answer

    async def refused(self, coroutine, status, text, what):
        answer = await self.call(coroutine, status, what)
        detail = answer.get("detail") if isinstance(answer, dict) else None
        if isinstance(detail, list):
            detail = " ".join(str(part.get("msg")) for part in detail)
        if not isinstance(detail, str) or text.lower() not in detail.lower():
            raise Deviation(f"{what}: the detail does not say {text!r}: {answer!r}")
        ok(what)


def ok(what):
    print(f"ok {what}", flush=True)


def need(condition, what, seen=None):
    if not condition:
        raise Deviation(what if seen is None else f"{what}: {seen!r}")


def same(seen, wanted, what):
    if seen != wanted:
        raise Deviation(f"{what}: {seen!r} instead of {wanted!r}")


async def play(url, a_keys, b_keys):
    story = Story(url)
    async with story.session:
        a, b = story.wallet(*a_keys), story.wallet(*b_keys)

        async def balance(wallet):
            details = await story.call(wallet.get_wallet_details(), 200, "wallet details")
            need(isinstance(details.get("name"), str), "the wallet has no name", details)
            need(type(details.get("balance")) is int, "the balance is not a whole number", details)
            need("adminkey" not in details, "the invoice key was told the admin key")
            return details["balance"]

        a_start, b_start = await balance(a), await balance(b)
        need(b_start >= 200_000, "wallet B needs 200 sat for this story", b_start)
        ok("wallet details of both wallets")

        # An invoice, made with the invoice key.
        memo = f"story-{uuid.uuid4().hex[:10]}"
        invoice = await story.call(a.create_invoice(False, 21, memo, ""), 201, "create an invoice")
        payment_hash, bolt11 = invoice.get("payment_hash"), invoice.get("bolt11")
        need(isinstance(payment_hash, str) and HEX32.fullmatch(payment_hash), "no payment hash", invoice)
        same(invoice.get("payment_request"), bolt11, "payment_request, which older clients read")
        same((invoice.get("amount"), invoice.get("status"), invoice.get("memo")), (21_000, "pending", memo), "the invoice")
        ok("create an invoice with the invoice key")

        decoded = await story.call(a.get_decoded(bolt11), 200, "decode")
        same(decoded.get("payment_hash"), payment_hash, "decoded payment hash")
        same((decoded.get("amount_msat"), decoded.get("description")), (21_000, memo), "decoded amount and description")
        need(all(isinstance(decoded.get(k), int) for k in ("date", "expiry", "min_final_cltv_expiry")), "decoded numbers", decoded)
        need(all(isinstance(decoded.get(k), str) for k in ("currency", "signature", "payee", "payment_secret")), "decoded texts", decoded)
        same(await story.call(a.get_payhash(bolt11), 200, "payment hash"), payment_hash, "get_payhash")
        upper = await story.call(a.get_decoded(bolt11.upper()), 200, "decode in upper case")
        same(upper.get("payment_hash"), payment_hash, "payment hash of the invoice in upper case")
        ok("decode the invoice")

        nonsense = await story.call(a.get_decoded("nonsense"), 400, "decode nonsense")
        need("Failed to decode" in str(nonsense.get("message")), "decoding nonsense is not explained", nonsense)
        same(await story.call(a.get_payhash("nonsense"), 400, "payment hash of nonsense"), None, "get_payhash of nonsense")
        ok("decoding nonsense fails as expected")

        # Not paid yet.
        pending = await story.call(a.check_invoice(payment_hash), 200, "check the open invoice")
        same((pending.get("paid"), pending.get("status"), pending.get("preimage")), (False, "pending", None), "the open invoice")
        same(pending["details"]["wallet_id"], invoice["wallet_id"], "wallet of the open invoice")
        ok("the invoice is open")
        await story.refused(b.check_invoice(payment_hash), 404, "Payment does not exist", "another wallet's payment is not shown")
        await story.refused(a.check_invoice("00" * 32), 404, "Payment does not exist", "an unknown payment is not found")

        # Paying needs an admin key.
        weak = story.wallet(b_keys[0], b_keys[0])
        await story.refused(weak.pay_invoice(True, bolt11), 403, "key required", "an invoice key cannot pay")
        await story.refused(a.create_invoice(True, 21, "x", ""), 403, "key required", "an invoice key cannot send")
        stranger = story.wallet("0" * 32, "f" * 32)
        await story.refused(stranger.get_wallet_details(), 404, "Wallet not found", "an unknown key has no wallet")
        await story.refused(stranger.pay_invoice(True, bolt11), 404, "Wallet not found", "an unknown key cannot pay")
        same((await balance(a), await balance(b)), (a_start, b_start), "balances after the refusals")
        ok("refusals moved no money")

        # Paying.
        paid = await story.call(b.pay_invoice(True, bolt11), 201, "pay")
        same(paid.get("payment_hash"), payment_hash, "payment hash of the payment")
        same((paid.get("status"), paid.get("amount")), ("success", -21_000), "the payment")
        ok("pay with the admin key")
        same((await balance(a), await balance(b)), (a_start + 21_000, b_start - 21_000), "balances after the payment")
        ok("both balances moved by 21 sat")

        for wallet, amount, whose in ((a, 21_000, "payee"), (b, -21_000, "payer")):
            seen = await story.call(wallet.check_invoice(payment_hash), 200, f"check as {whose}")
            same(seen.get("paid"), True, f"paid, as the {whose} sees it")
            same((seen["details"]["amount"], seen["details"]["status"]), (amount, "success"), f"details, as the {whose} sees them")
            preimage = seen.get("preimage")
            need(isinstance(preimage, str) and HEX32.fullmatch(preimage), f"no preimage for the {whose}", seen)
            same(hashlib.sha256(bytes.fromhex(preimage)).hexdigest(), payment_hash, f"hash of the preimage the {whose} sees")
        ok("the invoice is paid, with proof, for payee and payer")

        await story.refused(b.pay_invoice(True, bolt11), 520, "already paid", "the same invoice cannot be paid twice")
        await story.refused(b.pay_invoice(True, "nonsense"), 520, "decoding failed", "nonsense cannot be paid")
        await story.refused(b.pay_invoice(True, ""), 400, "Missing BOLT11", "an empty invoice cannot be paid")
        await story.refused(a.create_invoice(False, -1, "x", ""), 400, "greater than or equal to 0", "no negative invoice")
        await story.call(a.create_invoice(False, 0, "x", ""), 201, "an invoice whose amount the payer chooses")

        # More than there is.
        dear = await story.call(b.create_invoice(False, a_start // 1000 + 22, memo + "-dear", ""), 201, "create a dear invoice")
        await story.refused(a.pay_invoice(True, dear["bolt11"]), 520, "Insufficient balance", "nobody spends more than there is")
        same((await balance(a), await balance(b)), (a_start + 21_000, b_start - 21_000), "balances after the refusals")
        ok("refused payments moved no money")

        # Lists.
        newest = await story.call(a.get_invoices(), 200, "list")
        need(isinstance(newest, list) and newest, "the list is empty", newest)
        need(any(p.get("payment_hash") == payment_hash for p in newest), "the payment is not in the list")
        found = await story.call(a.get_invoicesbymemo(memo), 200, "list by memo")
        same([(p.get("payment_hash"), p.get("memo")) for p in found], [(payment_hash, memo)], "payments with that memo")
        found = await story.call(b.get_invoicesbymemo(memo), 200, "list by memo")
        same([(p.get("payment_hash"), p.get("amount")) for p in found], [(payment_hash, -21_000)], "the payer's payments with that memo")
        same(await story.call(a.get_invoicesbymemo("no-such-memo"), 200, "list by memo"), [], "payments with an unknown memo")
        ok("lists, also by memo")

        # And back again.
        back = await story.call(b.create_invoice(False, 21, memo + "-back", ""), 201, "create an invoice")
        await story.call(a.pay_invoice(True, back["bolt11"]), 201, "pay back")
        same((await balance(a), await balance(b)), (a_start, b_start), "balances at the end")
        ok("paid back, all is as before")

        # Lightning address: pylnbits always asks for it over plain http, so only where the server is reached so.
        parts = urlsplit(url)
        async with story.session.patch(url + "/api/v1/wallet", json={}, headers={"X-Api-Key": a_keys[1]}) as answer:
            name = (await answer.json()).get("lightning_address") if answer.status == 200 else None
        if name and parts.scheme == "http" and not parts.path:
            with redirect_stdout(StringIO()):
                same(a.get_payurl(f"{name}@{parts.netloc}"), f"{url}/.well-known/lnurlp/{name}", "address of the pay link")
                asked = await story.call(b.get_bolt11(f"{name}@{parts.netloc}", 5), 200, "invoice from the Lightning address")
            need(isinstance(asked, str) and asked.startswith("ln"), "no invoice from the Lightning address", asked)
            await story.call(b.pay_invoice(True, asked), 201, "pay the Lightning address")
            same((await balance(a), await balance(b)), (a_start + 5_000, b_start - 5_000), "balances after paying the address")
            back = await story.call(b.create_invoice(False, 5, "", ""), 201, "create an invoice")
            await story.call(a.pay_invoice(True, back["bolt11"]), 201, "pay back")
            ok("paid through the Lightning address")
        else:
            ok("no Lightning address here, skipped")

        hub = LndHub(a.config)
        same(hub.invoice(), f"lndhub://invoice:{a_keys[0]}@{url}/lndhub/ext/", "LndHub address")
        ok("the story is told")


def main():
    names = ("INVOICE_KEY_A", "ADMIN_KEY_A", "INVOICE_KEY_B", "ADMIN_KEY_B")
    url = (sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SATCHEL_URL", "")).rstrip("/")
    missing = [n for n in names if not os.environ.get(n)] + ([] if url else ["SATCHEL_URL"])
    if missing:
        sys.exit(f"pylnbits_story: not set: {', '.join(missing)}")
    keys = [os.environ[n] for n in names]
    try:
        asyncio.run(asyncio.wait_for(play(url, keys[:2], keys[2:]), 120))
    except Deviation as e:
        sys.exit(f"pylnbits_story: {e}")
    except Exception as e:  # a missing key, a refused connection, a time-out: also a deviation
        sys.exit(f"pylnbits_story: {type(e).__name__}: {e}")


if __name__ == "__main__":
    main()
