use bitcoin::{Amount, hashes::Hash};

use super::*;

fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::from_byte_array([byte; 20]))
}

#[test]
fn a_gift_waits_and_is_mined() {
    let chain = Chain::open(None).unwrap();
    assert_eq!(chain.height(), 101);
    let id = chain.give(script(1), 1_000_000).unwrap();
    assert_eq!(chain.waiting(), 1);
    chain.mine(1).unwrap();
    assert_eq!((chain.waiting(), chain.height()), (0, 102));
    let ledger = chain.ledger();
    let transaction = ledger.transaction(&id).unwrap();
    assert_eq!(transaction.output[0].value, Amount::from_sat(1_000_000));
    let block = ledger.block(102).unwrap();
    assert!(block.check_merkle_root() && block.check_witness_commitment());
    assert_eq!(block.bip34_block_height().unwrap(), 102);
}

#[test]
fn it_is_the_same_chain_after_a_restart_even_if_the_last_block_was_written_half() {
    let folder = std::env::temp_dir().join(format!("satchel-chain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("blocks");
    let chain = Chain::open(Some(&path)).unwrap();
    let id = chain.give(script(2), 5_000).unwrap();
    chain.mine(3).unwrap();
    let tip = chain.ledger().tip();
    drop(chain);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[1, 2, 3, 4, 5]).unwrap();
    let again = Chain::open(Some(&path)).unwrap();
    assert_eq!(again.ledger().tip(), tip);
    assert!(again.ledger().transaction(&id).is_some());
    again.mine(1).unwrap();
    assert_eq!(Chain::open(Some(&path)).unwrap().height(), again.height());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_lay_in_blocks_that_are_gone_waits_again() {
    let chain = Chain::open(None).unwrap();
    let id = chain.give(script(3), 7_000).unwrap();
    chain.mine(3).unwrap();
    let (height, tip) = (chain.height(), chain.ledger().tip());
    chain.reorganize(3).unwrap();
    assert_eq!(chain.height(), height + 1);
    assert_ne!(chain.ledger().tip(), tip);
    assert_eq!(chain.ledger().names_of_waiting(), [id]);
    chain.mine(1).unwrap();
    assert_eq!(chain.waiting(), 0);
    assert!(chain.reorganize(1000).is_err());
}
