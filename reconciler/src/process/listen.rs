//! Addresses to listen on, as Go programs write them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;
use tokio::net::TcpListener;

/// Where something is served: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, or `0` for nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// Not at all.
    Nowhere,
    /// On this port of all addresses of the machine.
    Everywhere(u16),
    /// On this port of the address of this name.
    On(String, u16),
}

/// A text that says nowhere to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ListenAddressError {
    /// There is no colon before a port.
    #[error("missing port in address")]
    Port,
    /// The port is no number up to 65535.
    #[error("port is not a number from 0 to 65535")]
    PortNumber,
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if matches!(text, "" | "0") {
            return Ok(Self::Nowhere);
        }
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError::Port)?;
        let port = port.parse().map_err(|_| ListenAddressError::PortNumber)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        Ok(match host {
            "" => Self::Everywhere(port),
            host => Self::On(host.to_owned(), port),
        })
    }
}

impl ListenAddress {
    /// Begins to listen, or returns `None` if nothing is to be served.
    ///
    /// # Errors
    ///
    /// As binding fails: the port is taken, the name unknown, or the right missing.
    pub async fn bind(&self) -> io::Result<Option<TcpListener>> {
        let bound = match self {
            Self::Nowhere => return Ok(None),
            Self::On(host, port) => TcpListener::bind((host.as_str(), *port)).await,
            Self::Everywhere(port) => {
                let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
                match TcpListener::bind(both).await {
                    Ok(listener) => Ok(listener),
                    // A taken port is the same port for IPv4; else the machine may have no IPv6.
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
                    Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await,
                }
            }
        };
        bound.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        let on = |host: &str, port| Ok(ListenAddress::On(host.to_owned(), port));
        let rows = [
            (":8080", Ok(ListenAddress::Everywhere(8080))),
            ("127.0.0.1:0", on("127.0.0.1", 0)),
            ("localhost:9440", on("localhost", 9440)),
            ("[::1]:9440", on("::1", 9440)),
            ("0", Ok(ListenAddress::Nowhere)),
            ("", Ok(ListenAddress::Nowhere)),
            ("8080", Err(ListenAddressError::Port)),
            (":http", Err(ListenAddressError::PortNumber)),
            (":65536", Err(ListenAddressError::PortNumber)),
        ];
        for (text, want) in rows {
            assert_eq!(text.parse(), want, "{text}");
        }
    }

    #[tokio::test]
    async fn everywhere_is_reached_by_either_family() {
        let address = ListenAddress::Everywhere(0);
        let listener = address.bind().await.unwrap().unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let first = ListenAddress::Everywhere(0).bind().await.unwrap().unwrap();
        let port = first.local_addr().unwrap().port();
        let error = ListenAddress::Everywhere(port).bind().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn nowhere_is_not_bound() {
        assert!(ListenAddress::Nowhere.bind().await.unwrap().is_none());
    }
}
