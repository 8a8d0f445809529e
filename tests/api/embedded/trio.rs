//! Three nodes in a row: ours, one that forwards, and one at the far end.

use std::sync::Arc;

use bitcoin::Network;
use ldk_node::lightning::ln::msgs::SocketAddress;
use satchel::{
    clock::Clock,
    domain::{Msat, PaymentHash, PaymentId},
    funding::{
        FundingSource, InvoiceOrder, Outcome, Payee, PaymentOrder, Spontaneous,
        embedded::{ChainSource, EmbeddedNode, Options},
        regtest::{Access, Chain},
    },
};

use super::{Folder, PATIENCE, balance, invoice_order, order, question, until, until_held, until_paid};

const CHANNEL_SAT: u64 = 1_000_000;
const SIZE: Msat = Msat(30_000_000);

struct Net {
    folder: Folder,
    chain: Arc<Chain>,
    access: Access,
}

impl Net {
    async fn new() -> Self {
        let (folder, chain) = (Folder::new(), Chain::open(None).unwrap());
        let access = chain.serve(&Clock::system()).await.unwrap();
        tokio::spawn(Arc::clone(&chain).mine_what_waits());
        Self { folder, chain, access }
    }

    fn options(&self, name: &'static str, network: Network) -> Options {
        let folder = self.folder.0.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let chain = ChainSource::Bitcoind {
            host: "127.0.0.1".into(),
            port: self.access.port,
            user: self.access.user.clone(),
            password: self.access.password.clone(),
        };
        let seed = [name.as_bytes()[0]; 64];
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = Some(format!("127.0.0.1:{port}"));
        Options { name, clock: Clock::system(), folder, network, chain, seed, listen, alias: Some(name.into()) }
    }

    async fn node(&self, name: &'static str) -> EmbeddedNode {
        EmbeddedNode::open(self.options(name, Network::Regtest)).await.unwrap()
    }

    /// Gives a node coins.
    async fn fund(&self, node: &EmbeddedNode) {
        let address = node.node().onchain_payment().new_address().unwrap();
        self.chain.give(address.script_pubkey(), 20_000_000).unwrap();
        self.chain.mine(1).unwrap();
        node.sync().await.unwrap();
    }

    /// Opens a channel with half of it on each side, and waits until it can be used.
    async fn channel(&self, from: &EmbeddedNode, to: &EmbeddedNode) {
        self.open_channel(from, to, false).await;
        self.until_usable(&[from, to]).await;
    }

    async fn open_channel(&self, from: &EmbeddedNode, to: &EmbeddedNode, announced: bool) {
        self.fund(from).await;
        let half = Some(CHANNEL_SAT * 500);
        let (peer, at) = (to.node().node_id(), address(to));
        if announced {
            from.node().open_announced_channel(peer, at, CHANNEL_SAT, half, None).unwrap();
        } else {
            from.node().open_channel(peer, at, CHANNEL_SAT, half, None).unwrap();
        }
        let funded = || async { from.node().list_channels().iter().all(|channel| channel.funding_txo.is_some()) };
        until("the funding", funded, |funded| *funded).await;
    }

    async fn until_usable(&self, nodes: &[&EmbeddedNode]) {
        let mining = async {
            loop {
                self.chain.mine(1).unwrap();
                for node in nodes {
                    node.sync().await.unwrap();
                }
                if nodes.iter().all(|node| node.node().list_channels().iter().all(|channel| channel.is_usable)) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            }
        };
        tokio::time::timeout(PATIENCE, mining).await.expect("the channel cannot be used");
    }

    async fn mine(&self, blocks: u32, nodes: &[&EmbeddedNode]) {
        self.chain.mine(blocks).unwrap();
        for node in nodes {
            node.sync().await.unwrap();
        }
    }
}

