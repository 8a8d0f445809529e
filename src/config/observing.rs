//! What operators get to see:
//!
//! - `SATCHEL_METRICS`: who may read `/metrics`.
//! - `SATCHEL_OTLP_ENDPOINT`: where traces are sent.
//! - `SATCHEL_LOG_FORMAT`: the log as text for people, or as one JSON object a line.

use std::str::FromStr;

use clap::Args;

use super::Networks;

/// Settings of what operators get to see.
#[derive(Debug, Clone, Default, Args)]
pub struct Observing {
    /// Who may read /metrics: `off`, `super-user`, or addresses and networks with commas between, from which it is
    /// read without a credential (the super user may then as well).
    #[arg(long, env = "SATCHEL_METRICS", default_value = "super-user")]
    pub metrics: MetricsFor,
    /// How the log is written: `human` or `json`, one object a line.
    #[arg(long, env = "SATCHEL_LOG_FORMAT", default_value = "human")]
    pub log_format: LogFormat,
    /// Collector that traces are sent to by OTLP over HTTP, such as `http://127.0.0.1:4318`; none by default.
    #[arg(long, env = "SATCHEL_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<Collector>,
}

/// Where a collector listens, such as `http://127.0.0.1:4318`; `/v1/traces` is added.
#[derive(Debug, Clone)]
pub struct Collector(reqwest::Url);

impl FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: reqwest::Url = text.trim().parse().map_err(|error| format!("{error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("an address such as http://127.0.0.1:4318 is wanted".to_owned());
        }
        Ok(Self(url))
    }
}

impl Collector {
    /// Where it takes traces (OTLP specification, "OTLP/HTTP").
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0.as_str().trim_end_matches('/'))
    }
}

/// Who may read the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MetricsFor {
    /// Nobody: there are none.
    Off,
    /// The super user.
    #[default]
    SuperUser,
    /// The super user, and whoever asks from these networks.
    Networks(Networks),
}

impl FromStr for MetricsFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "" | "super-user" => Ok(Self::SuperUser),
            list => list.parse().map(Self::Networks).map_err(|why| format!("{why}; or write off or super-user")),
        }
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::MetricsFor;

    #[test]
    fn who_may_read_is_a_word_or_a_list() {
        let read = |text: &str| text.parse::<MetricsFor>();
        assert_eq!(read("off"), Ok(MetricsFor::Off));
        assert_eq!(read("super-user"), Ok(MetricsFor::SuperUser));
        assert!(matches!(read("127.0.0.1,10.0.0.0/8"), Ok(MetricsFor::Networks(list)) if list.0.len() == 2));
        assert!(read("on").unwrap_err().contains("super-user"));
    }
}
