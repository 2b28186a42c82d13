//! Whether a policy may use a repository of another namespace.

use std::collections::BTreeMap;

use api::repository::AccessFrom;
use engine::tie::is_granted;

use crate::resources::ObjectKey;

/// The text behind `failed to get the referred ImageRepository: ` when no policy may look into other namespaces.
pub(super) fn blocked(repository: &ObjectKey) -> String {
    format!(
        "cannot access 'ImageRepository/{repository}', cross-namespace references have been blocked"
    )
}

/// Checks that a repository lets the policies of a namespace with these labels in.
///
/// # Errors
/// The text behind `failed to get the referred ImageRepository: `.
pub(super) fn check(
    repository: &ObjectKey,
    access: Option<&AccessFrom>,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(access) = access else {
        return Err(format!(
            "access denied: '{repository}' can't be accessed due to missing ACL labels on 'accessFrom'"
        ));
    };
    let selectors = access.namespace_selectors.iter();
    if is_granted(selectors.map(|selector| &selector.match_labels), labels) {
        Ok(())
    } else {
        Err(format!(
            "access denied: '{repository}' can't be accessed due to ACL labels mismatch on namespace '{namespace}'"
        ))
    }
}

#[cfg(test)]
mod tests {
    use api::repository::NamespaceSelector;

    use super::*;

    /// What a namespace `team` with labels `a: 1` and `b: 2` is told by these selectors.
    fn check_selectors(selectors: Option<&[&[(&str, &str)]]>) -> Result<(), String> {
        let labels = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let access = selectors.map(|selectors| AccessFrom {
            namespace_selectors: selectors
                .iter()
                .map(|selector| NamespaceSelector {
                    match_labels: labels(selector),
                })
                .collect(),
        });
        let repository = ObjectKey::new("images", "app");
        let own = labels(&[("a", "1"), ("b", "2")]);
        check(&repository, access.as_ref(), "team", &own)
    }

    #[test]
    fn row_115_without_a_list_nobody_is_let_in() {
        assert_eq!(
            check_selectors(None).unwrap_err(),
            "access denied: 'images/app' can't be accessed due to missing ACL labels on 'accessFrom'"
        );
    }

    #[test]
    fn row_116_an_empty_list_lets_nobody_in() {
        assert_eq!(
            check_selectors(Some(&[])).unwrap_err(),
            "access denied: 'images/app' can't be accessed due to ACL labels mismatch on namespace 'team'"
        );
    }

    #[test]
    fn row_117_a_selector_without_labels_lets_everybody_in() {
        assert_eq!(check_selectors(Some(&[&[]])), Ok(()));
    }

    #[test]
    fn row_118_one_selector_of_several_is_enough() {
        assert_eq!(
            check_selectors(Some(&[&[("a", "x")], &[("b", "2")]])),
            Ok(())
        );
    }

    #[test]
    fn row_119_all_labels_of_a_selector_have_to_match() {
        assert!(check_selectors(Some(&[&[("a", "1"), ("b", "x")]])).is_err());
        assert_eq!(check_selectors(Some(&[&[("a", "1"), ("b", "2")]])), Ok(()));
    }

    #[test]
    fn a_block_names_the_repository() {
        assert_eq!(
            blocked(&ObjectKey::new("images", "app")),
            "cannot access 'ImageRepository/images/app', cross-namespace references have been blocked"
        );
    }
}
