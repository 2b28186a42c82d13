//! A TCP connection to an SSH server, straight or through a proxy.

use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::{TransportError, clean};
use super::settings::Proxy;

/// The longest answer of an HTTP proxy, in bytes.
const MAX_ANSWER: usize = 8192;

/// Connects to `host`; with a proxy, the proxy resolves the name.
pub(super) async fn connect(
    host: &str,
    port: u16,
    proxy: Option<&Proxy>,
) -> Result<TcpStream, TransportError> {
    let Some(proxy) = proxy else {
        return dial(host, port).await;
    };
    let address = &proxy.address;
    let proxy_host = address.host_str().unwrap_or_default();
    let proxy_host = proxy_host.trim_start_matches('[').trim_end_matches(']');
    let default_port = if address.scheme() == "socks5" {
        1080
    } else {
        80
    };
    let proxy_port = address.port().unwrap_or(default_port);
    let refused = |source: std::io::Error| TransportError::Proxy(source.to_string());
    match address.scheme() {
        "socks5" => {
            let mut stream = dial(proxy_host, proxy_port).await?;
            socks5(&mut stream, host, port, proxy)
                .await
                .map_err(refused)?;
            Ok(stream)
        }
        "http" => {
            let mut stream = dial(proxy_host, proxy_port).await?;
            http(&mut stream, host, port, proxy)
                .await
                .map_err(refused)?;
            Ok(stream)
        }
        other => Err(TransportError::Proxy(format!(
            "SSH goes through http and socks5 proxies only, not {other}"
        ))),
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, TransportError> {
    let dialled = async {
        let stream = TcpStream::connect((host, port)).await?;
        // Both sides wait for each other's short messages; held back, each would cost a delayed acknowledgement.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    dialled.await.map_err(|source| TransportError::Connect {
        to: format!("{host}:{port}"),
        source,
    })
}

async fn http(stream: &mut TcpStream, host: &str, port: u16, proxy: &Proxy) -> std::io::Result<()> {
    let target = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.login {
        let pair = BASE64.encode(format!("{user}:{}", password.expose_secret()));
        request.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Read byte by byte: what follows the header is the server's already.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == MAX_ANSWER {
            return Err(std::io::Error::other("its answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(std::io::Error::other(clean(line))),
    }
}

/// RFC 1928, with the login of RFC 1929.
async fn socks5(
    stream: &mut TcpStream,
    host: &str,
    port: u16,
    proxy: &Proxy,
) -> std::io::Result<()> {
    let refuse = |text: &str| Err(std::io::Error::other(text.to_owned()));
    let greeting: &[u8] = match proxy.login {
        Some(_) => &[5, 2, 0, 2],
        None => &[5, 1, 0],
    };
    stream.write_all(greeting).await?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice).await?;
    match (choice, &proxy.login) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let mut login = vec![1];
            for part in [user.as_str(), password.expose_secret()] {
                let Ok(length) = u8::try_from(part.len()) else {
                    return refuse("user name and password may have 255 bytes each");
                };
                login.push(length);
                login.extend_from_slice(part.as_bytes());
            }
            stream.write_all(&login).await?;
            let mut verdict = [0; 2];
            stream.read_exact(&mut verdict).await?;
            if verdict[1] != 0 {
                return refuse("user name or password is wrong");
            }
        }
        _ => return refuse("it asks for another kind of login"),
    }
    let Ok(length) = u8::try_from(host.len()) else {
        return refuse("the host name is too long");
    };
    let mut request = vec![5, 1, 0, 3, length];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return refuse(&format!("SOCKS error {}", answer[1]));
    }
    // The address the proxy bound is of no use to us.
    let rest = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await?),
    };
    let mut bound = vec![0; rest + 2];
    stream.read_exact(&mut bound).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Plays a proxy that reads what it must and answers, then says hello as the server behind it.
    async fn through(
        scheme: &str,
        script: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<Vec<u8>, TransportError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (expected, answer) in script {
                let mut got = vec![0; expected.len()];
                stream.read_exact(&mut got).await.unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(&expected)
                );
                stream.write_all(&answer).await.unwrap();
            }
        });
        let proxy_settings =
            Proxy::parse(&format!("{scheme}://me:secret@127.0.0.1:{port}")).unwrap();
        let connected = connect("git.example.com", 22, Some(&proxy_settings)).await;
        proxy.await.unwrap();
        let mut hello = Vec::new();
        connected?.read_to_end(&mut hello).await.unwrap();
        Ok(hello)
    }

    fn connect_request() -> Vec<u8> {
        let pair = BASE64.encode("me:secret");
        format!(
            "CONNECT git.example.com:22 HTTP/1.1\r\nHost: git.example.com:22\r\nProxy-Authorization: Basic {pair}\r\n\r\n"
        )
        .into_bytes()
    }

    #[tokio::test]
    async fn http_proxies_are_asked_to_connect() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x".to_vec();
        let hello = through("http", vec![(connect_request(), answer)]).await;
        assert_eq!(hello.unwrap(), b"SSH-2.0-x");
    }

    #[tokio::test]
    async fn a_refusing_proxy_is_quoted_without_the_password() {
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec();
        let error = through("http", vec![(connect_request(), answer)])
            .await
            .unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "the proxy refuses the connection: HTTP/1.1 407 Proxy Authentication Required"
        );
    }

    #[tokio::test]
    async fn socks_proxies_get_login_and_name() {
        let mut request = vec![5, 1, 0, 3, 15];
        request.extend_from_slice(b"git.example.com\x00\x16");
        let script = vec![
            (vec![5, 2, 0, 2], vec![5, 2]),
            (b"\x01\x02me\x06secret".to_vec(), vec![1, 0]),
            (
                request,
                b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x16SSH".to_vec(),
            ),
        ];
        assert_eq!(through("socks5", script).await.unwrap(), b"SSH");
    }

    #[tokio::test]
    async fn a_wrong_socks_login_is_told() {
        let script = vec![
            (vec![5, 2, 0, 2], vec![5, 2]),
            (b"\x01\x02me\x06secret".to_vec(), vec![1, 1]),
        ];
        let error = through("socks5", script).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the proxy refuses the connection: user name or password is wrong"
        );
    }
}
