//! Whether two URLs lead to one repository.

use crate::git::Address;

/// Whether two URLs name one repository, by whatever protocol and user: hosts without regard to case, paths without
/// `.git` and slashes around them.
pub(crate) fn same_repository(one: &str, other: &str) -> bool {
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Host and path of a repository; a port counts where it is part of how the host is found.
fn place(url: &str) -> Option<(String, String)> {
    let (address, _) = Address::parse(url).ok()?;
    let (host, path) = match address {
        Address::Http(url) => {
            let host = url.host_str()?.to_ascii_lowercase();
            let host = match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host,
            };
            (host, url.path().to_owned())
        }
        Address::Ssh(ssh) => {
            let host = ssh.host.to_ascii_lowercase();
            let host = match ssh.port {
                22 => host,
                port => format!("{host}:{port}"),
            };
            (host, ssh.path)
        }
        Address::Local(_) => return None,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    Some((host, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::same_repository;

    #[test]
    fn protocol_user_and_suffix_make_no_difference() {
        let url = "https://git.example.org/team/app";
        for other in [
            "https://git.example.org/team/app.git",
            "https://me:secret@Git.Example.org/team/app/",
            "ssh://git@git.example.org/team/app.git",
            "ssh://git@git.example.org:22/team/app",
            "git@git.example.org:team/app.git",
        ] {
            assert!(same_repository(url, other), "{other}");
        }
        for other in [
            "https://git.example.org/team/web",
            "https://git.example.com/team/app",
            "https://git.example.org:8443/team/app",
            "https://git.example.org/Team/app",
            "nonsense",
            "",
        ] {
            assert!(!same_repository(url, other), "{other}");
        }
    }
}
