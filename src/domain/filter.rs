//! The grammar of lists: which records, in which order, which page.
//!
//! `?limit=20&offset=40&sortby=time&direction=desc&search=tea&amount[ge]=1000&status=success`.
//! What may be filtered, sorted and searched is a table per record type ([`Fields`]); a parameter
//! that names none of its fields is none of our business and is passed over, a parameter that does
//! must make sense.

use super::Time;

/// How the values of a field are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// Unix seconds or an ISO 8601 date-time.
    Time,
    /// A JSON list of texts.
    List,
}

/// One field that lists know.
#[derive(Debug)]
pub struct Field {
    /// Its name in the query.
    pub name: &'static str,
    /// The SQL expression behind it. Never built from input.
    pub sql: &'static str,
    /// How its values are written.
    pub of: Type,
    /// May it be filtered by?
    pub filter: bool,
    /// May it be sorted by?
    pub sort: bool,
    /// Does `search` look at it?
    pub search: bool,
}

/// The fields of one record type.
#[derive(Debug)]
pub struct Fields(pub &'static [Field]);

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal to any of the values.
    Eq,
    /// Different from any of the values.
    Ne,
    /// Greater than any of them.
    Gt,
    /// Less than any of them.
    Lt,
    /// Greater than or equal to any of them.
    Ge,
    /// Less than or equal to any of them.
    Le,
    /// Contains any of them as text.
    Like,
    /// Is one of them.
    In,
    /// Is none of them.
    Ex,
    /// The list holds all of them.
    Every,
    /// The list holds any of them.
    Any,
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "lt" => Self::Lt,
            "ge" => Self::Ge,
            "le" => Self::Le,
            "like" => Self::Like,
            "in" => Self::In,
            "ex" => Self::Ex,
            "every" => Self::Every,
            "any" => Self::Any,
            _ => return None,
        })
    }

    /// May its values be given as one comma-separated text?
    fn splits(self) -> bool {
        matches!(self, Self::In | Self::Ex | Self::Every | Self::Any)
    }
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// Text.
    Text(String),
    /// A number; of a time, its microseconds.
    Integer(i64),
}

/// One condition; all conditions of a list must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The SQL expression of the field.
    pub sql: &'static str,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub operands: Vec<Operand>,
}

/// Which records, in which order, which page.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Expressions, any of which must contain the text, in whatever case.
    pub search: Option<(Vec<&'static str>, String)>,
    /// The expression to sort by, and whether descending.
    pub sort: Option<(&'static str, bool)>,
    /// At most so many.
    pub limit: i64,
    /// After skipping so many.
    pub offset: i64,
}

/// Why a list cannot be made: which parameter, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadParameter {
    /// The parameter's name.
    pub parameter: String,
    /// For people.
    pub message: String,
    /// For programs: the kind of mistake.
    pub kind: &'static str,
}

/// Most records of a page.
pub const LIMIT_MAX: i64 = 1000;
/// Records of a page whose caller did not say.
pub const LIMIT_DEFAULT: i64 = 10;
/// Most values that one list compares with.
const OPERANDS_MAX: usize = 1000;

impl Fields {
    /// Reads the list's part of a query string, already split and decoded.
    ///
    /// # Errors
    /// The first parameter that names a field or a setting of the list but makes no sense.
    pub fn listing(&self, query: &[(String, String)]) -> Result<Listing, BadParameter> {
        let mut listing = Listing { limit: LIMIT_DEFAULT, ..Listing::default() };
        let mut descending = false;
        let mut count = 0;
        for (name, value) in query {
            if value.contains('\0') {
                return Err(bad(name, "NUL characters are not allowed", "value_error.str"));
            }
            match name.as_str() {
                "limit" => {
                    listing.limit = match natural(name, value)? {
                        0 => LIMIT_MAX,
                        limit => limit.min(LIMIT_MAX),
                    }
                }
                "offset" => listing.offset = natural(name, value)?,
                "sortby" if !value.is_empty() => listing.sort = Some((self.sortable(value)?, false)),
                "direction" if !value.is_empty() => descending = direction(value)?,
                "search" if !value.is_empty() => {
                    let expressions = self.0.iter().filter(|field| field.search).map(|field| field.sql).collect();
                    listing.search = Some((expressions, value.clone()));
                }
                "sortby" | "direction" | "search" => {}
                _ => {
                    if let Some(condition) = self.condition(name, value)? {
                        count += condition.operands.len();
                        merge(&mut listing.conditions, condition);
                    }
                }
            }
            if count > OPERANDS_MAX {
                return Err(bad(name, &format!("at most {OPERANDS_MAX} values to compare with"), "value_error"));
            }
        }
        if let Some((_, order)) = &mut listing.sort {
            *order = descending;
        }
        Ok(listing)
    }

