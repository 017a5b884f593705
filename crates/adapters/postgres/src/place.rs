//! What a URL says.

use crate::OpenError;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, SslMode as Negotiated},
};

/// How much the connection's other end has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyFull,
}

/// Where a database is, for messages: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place(String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A URL, taken apart.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) ssl_mode: SslMode,
    pub(crate) place: Place,
}

impl Target {
    /// Takes a URL apart. `trusts_more` tells whether there are certificates to trust besides the system's.
    pub(crate) fn parse(url: &SecretString, trusts_more: bool) -> Result<Self, OpenError> {
        let url = url.expose_secret().trim();
        if url.is_empty() {
            return Err(OpenError::NoUrl);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(OpenError::Url { problem: "it has to begin with postgres://" });
        }
        // The driver takes the first @ for the end of the password, so the rest of a password would pass for a host, and be
        // printed.
        let mut parts = url.split('@');
        let before = parts.next().filter(|_| parts.next().is_some()).and_then(|before| before.split_once("://"));
        if parts.next().is_some() || before.is_some_and(|(_, login)| login.contains(['/', '?', '#'])) {
            return Err(OpenError::Url {
                problem: "characters such as @ / ? # in the user or the password have to be percent-encoded",
            });
        }
        let (url, asked) = without_ssl_mode(url)?;
        // The driver's message may quote parts of the URL.
        let mut config: Config = url.parse().map_err(|_| OpenError::Url {
            problem: "it cannot be read, or has an option that is not known here (TLS certificates are set by postgres.ca_file)",
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Url { problem: "it names no host" });
        }
        let ssl_mode = match asked {
            Some(SslMode::Require) | None if trusts_more => SslMode::VerifyFull,
            Some(asked) => asked,
            None => SslMode::Prefer,
        };
        config.ssl_mode(match ssl_mode {
            SslMode::Disable => Negotiated::Disable,
            SslMode::Prefer => Negotiated::Prefer,
            SslMode::Require | SslMode::VerifyFull => Negotiated::Require,
        });
        if config.get_application_name().is_none() {
            config.application_name("palavra");
        }
        // The driver's default is two hours: a peer that is gone for good would be noticed by nobody.
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(Duration::from_secs(30));
        }
        let place = Place(place(&config));
        Ok(Self { config, ssl_mode, place })
    }
}

/// The URL without its `sslmode`, of which the driver does not know every value, and that.
fn without_ssl_mode(url: &str) -> Result<(String, Option<SslMode>), OpenError> {
    // A ? before the @ was refused above.
    let Some((url, query)) = url.split_once('?') else { return Ok((url.to_owned(), None)) };
    let mut asked = None;
    let mut rest = Vec::new();
    for option in query.split('&') {
        asked = match option.strip_prefix("sslmode=") {
            Some("disable") => Some(SslMode::Disable),
            Some("prefer") => Some(SslMode::Prefer),
            Some("require") => Some(SslMode::Require),
            Some("verify-full") => Some(SslMode::VerifyFull),
            Some(_) => {
                return Err(OpenError::Url {
                    problem: "its sslmode has to be disable, prefer, require or verify-full",
                });
            }
            None => {
                rest.push(option);
                asked
            }
        };
    }
    Ok(if rest.is_empty() { (url.to_owned(), asked) } else { (format!("{url}?{}", rest.join("&")), asked) })
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let named = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(host) => host.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let mut hosts: Vec<String> = named.collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let hosts: Vec<String> = hosts.iter().enumerate().map(|(index, host)| format!("{host}:{}", port(index))).collect();
    let hosts = hosts.join(", ");
    match config.get_dbname() {
        Some(database) => format!("the database {database:?} on {hosts}"),
        None => format!("the user's own database on {hosts}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, OpenError> {
        Target::parse(&url.into(), false)
    }

    #[test]
    fn the_mode_is_the_urls() {
        for (query, expected) in [
            ("", SslMode::Prefer),
            ("?sslmode=disable", SslMode::Disable),
            ("?connect_timeout=3&sslmode=require", SslMode::Require),
            ("?sslmode=verify-full&target_session_attrs=read-write", SslMode::VerifyFull),
        ] {
            let target = parse(&format!("postgres://ana@db.example/palavra{query}")).unwrap();
            assert_eq!(target.ssl_mode, expected, "{query}");
            assert_eq!(target.place.to_string(), "the database \"palavra\" on db.example:5432");
        }
    }

    #[test]
    fn a_ca_file_is_there_to_be_used() {
        let mode = |query| Target::parse(&format!("postgres://db/palavra{query}").into(), true).unwrap().ssl_mode;
        assert_eq!(mode(""), SslMode::VerifyFull);
        assert_eq!(mode("?sslmode=require"), SslMode::VerifyFull);
        assert_eq!(mode("?sslmode=prefer"), SslMode::Prefer);
        assert_eq!(mode("?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn no_part_of_a_password_is_printed() {
        for url in [
            "postgres://ana:canary@canary@db/palavra",
            "postgres://ana:canary/canary@db/palavra",
            "postgres://db/palavra?user=ana&password=canary@canary",
            "postgres://ana:canary@db/palavra?canary=1",
            "postgres://ana:canary",
            "postgres://ana:canary@db:canary/palavra",
            "postgres://ana:canary@/palavra",
            "host=db user=ana password=canary",
            "postgres://ana:canary@db/palavra?sslmode=canary",
        ] {
            let Err(error) = parse(url) else { panic!("{url} was accepted") };
            let printed = format!("{error} {error:?}");
            assert!(!printed.contains("canary") && printed.contains("postgres.url"), "{url}: {printed}");
        }
        let good = parse("postgres://ana:c%40n%2Fary:%3F@db:1,other:2/palavra").unwrap();
        assert_eq!(good.config.get_password(), Some(b"c@n/ary:?".as_slice()));
        assert_eq!(good.place.to_string(), "the database \"palavra\" on db:1, other:2");
    }
}
