//! OpenPGP signatures, as `gpg --detach-sign --armor` makes them.

use jiff::Timestamp;
use pgp::composed::{
    ArmorOptions, DetachedSignature, PublicOrSecret, SignedSecretKey, SignedSecretSubKey,
};
use pgp::packet::{
    KeyFlags, SecretKey, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::types::{
    Duration, KeyDetails as _, KeyVersion, Password, S2kParams, SecretParams, SigningKey,
    StringToKey, Timestamp as Seconds,
};
use rustls::crypto::ring::default_provider;
use thiserror::Error;

use super::{SignError, SigningError};
use crate::secret::SecretData;

/// Why an OpenPGP key cannot be read or decrypted; the first two texts are those of Flux's library.
///
/// Nothing of the library that reads the key is repeated: its errors may hold parts of the input.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OpenPgpError {
    /// It is no text that `gpg --armor` writes.
    #[error("openpgp: invalid argument: no armored data found")]
    NoArmor,
    /// The passphrase is wrong.
    #[error("openpgp: invalid data: private key checksum failure")]
    WrongPassphrase,
    /// It is no key, damaged, or of a kind we do not know.
    #[error("openpgp: invalid data: no key that can be read")]
    Unreadable,
    /// Only the public half is there.
    #[error("openpgp: invalid argument: the key has no private part")]
    Public,
    /// It is encrypted in a way we do not know.
    #[error("openpgp: unsupported feature: the encryption of the private key")]
    Encryption,
}

pub(super) fn from_secret(
    secret: &str,
    data: &SecretData,
) -> Result<SignedSecretKey, SigningError> {
    let armored = data
        .get("git.asc")
        .ok_or_else(|| SigningError::NoOpenPgpKey(secret.to_owned()))?;
    let unusable = |source| SigningError::OpenPgp {
        secret: secret.to_owned(),
        source,
    };
    let mut keys = read(armored).map_err(unusable)?;
    let key = keys
        .pop()
        .ok_or_else(|| unusable(OpenPgpError::Unreadable))?;
    if !keys.is_empty() {
        return Err(SigningError::SeveralKeys(secret.to_owned()));
    }
    let PublicOrSecret::Secret(mut key) = key else {
        return Err(unusable(OpenPgpError::Public));
    };
    let passphrase = data.get("passphrase").map(Vec::as_slice);
    unlock(&mut key, secret, passphrase)?;
    Ok(key)
}

/// Reads the keys of the first armored block; what stands before it does not matter.
fn read(armored: &[u8]) -> Result<Vec<PublicOrSecret>, OpenPgpError> {
    let mut lines = armored.split(|byte| *byte == b'\n');
    if !lines.any(|line| line.trim_ascii().starts_with(b"-----BEGIN ")) {
        return Err(OpenPgpError::NoArmor);
    }
    let (keys, _) =
        PublicOrSecret::from_armor_many_buf(armored).map_err(|_| OpenPgpError::Unreadable)?;
    keys.collect::<Result<_, _>>()
        .map_err(|_| OpenPgpError::Unreadable)
}

/// Decrypts the parts that may sign, and the primary key: by it the passphrase is checked even where a subkey signs.
fn unlock(
    key: &mut SignedSecretKey,
    secret: &str,
    passphrase: Option<&[u8]>,
) -> Result<(), SigningError> {
    let passphrase = passphrase.map(Password::from);
    let given = || {
        passphrase.as_ref().ok_or_else(|| SigningError::Locked {
            secret: secret.to_owned(),
            field: "passphrase",
        })
    };
    let failed = |error| SigningError::Unlock {
        secret: secret.to_owned(),
        source: why(&error),
    };
    if is_locked(key.primary_key.secret_params()) {
        key.primary_key.remove_password(given()?).map_err(failed)?;
    }
    for subkey in &mut key.secret_subkeys {
        if signs(subkey).is_some() && is_locked(subkey.key.secret_params()) {
            subkey.key.remove_password(given()?).map_err(failed)?;
        }
    }
    Ok(())
}

fn why(error: &pgp::errors::Error) -> OpenPgpError {
    use pgp::errors::Error;
    match error {
        Error::Unsupported { .. } | Error::Unimplemented { .. } => OpenPgpError::Encryption,
        _ => OpenPgpError::WrongPassphrase,
    }
}

fn is_locked(secret: &SecretParams) -> bool {
    secret.is_encrypted() && !is_stub(secret)
}

/// Whether the secret is elsewhere: GnuPG leaves a stub for a key that is kept offline or on a card.
fn is_stub(secret: &SecretParams) -> bool {
    let SecretParams::Encrypted(secret) = secret else {
        return false;
    };
    match secret.string_to_key_params() {
        S2kParams::Cfb { s2k, .. }
        | S2kParams::MalleableCfb { s2k, .. }
        | S2kParams::Aead { s2k, .. } => matches!(s2k, StringToKey::Private { .. }),
        S2kParams::LegacyCfb { .. } | S2kParams::Unprotected => false,
    }
}

