//! What a Kubernetes Secret holds.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;

/// The data of a Secret: its keys with their decoded values.
pub type SecretData = BTreeMap<String, Vec<u8>>;

/// Returns the data of a Secret, `stringData` winning over `data` as in the cluster.
pub(crate) fn data_of(secret: &Secret) -> SecretData {
    let encoded = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.0.clone()));
    let plain = secret
        .string_data
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone().into_bytes()));
    encoded.chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn string_data_wins_over_data() {
        let secret = Secret {
            data: Some(BTreeMap::from([
                ("both".to_owned(), ByteString(b"encoded".to_vec())),
                ("data".to_owned(), ByteString(vec![0xff])),
            ])),
            string_data: Some(BTreeMap::from([("both".to_owned(), "plain".to_owned())])),
            ..Secret::default()
        };
        let expected = [
            ("both".to_owned(), b"plain".to_vec()),
            ("data".to_owned(), vec![0xff]),
        ];
        assert_eq!(data_of(&secret), SecretData::from(expected));
    }
}
