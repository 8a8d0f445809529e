#!/usr/bin/env python3
"""Plays a mint's story with the unmodified LNbits backend of the Cashu mint (cashu.lightning.lnbits).

    cashu_story.py [base-url]

Environment: SATCHEL_URL (unless given as argument), ADMIN_KEY_A (the mint), ADMIN_KEY_B (a wallet of the same server),
OUTSIDE_PAID, OUTSIDE_FAILED, OUTSIDE_LATE: invoices of other nodes over 2000, 1000 and 500 sat, of which the first can
be paid for a fee, the second never, and the third hangs. Wallet A needs at least 5000 sat, wallet B at least 100 and
less than 9000. What has to happen outside of this program it asks for on a line that begins with `please`, and waits
until it is told on a line that this was done. Prints one `ok` line per step; the first deviation is printed to
standard error and ends the program with status 1.
"""

import asyncio
import hashlib
import os
import re
import sys

NAMES = ("ADMIN_KEY_A", "ADMIN_KEY_B", "OUTSIDE_PAID", "OUTSIDE_FAILED", "OUTSIDE_LATE")
URL = (sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SATCHEL_URL", "")).rstrip("/")
# The mint reads its settings when it is imported, and wants to know the backend of some unit.
os.environ |= {"MINT_BACKEND_BOLT11_SAT": "LNbitsWallet", "MINT_LNBITS_ENDPOINT": URL, "LOG_LEVEL": "INFO"}

from bolt11 import decode
from cashu.core.base import Amount, MeltQuote, MeltQuoteState, Unit
from cashu.core.models import PostMeltQuoteRequest
from cashu.core.settings import settings
from cashu.lightning.base import PaymentResult
from cashu.lightning.lnbits import LNbitsWallet
from loguru import logger

HEX32 = re.compile(r"[0-9a-f]{64}")
# How long an announced payment may take: only a lost message takes so long.
LOST_SECONDS = 20


class Deviation(Exception):
    """The server did something that this mint's users would notice."""


def ok(what):
    print(f"ok {what}", flush=True)


def need(condition, what, seen=None):
    if not condition:
        raise Deviation(what if seen is None else f"{what}: {seen!r}")


def same(seen, wanted, what):
    if seen != wanted:
        raise Deviation(f"{what}: {seen!r} instead of {wanted!r}")


async def please(what):
    print(f"please {what}", flush=True)
    need(await asyncio.to_thread(sys.stdin.readline), f"nobody did this: {what}")


def backend(key):
    """A backend as the mint makes it, which has one key for everything."""
    settings.mint_lnbits_key = key
    return LNbitsWallet(Unit.sat)


def sat(amount):
    return Amount(Unit.sat, amount)


def msat(amount):
    return Amount(Unit.msat, amount)


def proves(preimage, checking_id):
    return bool(HEX32.fullmatch(preimage or "")) and hashlib.sha256(bytes.fromhex(preimage)).hexdigest() == checking_id


async def balance(wallet):
    status = await wallet.status()
    same(status.error_message, None, "status")
    same(status.balance.unit, Unit.sat, "unit of the balance")
    return status.balance.amount


async def invoice(wallet, amount, memo, **kwargs):
    made = await wallet.create_invoice(sat(amount), memo, **kwargs)
    need(made.ok, "no invoice", made)
    decoded = decode(made.payment_request)
    same(made.checking_id, decoded.payment_hash, "checking id")
    same(decoded.amount_msat, amount * 1000, "amount of the invoice")
    return made, decoded


async def melt(wallet, request):
    """Pays as the mint does: a quote first, then the payment within the quoted fee."""
    quoted = await wallet.get_payment_quote(PostMeltQuoteRequest(unit="sat", request=request))
    same(quoted.checking_id, decode(request).payment_hash, "checking id of the quote")
    quote = MeltQuote(
        quote="quote",
        method="bolt11",
        request=request,
        checking_id=quoted.checking_id,
        unit="sat",
        amount=quoted.amount.amount,
        fee_reserve=quoted.fee.amount,
        state=MeltQuoteState.unpaid,
    )
    return await wallet.pay_invoice(quote, quoted.fee.to(Unit.msat).amount)


async def settled(wallet, request, fee_msat, what):
    paid = await melt(wallet, request)
    same(paid.result, PaymentResult.SETTLED, what)
    same((paid.checking_id, paid.fee), (decode(request).payment_hash, msat(fee_msat)), f"{what}: hash and fee")
    need(proves(paid.preimage, paid.checking_id), f"{what}: no proof", paid)
    await settled_already(wallet, paid.checking_id, fee_msat, what)


async def settled_already(wallet, checking_id, fee_msat, what):
    status = await wallet.get_payment_status(checking_id)
    same((status.result, status.fee), (PaymentResult.SETTLED, msat(fee_msat)), f"{what}: status and fee")
    need(proves(status.preimage, checking_id), f"{what}: no proof in the status", status)


async def failed(wallet, request, what):
    before = await balance(wallet)
    refused = await melt(wallet, request)
    same(refused.result, PaymentResult.FAILED, what)
    same(await balance(wallet), before, f"{what}: balance")
    ok(what)


class Ears:
    """The mint's stream of paid invoices, once it is known to listen."""

    def __init__(self, wallet):
        self.stream = wallet.paid_invoices_stream()

    async def open(self):
        connected = asyncio.Event()
        sink = logger.add(lambda line: connected.set() if "connected to LNbits" in line else None)
        self.next = asyncio.create_task(anext(self.stream))
        try:
            await asyncio.wait_for(connected.wait(), LOST_SECONDS)
        except TimeoutError:
            raise Deviation("the stream of paid invoices does not begin") from None
        finally:
            logger.remove(sink)

    async def hears(self, checking_id, what):
        try:
            same(await asyncio.wait_for(self.next, LOST_SECONDS), checking_id, what)
        except TimeoutError:
            raise Deviation(f"{what}: not a word") from None
        self.next = asyncio.create_task(anext(self.stream))

    async def close(self):
        self.next.cancel()
        await asyncio.gather(self.next, return_exceptions=True)


async def play(a_key, b_key, outside_paid, outside_failed, outside_late):
    mint, shop = backend(a_key), backend(b_key)
    a_start, b_start = await balance(mint), await balance(shop)
    need(a_start >= 5000, "the mint needs 5000 sat for this story", a_start)
    need(100 <= b_start < 9000, "wallet B needs between 100 and 9000 sat for this story", b_start)
    ok("status and balance of both wallets")
    stranger = await backend("0" * 32).status()
    need("404" in (stranger.error_message or ""), "an unknown key has a status", stranger)
    ok("an unknown key has no status")

    # Invoices.
    made, decoded = await invoice(mint, 21, "mint 21 sat")
    same(decoded.description, "mint 21 sat", "description")
    text = "a text that only its hash stands for"
    digest = hashlib.sha256(text.encode()).hexdigest()
    for kwargs in ({"description_hash": bytes.fromhex(digest)}, {"unhashed_description": text.encode()}):
        _, hashed = await invoice(mint, 1, "", **kwargs)
        same(hashed.description_hash, digest, f"description hash by {', '.join(kwargs)}")
    ok("create invoices with a description and with the hash of one")
    status = await mint.get_invoice_status(made.checking_id)
    same((status.result, status.preimage), (PaymentResult.PENDING, None), "status of the open invoice")
    ok("the invoice is open")
    for look in (mint.get_invoice_status, mint.get_payment_status):
        unknown = await look("00" * 32)
        same(unknown.result, PaymentResult.UNKNOWN, "status of an unknown hash")
    ok("an unknown hash is unknown")

    # Being paid, over Lightning and by a neighbour.
    ears = Ears(mint)
    await ears.open()
    ok("listen for paid invoices")
    await please(f"pay {made.payment_request}")
    await ears.hears(made.checking_id, "a payment from outside")
    status = await mint.get_invoice_status(made.checking_id)
    same(status.result, PaymentResult.SETTLED, "status of the paid invoice")
    need(proves(status.preimage, made.checking_id), "no proof in the status of the invoice", status)
    same(await balance(mint), a_start + 21, "balance after being paid")
    ok("paid from outside, heard and settled")
    made, _ = await invoice(mint, 50, "mint 50 sat")
    await settled(shop, made.payment_request, 0, "a payment to the mint")
    await ears.hears(made.checking_id, "a payment by a wallet of the same server")
    same((await balance(mint), await balance(shop)), (a_start + 71, b_start - 50), "balances after the neighbour's payment")
    ok("paid by a wallet of the same server, heard and settled")
    await failed(shop, made.payment_request, "an invoice is not paid twice")

    # Paying.
    made, _ = await invoice(shop, 100, "melt 100 sat")
    await settled(mint, made.payment_request, 0, "a payment to a wallet of the same server")
    same((await balance(mint), await balance(shop)), (a_start - 29, b_start + 50), "balances after paying the neighbour")
    ok("pay a wallet of the same server")
    before = await balance(mint)
    await settled(mint, outside_paid, 2000, "a payment to another node")
    same(await balance(mint), before - 2002, "balance after a payment with a fee")
    ok("pay another node, with the fee in the status")
    await failed(mint, outside_failed, "a payment that finds no way fails and costs nothing")
    status = await mint.get_payment_status(decode(outside_failed).payment_hash)
    same(status.result, PaymentResult.FAILED, "status of the failed payment")
    ok("the status says that it failed")
    dear, _ = await invoice(mint, 10_000, "too dear")
    await failed(shop, dear.payment_request, "nobody spends more than there is")

    # A payment that hangs: the mint must neither book it nor give the money back.
    before = await balance(mint)
    hanging = decode(outside_late).payment_hash
    paid = await melt(mint, outside_late)
    same((paid.result, paid.checking_id, paid.preimage), (PaymentResult.PENDING, hanging, None), "a payment that hangs")
    status = await mint.get_payment_status(hanging)
    same((status.result, status.preimage), (PaymentResult.PENDING, None), "status of a payment that hangs")
    need(await balance(mint) <= before - 500, "the money of a payment that hangs can be spent")
    ok("a payment that hangs is pending and its money held")
    await failed(mint, outside_late, "a payment that hangs is not begun again")
    await please(f"resolve {outside_late}")
    await settled_already(mint, hanging, 0, "the payment that hung")
    same(await balance(mint), before - 500, "balance after the payment that hung")
    ok("it is settled once the node says so")

    # Outgoing payments are no paid invoices: the next that is heard of is this one.
    made, _ = await invoice(mint, 50, "and back")
    await settled(shop, made.payment_request, 0, "a payment back")
    await ears.hears(made.checking_id, "the last payment")
    await ears.close()
    same((await balance(mint), await balance(shop)), (a_start - 2481, b_start), "balances at the end")
    ok("the story is told")


def main():
    missing = [n for n in NAMES if not os.environ.get(n)] + ([] if URL else ["SATCHEL_URL"])
    if missing:
        sys.exit(f"cashu_story: not set: {', '.join(missing)}")
    # The mint's own log goes to standard error, where only a deviation belongs.
    logger.remove()
    try:
        asyncio.run(asyncio.wait_for(play(*(os.environ[n] for n in NAMES)), 120))
    except Deviation as e:
        sys.exit(f"cashu_story: {e}")
    except Exception as e:  # a missing key, a refused connection, a time-out: also a deviation
        sys.exit(f"cashu_story: {type(e).__name__}: {e}")


if __name__ == "__main__":
    main()