/// Signs at the given time.
pub(super) fn sign(
    key: &SignedSecretKey,
    commit: &[u8],
    time: Timestamp,
) -> Result<String, SignError> {
    let time = u32::try_from(time.as_second()).unwrap_or(u32::MAX);
    let time = Seconds::from_secs(time);
    let part = choose(key, time).map_err(SignError::NoValidKey)?;
    let sign = || {
        let (algorithm, hash) = (part.algorithm(), part.hash_alg());
        let mut config = match part.version() {
            KeyVersion::V6 => {
                let salt = salt(hash.salt_len().unwrap_or_default());
                SignatureConfig::v6_with_salt(SignatureType::Binary, algorithm, hash, salt)
            }
            _ => SignatureConfig::v4(SignatureType::Binary, algorithm, hash),
        };
        let regular = Subpacket::regular;
        config.hashed_subpackets = vec![
            regular(SubpacketData::IssuerFingerprint(part.fingerprint()))?,
            regular(SubpacketData::SignatureCreationTime(time))?,
        ];
        if part.version() != KeyVersion::V6 {
            let issuer = SubpacketData::IssuerKeyId(part.legacy_key_id());
            config.unhashed_subpackets = vec![regular(issuer)?];
        }
        // It is decrypted already.
        let signature = config.sign(&Box::new(part), &Password::empty(), commit)?;
        DetachedSignature::new(signature).to_armored_string(ArmorOptions::default())
    };
    sign().map_err(|error| SignError::OpenPgp(Box::new(error)))
}

/// Random bytes; signatures of version 6 begin with some.
fn salt(length: usize) -> Vec<u8> {
    let mut salt = vec![0; length];
    default_provider()
        .secure_random
        .fill(&mut salt)
        .expect("the system has random numbers, or TLS would not work either");
    salt
}

/// Chooses the part of a key that signs: the signing subkey with the newest binding, else the primary key.
///
/// Signatures in the key are not verified: whoever could forge them owns the Secret, and with it the key.
///
/// # Errors
///
/// Why the key must not sign at that time.
fn choose(key: &SignedSecretKey, time: Seconds) -> Result<&dyn SigningKey, &'static str> {
    let primary = &key.primary_key;
    if !key.details.revocation_signatures.is_empty() {
        return Err("the key is revoked");
    }
    let own = self_signature(key).ok_or("the key has no signature of its own")?;
    if own.typ() == Some(SignatureType::CertRevocation) {
        return Err("the user ID of the key is revoked");
    }
    if !is_valid(primary.created_at(), own, time) {
        return Err("the key has expired, or its time has not come");
    }
    let subkeys = key.secret_subkeys.iter().filter_map(|subkey| {
        let binding = signs(subkey)?;
        let usable = is_valid(subkey.key.created_at(), binding, time)
            && !is_stub(subkey.key.secret_params());
        usable.then_some((binding.created(), &subkey.key))
    });
    // Of equals the first counts, where `max_by_key` takes the last.
    let newest = subkeys.reduce(|best, other| if other.0 > best.0 { other } else { best });
    if let Some((_, subkey)) = newest {
        return Ok(subkey);
    }
    if is_stub(primary.secret_params()) {
        return Err("there is no signing subkey, and the primary key is kept elsewhere");
    }
    // A key that does not say what it is for may be used for everything.
    let flags = own.key_flags();
    if !primary.algorithm().can_sign() || !(flags.sign() || flags == KeyFlags::default()) {
        return Err("neither the key nor any subkey in force is for signing");
    }
    Ok(primary)
}

/// Returns the binding of a subkey that is for signing and was not revoked.
fn signs(subkey: &SignedSecretSubKey) -> Option<&Signature> {
    let of = |kind| {
        let signatures = subkey.signatures.iter();
        signatures.filter(move |signature| signature.typ() == Some(kind))
    };
    if of(SignatureType::SubkeyRevocation).next().is_some() {
        return None;
    }
    let bindings = of(SignatureType::SubkeyBinding);
    let binding = bindings.max_by_key(|binding| binding.created())?;
    (binding.key_flags().sign() && subkey.key.algorithm().can_sign()).then_some(binding)
}

/// Returns the signature by which a primary key says what it is for, and how long.
///
/// It is the newest one on the main user ID, which may also be its revocation; keys of version 6, and keys without user
/// ID, sign themselves directly.
fn self_signature(key: &SignedSecretKey) -> Option<&Signature> {
    let primary = &key.primary_key;
    let direct = newest_by(primary, &key.details.direct_signatures);
    if primary.version() == KeyVersion::V6 {
        return direct;
    }
    let users = key.details.users.iter();
    let signatures = users.filter_map(|user| newest_by(primary, &user.signatures));
    let main = signatures.max_by_key(|signature| {
        let revoked = signature.typ() == Some(SignatureType::CertRevocation);
        (!revoked, signature.is_primary(), signature.created())
    });
    main.or(direct)
}

/// Returns the newest of `signatures` that is by this key; others certify only that they know its owner.
fn newest_by<'a>(key: &SecretKey, signatures: &'a [Signature]) -> Option<&'a Signature> {
    let (id, fingerprint) = (key.legacy_key_id(), key.fingerprint());
    let own = signatures.iter().filter(|signature| {
        signature.issuer_key_id().contains(&&id)
            || signature.issuer_fingerprint().contains(&&fingerprint)
    });
    own.max_by_key(|signature| signature.created())
}

/// Whether a key made at `created` is in force by what its signature says.
fn is_valid(created: Seconds, signature: &Signature, time: Seconds) -> bool {
    let within = |from: Option<Seconds>, lifetime: Option<Duration>| {
        let from = from.unwrap_or_default().as_secs();
        let lifetime = lifetime.map_or(0, |lifetime| lifetime.as_secs());
        from <= time.as_secs() && (lifetime == 0 || time.as_secs() <= from.saturating_add(lifetime))
    };
    within(Some(created), signature.key_expiration_time())
        && within(signature.created(), signature.signature_expiration_time())
}
