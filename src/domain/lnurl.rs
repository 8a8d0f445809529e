//! What the operator decides about LNURL and lightning addresses.

/// Where requests to LNURL services may go, and which addresses wallets may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LnurlPolicy {
    /// May links lead to private addresses?
    pub allow_private: bool,
    /// Regular expressions of what links may redirect to.
    pub redirect_rules: Vec<String>,
    /// May the owners of wallets choose lightning addresses?
    pub own_addresses: bool,
    /// Words that no lightning address has among its parts, in lower case.
    pub reserved_names: Vec<String>,
}

impl Default for LnurlPolicy {
    fn default() -> Self {
        Self {
            allow_private: false,
            redirect_rules: Vec::new(),
            own_addresses: false,
            reserved_names: ["admin", "info", "support", "help", "security"].map(str::to_owned).to_vec(),
        }
    }
}

impl LnurlPolicy {
    /// Is the name, or a part of it between dots, underscores and dashes, kept for the operator?
    pub fn is_reserved(&self, name: &str) -> bool {
        let reserved = |part: &str| self.reserved_names.iter().any(|word| word.eq_ignore_ascii_case(part));
        reserved(name) || name.split(['.', '_', '-']).any(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::LnurlPolicy;

    #[test]
    fn reserved_words_are_found_among_the_parts() {
        let policy = LnurlPolicy::default();
        for name in ["admin", "the.admin", "admin-1", "x_help_y", "Info"] {
            assert!(policy.is_reserved(name), "{name}");
        }
        for name in ["administrator", "infos", "alice"] {
            assert!(!policy.is_reserved(name), "{name}");
        }
    }
}
