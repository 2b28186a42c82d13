//! Pages of `docs/`, followed by somebody who pastes every command.

use std::path::Path;

use harness::checkout;
use harness::program::{output, run, shell};

use crate::plugin_install::Desk;

/// A block of a page.
pub(crate) struct Block {
    pub(crate) section: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The blocks of a page of `docs/` in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let page = std::fs::read_to_string(checkout().join("docs").join(page)).unwrap();
    let mut blocks = Vec::new();
    let mut section = String::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                open = Some(Block {
                    section: section.clone(),
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(mut block)) => {
                block.text += &format!("{line}\n");
                open = Some(block);
            }
            (None, None) => {
                if let Some(title) = line.strip_prefix("## ") {
                    title.clone_into(&mut section);
                }
            }
        }
    }
    blocks
}

impl Block {
    /// The commands of a session, each with what it prints.
    pub(crate) fn session(&self) -> Vec<(&str, String)> {
        let mut session: Vec<(&str, String)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), session.last_mut()) {
                (Some(command), _) => session.push((command, String::new())),
                (None, Some((_, printed))) => *printed += &format!("{line}\n"),
                (None, None) => panic!("{line:?} stands before the first command"),
            }
        }
        session
    }
}

impl Desk<'_> {
    /// Runs all commands of a section of a page, each of which has to go well.
    pub(crate) fn follows(&self, page: &str, section: &str) {
        let of_section = |block: &&Block| block.section == section && block.language == "sh";
        let blocks = blocks(page);
        let mut commands = 0;
        for block in blocks.iter().filter(of_section) {
            self.pastes(&block.text);
            commands += block.text.lines().count();
        }
        assert!(commands > 0, "{page} has commands below {section:?}");
    }

    /// Runs a block of commands, each of which has to go well.
    pub(crate) fn pastes(&self, text: &str) {
        let line = format!("set -eu; cd \"$HOME\"\n{text}");
        let mut shell = shell(self.namespace.home(), &line);
        run(shell.env("KUBECONFIG", self.namespace.kubeconfig()));
    }

    /// What a command prints to a terminal, on standard error and then on standard output.
    pub(crate) fn sees(&self, command: &str) -> String {
        let mut shell = shell(self.namespace.home(), command);
        let done = output(shell.env("KUBECONFIG", self.namespace.kubeconfig()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&done.stderr) + &text(&done.stdout)
    }

    /// Puts the manifests where a page has a copy of them, and the kustomization of a block beside them.
    pub(crate) fn copies_manifests(&self, kustomization: &str) {
        let home: &Path = self.namespace.home();
        let manifests = checkout().join("manifests");
        run(&mut shell(
            home,
            &format!("cp -r '{}' \"$HOME\"", manifests.display()),
        ));
        let begin = kustomization.find("https://").unwrap();
        let end = begin + kustomization[begin..].find("   #").unwrap();
        let address = &kustomization[begin..end];
        let (_, folder) = address.rsplit_once("//").unwrap();
        let folder = folder.split('?').next().unwrap();
        std::fs::write(
            home.join("kustomization.yaml"),
            kustomization.replace(address, folder),
        )
        .unwrap();
    }
}
