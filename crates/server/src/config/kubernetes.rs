//! Variables that nobody wrote. Kubernetes gives every container the addresses of the services of its namespace; for a
//! service named `postern` or `postern-…` these begin with our prefix, and must not keep Postern from starting.

use std::ffi::OsStr;

/// Whether Kubernetes makes variables of this name and value.
pub(super) fn made(name: &str, value: &OsStr) -> bool {
    const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];
    let address =
        value.to_str().and_then(|value| value.split_once("://")).is_some_and(|(scheme, _)| PROTOCOLS.contains(&scheme));
    let parts: Vec<&str> = name.split('_').collect();
    let port_of_protocol = parts.windows(3).any(|part| {
        part[0] == "PORT" && part[1].parse::<u16>().is_ok() && PROTOCOLS.contains(&part[2].to_lowercase().as_str())
    });
    name.ends_with("_SERVICE_HOST")
        || parts.windows(2).any(|part| part == ["SERVICE", "PORT"])
        || port_of_protocol
        || (name.ends_with("_PORT") && address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_recognised_and_settings_are_not() {
        for (name, value) in [
            ("POSTERN_SERVICE_HOST", "10.0.0.7"),
            ("POSTERN_SERVICE_PORT", "5225"),
            ("POSTERN_SERVICE_PORT_HTTP", "5225"),
            ("POSTERN_PORT", "tcp://10.0.0.7:5225"),
            ("POSTERN_PORT_5225_TCP", "tcp://10.0.0.7:5225"),
            ("POSTERN_PORT_5225_TCP_ADDR", "10.0.0.7"),
            ("POSTERN_OPERATIONS_PORT", "tcp://10.0.0.8:9225"),
        ] {
            assert!(made(name, OsStr::new(value)), "{name}");
        }
        for (name, value) in
            [("POSTERN_PORT", "5225"), ("POSTERN_LISTEN", "tcp://10.0.0.7:5225"), ("POSTERN_OAUTH", "")]
        {
            assert!(!made(name, OsStr::new(value)), "{name}");
        }
    }
}
