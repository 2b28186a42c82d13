//! Private SSH keys as people keep them: OpenSSH's own form, PKCS#1, PKCS#8 and SEC 1, each also encrypted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp::crypto::hash::HashAlgorithm;
use russh::keys::ssh_key::Cipher;
use russh::keys::{PrivateKey, decode_secret_key, pkcs8};
use secrecy::zeroize::Zeroizing;
use thiserror::Error;

/// Why a private key cannot be used; the texts are those of Go's libraries.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// There is none.
    #[error("ssh: no key found")]
    NoKey,
    /// It is of a kind, or encrypted in a way, that we do not know.
    #[error("ssh: unsupported key type \"{0}\"")]
    Unsupported(String),
    /// It is damaged.
    #[error("ssh: malformed private key")]
    Malformed,
    /// It is encrypted and there is no password.
    #[error("ssh: this private key is passphrase protected")]
    Encrypted,
    /// The password is wrong.
    #[error("x509: decryption password incorrect")]
    WrongPassword,
}

/// Parses the first private key in a text of PEM blocks; `password` only counts for one that is encrypted.
pub(super) fn parse(text: &str, password: Option<&[u8]>) -> Result<PrivateKey, KeyError> {
    let block = Block::find(text).ok_or(KeyError::NoKey)?;
    match block.label {
        "OPENSSH PRIVATE KEY" => {
            let key = PrivateKey::from_bytes(&block.content).map_err(|_| KeyError::Malformed)?;
            if !key.is_encrypted() {
                return Ok(key);
            }
            let password = password.ok_or(KeyError::Encrypted)?;
            key.decrypt(password).map_err(|_| KeyError::WrongPassword)
        }
        "ENCRYPTED PRIVATE KEY" => {
            let password = password.ok_or(KeyError::Encrypted)?;
            pkcs8::decode_pkcs8(&block.content, Some(password)).map_err(|_| KeyError::WrongPassword)
        }
        "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "PRIVATE KEY" => match block.encryption() {
            None => decode(block.label, &block.content).ok_or(KeyError::Malformed),
            Some(info) => {
                let password = password.ok_or(KeyError::Encrypted)?;
                let encryption = Legacy::parse(info)
                    .ok_or_else(|| KeyError::Unsupported(block.label.to_owned()))?;
                let plain = encryption.decrypt(&block.content, password);
                // The form has no checksum: a wrong password may also end in noise.
                plain
                    .and_then(|plain| decode(block.label, &plain))
                    .ok_or(KeyError::WrongPassword)
            }
        },
        other => Err(KeyError::Unsupported(other.to_owned())),
    }
}

/// Decodes the DER of a key that is not encrypted, or no longer.
fn decode(label: &str, der: &[u8]) -> Option<PrivateKey> {
    if label != "RSA PRIVATE KEY" {
        return pkcs8::decode_pkcs8(der, None).ok();
    }
    let encoded = Zeroizing::new(STANDARD.encode(der));
    let pem = Zeroizing::new(format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        encoded.as_str()
    ));
    decode_secret_key(&pem, None).ok()
}

/// A PEM block.
struct Block<'a> {
    /// What it says it holds.
    label: &'a str,
    /// Its headers in their order.
    headers: Vec<(&'a str, &'a str)>,
    /// What it holds, decoded.
    content: Zeroizing<Vec<u8>>,
}

impl<'a> Block<'a> {
    /// Finds the first block with a private key; what stands before it, such as the parameters of a curve, does not matter.
    fn find(text: &'a str) -> Option<Self> {
        let mut rest = text;
        loop {
            let (_, begun) = rest.split_once("-----BEGIN ")?;
            let (label, inside) = begun.split_once("-----")?;
            if label.ends_with("PRIVATE KEY") && !label.contains('\n') {
                let (inside, _) = inside.split_once(&format!("-----END {label}-----"))?;
                return Self::read(label, inside);
            }
            rest = begun;
        }
    }

    fn read(label: &'a str, inside: &'a str) -> Option<Self> {
        let mut headers = Vec::new();
        let mut encoded = Zeroizing::new(String::with_capacity(inside.len()));
        for line in inside.lines().map(str::trim) {
            match line.split_once(':') {
                Some((name, value)) => headers.push((name, value.trim())),
                None => encoded.push_str(line),
            }
        }
        let content = STANDARD.decode(encoded.as_bytes()).ok()?;
        Some(Self {
            label,
            headers,
            content: Zeroizing::new(content),
        })
    }

    fn header(&self, wanted: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(name, _)| *name == wanted)?;
        Some(value)
    }

    /// How the content is encrypted, if the headers say that it is.
    fn encryption(&self) -> Option<&'a str> {
        self.header("Proc-Type")?
            .contains("ENCRYPTED")
            .then_some(())?;
        Some(self.header("DEK-Info").unwrap_or_default())
    }
}

/// The encryption of RFC 1421 as OpenSSL does it: the key comes from the password by MD5.
struct Legacy {
    cipher: Cipher,
    iv: [u8; 16],
}

impl Legacy {
    /// Reads the value of `DEK-Info`, such as `AES-128-CBC,00112233…`.
    fn parse(info: &str) -> Option<Self> {
        let (name, iv) = info.split_once(',')?;
        let cipher = match name {
            "AES-128-CBC" => Cipher::Aes128Cbc,
            "AES-192-CBC" => Cipher::Aes192Cbc,
            "AES-256-CBC" => Cipher::Aes256Cbc,
            _ => return None,
        };
        let iv = u128::from_str_radix(iv, 16)
            .ok()
            .filter(|_| iv.len() == 32)?;
        Some(Self {
            cipher,
            iv: iv.to_be_bytes(),
        })
    }

    fn decrypt(&self, content: &[u8], password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (key_size, _) = self.cipher.key_and_iv_size()?;
        let salt = &self.iv[..8];
        let mut key = Zeroizing::new(Vec::new());
        let mut last = Zeroizing::new(Vec::new());
        while key.len() < key_size {
            let input = Zeroizing::new([&last, password, salt].concat());
            last = Zeroizing::new(HashAlgorithm::Md5.digest(&input).ok()?);
            key.extend_from_slice(&last);
        }
        let mut plain = Zeroizing::new(content.to_vec());
        let done = self
            .cipher
            .decrypt(&key[..key_size], &self.iv, &mut plain, None);
        done.ok()?;
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        let padded = (1..=16).contains(&padding)
            && plain[length..]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        plain.truncate(length);
        padded.then_some(plain)
    }
}

#[cfg(test)]
mod tests;