fn address(node: &EmbeddedNode) -> SocketAddress {
    node.node().listening_addresses().unwrap()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hops_cost_what_the_one_between_takes_and_no_more_than_the_limit() {
    let net = Net::new().await;
    let (a, b, c) = (net.node("a").await, net.node("b").await, net.node("c").await);
    net.channel(&a, &b).await;
    // only what is announced is forwarded to
    net.open_channel(&b, &c, true).await;
    net.until_usable(&[&b, &c]).await;
    net.mine(6, &[&a, &b, &c]).await;
    let heard = || async { a.node().network_graph().list_channels().len() };
    until("the announcement", heard, |channels| *channels == 1).await;
    let both = || async {
        let graph = a.node().network_graph();
        let channel = graph.list_channels().first().and_then(|scid| graph.channel(*scid));
        channel.is_some_and(|channel| channel.one_to_two.is_some() && channel.two_to_one.is_some())
    };
    until("what forwarding costs", both, |heard| *heard).await;
    let before = balance(&a).await;

    let far = c.create_invoice(invoice_order(SIZE)).await.unwrap();
    // s09: nothing goes out where the way costs more than it may
    let stingy = order(1, &far.bolt11, Msat::ZERO);
    let outcome = a.pay(stingy).await;
    assert!(matches!(outcome, Outcome::Failed { attempt: PaymentId(1), .. }), "{outcome:?}");
    assert_eq!(balance(&a).await, before);
    // s37: what failed can be tried again
    let fair = order(2, &far.bolt11, Msat(100_000));
    let asked = question(&fair);
    let outcome = a.pay(fair).await;
    let Outcome::Paid { preimage, fee, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(PaymentHash::of(&preimage), far.payment_hash);
    assert!(fee > Msat::ZERO && fee <= Msat(100_000), "{fee}");
    until("the balance", || balance(&a), |now| now.0 == before.0 - SIZE.0 - fee.0).await;
    // s27: what is sent twice leaves once
    let again = a.pay(order(3, &far.bolt11, Msat(100_000))).await;
    assert!(!matches!(again, Outcome::Failed { .. } | Outcome::NotSent(_)), "{again:?}");
    assert!(matches!(until_paid(&a, &asked).await, Outcome::Paid { .. }));

    // without an invoice
    let preimage = [9; 32];
    let payee = Payee::Node(Spontaneous { node: b.node().node_id().serialize(), preimage });
    let gift = PaymentOrder { attempt: PaymentId(4), payee, amount: Msat(5_000_000), fee_limit: Msat(50_000) };
    let outcome = a.pay(gift).await;
    assert!(matches!(outcome, Outcome::Paid { preimage: [9, ..], .. }), "{outcome:?}");
    // nobody knows a way to a node without channels
    let node = net.node("d").await.node().node_id().serialize();
    let payee = Payee::Node(Spontaneous { node, preimage: [8; 32] });
    let lost = PaymentOrder { attempt: PaymentId(5), payee, amount: Msat(5_000_000), fee_limit: Msat(50_000) };
    let outcome = a.pay(lost).await;
    assert!(matches!(outcome, Outcome::Failed { attempt: PaymentId(5), .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s27_a_restart_in_the_middle_of_a_payment_loses_nothing() {
    let net = Net::new().await;
    let (a, c) = (net.node("a").await, net.node("c").await);
    net.channel(&a, &c).await;
    let before = balance(&a).await;
    let preimage = [5; 32];
    let hold = Some(PaymentHash::of(&preimage));
    let held = c.create_invoice(InvoiceOrder { hold, ..invoice_order(SIZE) }).await.unwrap();
    let paying = order(1, &held.bolt11, Msat(10_000));
    let asked = question(&paying);
    let short = tokio::time::timeout(std::time::Duration::from_millis(300), a.pay(paying)).await;
    assert!(short.is_err(), "{short:?}");
    until_held(&c, &held).await;
    assert!(matches!(a.lookup_payment(asked.clone()).await, Outcome::InFlight { .. }));
    a.stop().await;
    drop(a);

    let a = net.node("a").await;
    let (to, at) = (c.node().node_id(), address(&c));
    a.node().connect(to, at, false).unwrap();
    assert!(matches!(a.lookup_payment(asked.clone()).await, Outcome::InFlight { .. }));
    c.settle_invoice(preimage).await.unwrap();
    let paid = until_paid(&a, &asked).await;
    assert!(matches!(paid, Outcome::Paid { preimage: [5, ..], fee: Msat::ZERO, .. }), "{paid:?}");
    until("the balance", || balance(&a), |now| now.0 == before.0 - SIZE.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_of_the_funding_transaction_is_survived() {
    let net = Net::new().await;
    let (a, c) = (net.node("a").await, net.node("c").await);
    net.open_channel(&a, &c, false).await;
    net.mine(3, &[&a, &c]).await;
    net.chain.reorganize(3).unwrap();
    net.mine(0, &[&a, &c]).await;
    net.until_usable(&[&a, &c]).await;
    let issued = c.create_invoice(invoice_order(SIZE)).await.unwrap();
    let outcome = a.pay(order(1, &issued.bolt11, Msat(10_000))).await;
    assert!(matches!(outcome, Outcome::Paid { .. }), "{outcome:?}");
}

/// The channel is closed by force while a payment hangs in it: the far end takes the money on chain, and with that
/// tells the preimage.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_hangs_in_a_channel_closed_by_force_is_settled_on_chain() {
    let net = Net::new().await;
    let (a, c) = (net.node("a").await, net.node("c").await);
    net.channel(&a, &c).await;
    net.fund(&c).await;
    let preimage = [6; 32];
    let hold = Some(PaymentHash::of(&preimage));
    let held = c.create_invoice(InvoiceOrder { hold, ..invoice_order(SIZE) }).await.unwrap();
    let paying = order(1, &held.bolt11, Msat(10_000));
    let asked = question(&paying);
    drop(tokio::time::timeout(std::time::Duration::from_millis(300), a.pay(paying)).await);
    until_held(&c, &held).await;
    let channel = a.node().list_channels()[0].user_channel_id;
    a.node().force_close_channel(&channel, c.node().node_id(), None).unwrap();
    assert!(!matches!(a.lookup_payment(asked.clone()).await, Outcome::Failed { .. } | Outcome::NotFound));
    c.settle_invoice(preimage).await.unwrap();
    let paid = async {
        loop {
            net.mine(1, &[&a, &c]).await;
            match a.lookup_payment(asked.clone()).await {
                Outcome::Paid { preimage, .. } => return preimage,
                Outcome::InFlight { .. } | Outcome::Unknown(_) => {}
                other => panic!("{other:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, paid).await.expect("the payment is not settled");
    assert_eq!(told, preimage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_network_and_a_chain_that_is_away_are_named() {
    let net = Net::new().await;
    let a = net.node("a").await;
    a.stop().await;
    drop(a);
    let refused = EmbeddedNode::open(net.options("a", Network::Signet)).await.err().unwrap();
    assert!(refused.0.contains("network"), "{refused}");
    let refused = EmbeddedNode::open(net.options("y", Network::Testnet)).await.err().unwrap();
    assert!(refused.0.contains("not testnet"), "{refused}");
    let mut stranger = net.options("x", Network::Regtest);
    stranger.chain = ChainSource::Bitcoind {
        host: "127.0.0.1".into(),
        port: net.access.port,
        user: "play".into(),
        password: "not-this-one".into(),
    };
    let refused = EmbeddedNode::open(stranger).await.err().unwrap();
    assert!(refused.0.contains("user and password") && !refused.0.contains("not-this-one"), "{refused}");
    let mut away = net.options("z", Network::Regtest);
    away.chain =
        ChainSource::Bitcoind { host: "127.0.0.1".into(), port: 1, user: "nobody".into(), password: "none".into() };
    let refused = EmbeddedNode::open(away).await.err().unwrap();
    assert!(refused.0.contains("cannot be reached"), "{refused}");
}