    fn sortable(&self, name: &str) -> Result<&'static str, BadParameter> {
        let found = self.0.iter().find(|field| field.sort && field.name == name);
        found.map(|field| field.sql).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().filter(|field| field.sort).map(|field| field.name).collect();
            bad("sortby", &format!("Invalid sort field; permitted: {}", known.join(", ")), "value_error")
        })
    }

    /// `name` or `name[operator]`; `None` when it names no field.
    fn condition(&self, name: &str, value: &str) -> Result<Option<Condition>, BadParameter> {
        let (field_name, operator) = match name.split_once('[') {
            Some((field, rest)) => (field, rest.strip_suffix(']')),
            None => (name, Some("eq")),
        };
        let Some(field) = self.0.iter().find(|field| field.filter && field.name == field_name) else {
            return Ok(None);
        };
        let operator = operator.and_then(Operator::parse).ok_or_else(|| {
            bad(name, "write field[operator]; operators: eq ne gt lt ge le like in ex every any", "value_error")
        })?;
        let texts: Vec<&str> = if operator.splits() { value.split(',').map(str::trim).collect() } else { vec![value] };
        let textual = matches!(operator, Operator::Like | Operator::Every | Operator::Any);
        let operands =
            texts.into_iter().map(|text| operand(name, field.of, text, textual)).collect::<Result<_, _>>()?;
        Ok(Some(Condition { sql: field.sql, operator, operands }))
    }
}

/// A repeated parameter offers another value to the same comparison.
fn merge(conditions: &mut Vec<Condition>, new: Condition) {
    match conditions.iter_mut().find(|old| old.sql == new.sql && old.operator == new.operator) {
        Some(old) => old.operands.extend(new.operands),
        None => conditions.push(new),
    }
}

fn operand(name: &str, of: Type, text: &str, textual: bool) -> Result<Operand, BadParameter> {
    match of {
        Type::Text | Type::List => Ok(Operand::Text(text.to_owned())),
        Type::Integer | Type::Time if textual => Ok(Operand::Text(text.to_owned())),
        Type::Integer => {
            let number = text.parse().map_err(|_| bad(name, "value is not a valid integer", "type_error.integer"))?;
            Ok(Operand::Integer(number))
        }
        Type::Time => {
            let time = Time::parse(text).ok_or_else(|| bad(name, "invalid datetime format", "value_error.datetime"))?;
            Ok(Operand::Integer(time.0))
        }
    }
}

fn natural(name: &str, text: &str) -> Result<i64, BadParameter> {
    let number: i64 = text.parse().map_err(|_| bad(name, "value is not a valid integer", "type_error.integer"))?;
    if number < 0 {
        return Err(bad(name, "ensure this value is greater than or equal to 0", "value_error.number.not_ge"));
    }
    Ok(number)
}

fn direction(text: &str) -> Result<bool, BadParameter> {
    match text {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(bad("direction", "unexpected value; permitted: 'asc', 'desc'", "value_error.const")),
    }
}

fn bad(parameter: &str, message: &str, kind: &'static str) -> BadParameter {
    BadParameter { parameter: parameter.to_owned(), message: message.to_owned(), kind }
}

const fn field(name: &'static str, sql: &'static str, of: Type, filter: bool, sort: bool, search: bool) -> Field {
    Field { name, sql, of, filter, sort, search }
}

