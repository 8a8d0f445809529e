//! Which answers count. Bodies are searched, not parsed: the cores belong to the server.

pub(crate) fn is_ok(status: u16, body: &[u8]) -> Option<()> {
    (status == 200 && !body.is_empty()).then_some(())
}

pub(crate) fn is_page(status: u16, body: &[u8]) -> Option<()> {
    (status == 200).then(|| field(body, "payment_hash")).flatten().map(drop)
}

pub(crate) fn is_invoice(status: u16, body: &[u8]) -> Option<()> {
    bolt11(status, body).map(drop)
}

pub(crate) fn bolt11(status: u16, body: &[u8]) -> Option<String> {
    (status == 201).then(|| field(body, "bolt11")).flatten().map(str::to_owned)
}

pub(crate) fn is_paid(status: u16, body: &[u8]) -> Option<()> {
    (status == 201 && field(body, "status")? == "success").then_some(())
}

/// The first field of this name, if a plain text, without the cost of parsing the whole answer.
pub(crate) fn field<'b>(body: &'b [u8], name: &str) -> Option<&'b str> {
    let body = str::from_utf8(body).ok()?;
    let mut rest = body;
    while let Some((_, after)) = rest.split_once(name) {
        let value = after.strip_prefix('"').and_then(|after| after.trim_start().strip_prefix(':'));
        if let Some(value) = value.and_then(|value| value.trim_start().strip_prefix('"')) {
            return value.split_once('"').map(|(value, _)| value);
        }
        rest = after;
    }
    None
}
