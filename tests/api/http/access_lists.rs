//! Access lists over the real route table.

use satchel::{
    accounts::{
        acl,
        policy::{Catalogue, Right},
    },
    http::{catalogue, table},
};

fn compiled(catalogue: &Catalogue, entry: &str) -> Vec<String> {
    let set = acl::compile(catalogue, &[entry]).unwrap();
    let numbered = catalogue.operations().iter().enumerate();
    numbered.filter(|(number, _)| set.contains(*number)).map(|(_, operation)| acl::name(operation)).collect()
}

#[test]
fn every_operation_can_be_named_alone_unless_it_is_not_for_lists() {
    let catalogue = catalogue(&table());
    for operation in catalogue.operations() {
        let name = acl::name(operation);
        if matches!(operation.right, Right::SuperUser | Right::Users | Right::AccountSecrets) {
            assert!(acl::compile(&catalogue, &[&name]).is_err(), "{name} got into a list");
        } else {
            assert_eq!(compiled(&catalogue, &name), [name.as_str()]);
        }
    }
}

#[test]
fn receiving_and_sending_are_told_apart() {
    let catalogue = catalogue(&table());
    let both = ["POST /api/v1/payments#receive", "POST /api/v1/payments#send"];
    assert_eq!(compiled(&catalogue, "POST /api/v1/payments"), both);
    for one in both {
        assert_eq!(compiled(&catalogue, one), [one]);
    }
    assert_eq!(compiled(&catalogue, "PUT /api/v1/wallet/*"), ["PUT /api/v1/wallet/{new_name}"]);
    for bad in
        ["GET /admin/api/v1/*", "POST /admin/api/v1/simulation/pay", "PUT /users/api/v1/balance", "GET /api/v1/walle"]
    {
        assert_eq!(acl::compile(&catalogue, &["GET /api/v1/wallet", bad]).unwrap_err().entry, bad);
    }
}