/// What lists of payments know.
pub const PAYMENTS: Fields = Fields(&[
    field("status", "payments.status", Type::Text, true, false, true),
    field("tag", "payments.tag", Type::Text, true, true, true),
    field("checking_id", "payments.checking_id", Type::Text, true, false, false),
    field("external_id", "payments.external_id", Type::Text, true, true, true),
    field("amount", "payments.amount_msat", Type::Integer, true, true, true),
    field("fee", "(-payments.fee_msat)", Type::Integer, true, true, false),
    field("memo", "payments.memo", Type::Text, true, true, true),
    field("time", "payments.created_at", Type::Time, true, true, false),
    field("created_at", "payments.created_at", Type::Time, false, true, false),
    field("updated_at", "payments.updated_at", Type::Time, false, true, false),
    field("payment_hash", "payments.payment_hash", Type::Text, true, false, false),
    field("wallet_id", "payments.wallet_id", Type::Text, true, false, true),
    field("labels", "payments.labels", Type::List, true, false, true),
]);

/// The ids of an account's wallets, as the one text that lists search; to be equal to it is to have the wallet.
pub const WALLETS_OF_ACCOUNT: &str =
    "(SELECT STRING_AGG(wallets.id, ',') FROM wallets WHERE wallets.account_id = accounts.id)";

/// What lists of accounts know.
pub const USERS: Fields = Fields(&[
    field("id", "accounts.id", Type::Text, true, true, true),
    field("username", "accounts.username", Type::Text, true, true, true),
    field("email", "accounts.email", Type::Text, true, true, true),
    field("pubkey", "accounts.pubkey", Type::Text, true, true, true),
    field("external_id", "accounts.external_id", Type::Text, true, true, true),
    field("wallet_id", WALLETS_OF_ACCOUNT, Type::Text, true, false, true),
    field("created_at", "accounts.created_at", Type::Time, false, true, false),
    field("updated_at", "accounts.updated_at", Type::Time, false, true, false),
]);

/// What lists of pictures know.
pub const ASSETS: Fields = Fields(&[
    field("name", "assets.name", Type::Text, true, true, true),
    field("created_at", "assets.created_at", Type::Time, false, true, false),
]);

/// What lists of wallets know.
pub const WALLETS: Fields = Fields(&[
    field("id", "wallets.id", Type::Text, true, true, true),
    field("name", "wallets.name", Type::Text, true, true, true),
    field("currency", "wallets.currency", Type::Text, true, true, true),
    field("lightning_address", "wallets.lightning_address", Type::Text, true, true, true),
    field("created_at", "wallets.created_at", Type::Time, false, true, false),
    field("updated_at", "wallets.updated_at", Type::Time, false, true, false),
]);

#[cfg(test)]
mod tests {
    use super::{Operand, Operator, PAYMENTS};

    fn query(text: &str) -> Vec<(String, String)> {
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    }

    #[test]
    fn a_query_becomes_a_listing() {
        let text =
            "limit=0&offset=3&sortby=time&direction=desc&amount[ge]=5&amount[ge]=7&status[in]=success,pending&x=1";
        let listing = PAYMENTS.listing(&query(text)).unwrap();
        assert_eq!((listing.limit, listing.offset), (1000, 3));
        assert_eq!(listing.sort, Some(("payments.created_at", true)));
        assert_eq!(listing.conditions.len(), 2);
        assert_eq!(listing.conditions[0].operator, Operator::Ge);
        assert_eq!(listing.conditions[0].operands, [Operand::Integer(5), Operand::Integer(7)]);
        assert_eq!(listing.conditions[1].operands.len(), 2);
    }

    #[test]
    fn nonsense_about_a_known_field_is_refused() {
        for (text, parameter) in [
            ("limit=-1", "limit"),
            ("offset=x", "offset"),
            ("sortby=colour", "sortby"),
            ("direction=up", "direction"),
            ("amount=abc", "amount"),
            ("amount[gt=1", "amount[gt"),
            ("amount[roughly]=1", "amount[roughly]"),
            ("time=yesterday", "time"),
        ] {
            assert_eq!(PAYMENTS.listing(&query(text)).unwrap_err().parameter, parameter, "{text}");
        }
    }
}
