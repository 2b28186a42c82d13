//! Git over SSH: a real `sshd` for each connection, with keys of its own.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::git::{Forge, write_script};
use crate::program::run;
use crate::serve::Listening;

/// An SSH server on loopback that runs nothing but Git.
///
/// The user who runs the test logs in as itself.
pub struct SshServer {
    listening: Listening,
    folder: TempDir,
    root: PathBuf,
    user: String,
}

/// A key pair of `ssh-keygen`.
#[derive(Clone, Debug)]
pub struct SshKey {
    /// The private key, as OpenSSH writes it.
    pub private: String,
    /// The public key, one line.
    pub public: String,
}

/// The kinds of keys people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshKeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA with 2048 bits.
    Rsa,
}

impl SshKey {
    /// Makes a key; with a passphrase, the private key is encrypted.
    pub fn generate(kind: SshKeyKind, passphrase: Option<&str>) -> Self {
        let folder = temporary();
        let path = folder.path().join("key");
        let (name, bits) = match kind {
            SshKeyKind::Ed25519 => ("ed25519", "256"),
            SshKeyKind::Ecdsa => ("ecdsa", "256"),
            SshKeyKind::Rsa => ("rsa", "2048"),
        };
        let mut keygen = Command::new("ssh-keygen");
        keygen.args([
            "-q",
            "-C",
            "test",
            "-t",
            name,
            "-b",
            bits,
            "-N",
            passphrase.unwrap_or_default(),
            "-f",
        ]);
        run(keygen.arg(&path));
        let read = |path: &Path| std::fs::read_to_string(path).expect("ssh-keygen wrote it");
        Self {
            private: read(&path),
            public: read(&path.with_extension("pub")),
        }
    }
}

impl SshServer {
    /// Serves the repositories of a forge to the holders of `keys`, under a host key of the given kind.
    pub fn start(forge: &Forge, host_key: SshKeyKind, keys: &[&SshKey]) -> Self {
        let folder = temporary();
        let path = folder.path().to_path_buf();
        let host_key = SshKey::generate(host_key, None);
        write_private(&path.join("host"), &host_key.private);
        let authorized: String = keys.iter().map(|key| key.public.as_str()).collect();
        write_private(&path.join("authorized"), &authorized);
        write_private(&path.join("host.pub"), &host_key.public);
        write_script(&path.join("session"), &session(&path));
        write_private(&path.join("config"), &config(&path));
        let user = run(Command::new("id").arg("-un")).trim_end().to_owned();
        let sshd = find_sshd();
        if user == "root" {
            // sshd drops its rights into this folder; a package installed without an init system leaves it out.
            std::fs::create_dir_all("/run/sshd").expect("root may make folders");
        }
        let listening = Listening::start(move |stream| serve(stream, sshd.clone(), path.clone()));
        Self {
            listening,
            folder,
            root: forge.root().to_path_buf(),
            user,
        }
    }

    /// The address of a repository of the forge.
    pub fn url(&self, repository: &str) -> String {
        let path = self.root.join(repository);
        format!(
            "ssh://{}@{}{}",
            self.user,
            self.listening.address(),
            path.display()
        )
    }

    /// The line of `known_hosts` for this server.
    pub fn known_hosts(&self) -> String {
        let address = self.listening.address();
        let public = std::fs::read_to_string(self.folder.path().join("host.pub"))
            .expect("the server wrote it");
        let key = public.trim_end().trim_end_matches(" test");
        format!("[{}]:{} {key}\n", address.ip(), address.port())
    }

    /// Runs a shell script before every `git-receive-pack`, so before a push learns where the branches are.
    pub fn before_push(&self, script: &str) {
        write_script(&self.folder.path().join("before-push"), script);
    }

    /// The commands that clients ran so far, such as `git-upload-pack '/…/fleet'`.
    pub fn commands(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("commands")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// What sshd said, for messages of failing tests.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Lets one sshd speak on a connection; it ends with it, so nothing outlives a killed test.
async fn serve(stream: TcpStream, sshd: PathBuf, folder: PathBuf) {
    let stream = stream.into_std().expect("the socket is ours");
    stream.set_nonblocking(false).expect("the socket is ours");
    let input = OwnedFd::from(stream);
    let output = input.try_clone().expect("there are free descriptors");
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    let mut command = tokio::process::Command::new(sshd);
    command.args(["-i", "-e", "-f"]).arg(folder.join("config"));
    command
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output));
    command.stderr(log.expect("the folder is writable"));
    let mut child = command.kill_on_drop(true).spawn().expect("sshd was found");
    // The command would keep the connection open after sshd's end.
    drop(command);
    child.wait().await.ok();
}

fn find_sshd() -> PathBuf {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].map(PathBuf::from);
    let found = places.into_iter().find(|path| path.exists());
    found.expect("there is no sshd; `make setup` installs it")
}

/// What every login runs in place of what it asked for.
fn session(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"#!/bin/sh
echo "$SSH_ORIGINAL_COMMAND" >>'{folder}/commands'
case "$SSH_ORIGINAL_COMMAND" in
git-receive-pack*) if [ -x '{folder}/before-push' ]; then '{folder}/before-push'; fi ;;
esac
exec git shell -c "$SSH_ORIGINAL_COMMAND"
"#
    )
}

/// The home is the server's folder: the start-up files of the tester's own shell may take longer than all of Git.
fn config(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
ForceCommand {folder}/session
SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null HOME={folder}
AcceptEnv GIT_PROTOCOL
UsePAM no
StrictModes no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxAuthTries 3
UseDNS no
LogLevel INFO
"
    )
}

fn write_private(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, content).expect("the folder is writable");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .expect("the file is ours");
}

fn temporary() -> TempDir {
    TempDir::with_prefix("imgauto-ssh-").expect("the temporary folder is writable")
}
