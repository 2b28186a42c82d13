//! `docs/install.md`, followed by somebody who pastes every command.

use harness::program::{run, shell};
use harness::{ControlPlane, checkout};

use crate::plugin_install::Desk;

/// A block of the page.
struct Block {
    section: String,
    language: String,
    text: String,
}

/// The blocks of the page in their order.
fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string(checkout().join("docs/install.md")).unwrap();
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

impl Desk<'_> {
    /// Runs all commands of a section, each of which has to go well.
    fn follows(&self, section: &str) {
        let of_section = |block: &&Block| block.section == section && block.language == "sh";
        let blocks = blocks();
        let mut commands = 0;
        for block in blocks.iter().filter(of_section) {
            let line = format!("set -eu; cd \"$HOME\"\n{}", block.text);
            let mut shell = shell(self.namespace.home(), &line);
            run(shell.env("KUBECONFIG", self.namespace.kubeconfig()));
            commands += block.text.lines().count();
        }
        assert!(commands > 1, "the page has commands below {section:?}");
    }
}

#[test]
fn the_page_works_in_an_empty_cluster() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.follows("Installing");
    desk.follows("Removing");
    assert_eq!(desk.kubectl("get crd -oname"), "");

    // The folder that the kustomization names is here.
    let home = desk.namespace.home();
    let copy = format!(
        "cp -r '{}' \"$HOME\"",
        checkout().join("manifests").display()
    );
    run(&mut shell(home, &copy));
    let blocks = blocks();
    let mut of_kustomize = blocks
        .iter()
        .filter(|block| block.language == "yaml" && block.text.contains("# kustomization.yaml"));
    let kustomization = of_kustomize.next().unwrap().text.clone();
    let begin = kustomization.find("https://").unwrap();
    let end = begin + kustomization[begin..].find("   #").unwrap();
    let here = kustomization.replace(&kustomization[begin..end], "manifests");
    std::fs::write(home.join("kustomization.yaml"), here).unwrap();
    desk.follows("With kustomize, or from Git");
    // What kubectl applied is imgauto's own, and the plugin goes on from there.
    let said = desk.does("install");
    assert!(
        said.contains("► registry registry.example.com/tools, as it is\n"),
        "{said}"
    );
    for file in ["imgauto.yaml", "imgauto-for-this-cluster.yaml"] {
        let text = std::fs::read_to_string(home.join(file)).unwrap();
        assert!(text.contains("kind: Deployment"), "{file}");
    }
}

#[test]
fn the_page_works_in_a_cluster_with_flux() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.brings_flux();
    desk.follows("Taking over from Flux");
    assert_eq!(desk.replicas("imgauto-reconciler"), "1");
    assert_eq!(desk.replicas("image-reflector-controller"), "0");
    desk.follows("Going back");
    assert_eq!(desk.replicas("image-reflector-controller"), "1");
    let left = desk.kubectl(
        "-n flux-system get deployment,role,service -oname -l app.kubernetes.io/part-of=imgauto",
    );
    assert_eq!(left, "");
}
