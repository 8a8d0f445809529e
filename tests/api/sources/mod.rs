//! How every driver of a funding source behaves, on good days and on bad ones.
//!
//! The programs and providers themselves do not run here. In their place stands a server that speaks their wire
//! interface, as their public documentation describes it, in front of the simulated node; between it and the driver
//! lies a relay that loses what it is told to lose. Every story is told with every driver.

mod bench;
mod conduct;
mod desk;
mod front;
mod phoenixd;
mod switching;

use bench::Row;
use satchel::funding::DRIVERS;

/// Every driver that talks to somebody else, and who that is here.
const ROWS: &[Row] = &[phoenixd::ROW];

/// Drivers that are nodes themselves; they have tests of their own.
const INSIDE: &[&str] = &["play", "simulated"];

#[test]
fn every_driver_has_its_row() {
    for driver in DRIVERS {
        let rows = ROWS.iter().filter(|row| row.driver.name == driver.name).count();
        assert_eq!(rows, usize::from(!INSIDE.contains(&driver.name)), "{}", driver.name);
    }
    assert_eq!(ROWS.len() + INSIDE.len(), DRIVERS.len());
}

#[test]
fn drivers_are_told_apart_by_name_and_by_class() {
    for (at, driver) in DRIVERS.iter().enumerate() {
        for other in &DRIVERS[at + 1..] {
            assert_ne!(driver.name, other.name);
            assert_ne!(driver.class, other.class);
        }
    }
}

/// What people read names every driver and every setting of it.
#[test]
fn every_driver_is_in_the_guide() {
    let guide = include_str!("../../../docs/FUNDING.md");
    for driver in DRIVERS {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{}` |", driver.class)));
        let row = row.unwrap_or_else(|| panic!("{} has no row in docs/FUNDING.md", driver.class));
        for field in driver.fields {
            assert!(row.contains(&format!("`{field}`")), "{field} is not in the row of {}", driver.class);
        }
    }
}
