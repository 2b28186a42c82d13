//! `docs/install.md`, followed by somebody who pastes every command.

use harness::ControlPlane;

use crate::page::blocks;
use crate::plugin_install::Desk;

const PAGE: &str = "install.md";

#[test]
fn the_page_works_in_an_empty_cluster() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.follows(PAGE, "Installing");
    desk.follows(PAGE, "Removing");
    assert_eq!(desk.kubectl("get crd -oname"), "");

    // The folder that the kustomization names is here.
    let home = desk.namespace.home();
    let blocks = blocks(PAGE);
    let mut of_kustomize = blocks
        .iter()
        .filter(|block| block.language == "yaml" && block.text.contains("# kustomization.yaml"));
    desk.copies_manifests(&of_kustomize.next().unwrap().text);
    desk.follows(PAGE, "With kustomize, or from Git");
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
    desk.follows(PAGE, "Taking over from Flux");
    assert_eq!(desk.replicas("imgauto-reconciler"), "1");
    assert_eq!(desk.replicas("image-reflector-controller"), "0");
    desk.follows(PAGE, "Going back");
    assert_eq!(desk.replicas("image-reflector-controller"), "1");
    let left = desk.kubectl(
        "-n flux-system get deployment,role,service -oname -l app.kubernetes.io/part-of=imgauto",
    );
    assert_eq!(left, "");
}
